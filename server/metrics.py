"""What Prometheus reads: counted where it happens, in one registry that its owner passes on."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5)


class Metrics:
    """The metrics of one server. Labels are few and fixed: a feed's name is never one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.frames_seen = Counter(
            "vigie_frames_seen", "Frames that arrived from feeds.", ["kind"], registry=self.registry
        )
        self.frames_looked_at = Counter(
            "vigie_frames_looked_at", "Frames the model looked at.", ["kind"], registry=self.registry
        )
        self.frames_dropped = Counter(
            "vigie_frames_dropped",
            "Frames never looked at because a newer one came first, by cause: still (nothing moved), rate (no look was "
            "due yet), busy (a look was due, no worker free), lost (overtaken before they reached the feed).",
            ["kind", "cause"],
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "vigie_stage_seconds",
            "Seconds by stage. Of a look: wait (frame received to worker), preprocess, inference, postprocess. "
            "Of video out: encode (draw and encode one picture). Of events: store (write those that wait). "
            "Of evidence: record (code one picture for clips).",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.look_seconds = Histogram(
            "vigie_look_seconds",
            "Seconds from a frame received to its boxes ready.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.sight_to_alert_seconds = Histogram(
            "vigie_sight_to_alert_seconds",
            "Seconds from the first sight of what is confirmed to its event being kept and about to be told.",
            buckets=(0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30),
            registry=self.registry,
        )
        self.look_failures = Counter("vigie_look_failures", "Looks that ended in an error.", registry=self.registry)
        self.model_changes = Counter(
            "vigie_model_changes",
            "Changes of the model, by outcome: active, failed (before it looked), rolled-back (while it was new).",
            ["outcome"],
            registry=self.registry,
        )
        self.detector_fallback = Gauge(
            "vigie_detector_fallback",
            "Whether the model runs on the CPU although detector.device asks for another device.",
            registry=self.registry,
        )
        self.events = Counter("vigie_events", "Changes of state of events.", ["state"], registry=self.registry)
        self.events_lost = Counter(
            "vigie_events_lost", "Changes of events that could not be kept.", registry=self.registry
        )
        self.deliveries = Counter(
            "vigie_deliveries",
            "Tries to deliver, by outcome: delivered, failed, refused, gone; and dead, what was given up.",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self.deliveries_kept = Gauge(
            "vigie_deliveries_kept", "Deliveries that are waiting or dead.", ["state"], registry=self.registry
        )
        self.delivery_seconds = Histogram(
            "vigie_delivery_seconds",
            "Seconds from a change of an event to its delivery.",
            buckets=(*SECONDS, 15, 60, 300, 3600, 21_600, 86_400),
            registry=self.registry,
        )
        self.evidence = Counter(
            "vigie_evidence", "Events whose evidence was finished, by its state.", ["state"], registry=self.registry
        )
        self.evidence_bytes = Gauge("vigie_evidence_bytes", "Evidence that is kept.", registry=self.registry)
        self.evidence_tape_bytes = Gauge(
            "vigie_evidence_tape_bytes",
            "Video held in memory for what clips begin with, of all feeds of a kind.",
            ["kind"],
            registry=self.registry,
        )
        self.evidence_waiting = Gauge(
            "vigie_evidence_waiting", "Events whose evidence has not reached the bucket.", registry=self.registry
        )
        self.cameras = Gauge("vigie_cameras", "Cameras by state.", ["state"], registry=self.registry)
        self.feeds = Gauge("vigie_feeds", "Feeds open now.", ["kind"], registry=self.registry)
        self.sessions = Gauge(
            "vigie_sessions", "Sessions of viewers and visitors open now.", ["transport"], registry=self.registry
        )
        self.pictures = Counter(
            "vigie_pictures", "Single pictures answered, by outcome.", ["outcome"], registry=self.registry
        )

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
