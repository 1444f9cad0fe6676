"""What Vigie says of a feed, as JSON: the same on a data channel, a WebSocket and in the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ..camera import Camera
from ..core.analyzer import SeenTrack
from ..core.detections import Detections
from ..core.events import Event
from ..core.history import Sample
from ..core.rates import Delay
from ..detector import Timing
from ..feed import Feed, Looked, Message, Stats
from ..plugins import ModelInfo
from ..urls import redacted

Json = dict[str, Any]


def text_of(message: Message, rtp_timestamp: Callable[[int], int | None] = lambda _: None) -> str:
    """A message of a feed as a JSON text. ``rtp_timestamp`` turns the feed's media clock into the reader's RTP time."""
    match message:
        case Looked():
            body = _boxes(message, rtp_timestamp(message.observation.frame.timestamp))
        case Event():
            body = {"type": "event", "event": event_body(message)}
        case Stats():
            body = {"type": "stats", **stats_body(message)}
    return json.dumps(body, separators=(",", ":"))


def hello_text(feed: Feed, mode: str, model: ModelInfo) -> str:
    """The first message of a session."""
    body = {"type": "hello", "feed": feed.name, "mode": mode, "model": {"name": model.name, "labels": model.labels}}
    return json.dumps(body, separators=(",", ":"))


def closed_text(reason: str) -> str:
    """The last message of a session that the server ends."""
    return json.dumps({"type": "closed", "reason": reason})


def event_body(event: Event) -> Json:
    """An event as the API shows it."""
    return {
        "id": event.id,
        "revision": event.revision,
        "state": event.state,
        "camera": event.feed,
        "label": event.label,
        "first_seen": _iso(event.first_seen),
        "last_seen": _iso(event.last_seen),
        "confirmed_at": _iso(event.confirmed_at),
        "ended_at": _iso(event.ended_at),
        "best_score": round(event.best_score, 4),
        "looks": event.looks,
        "hits": event.hits,
        "track_id": event.track_id,
        "box": _box(event.box),
        "image": {"width": event.width, "height": event.height},
    }


def stats_body(stats: Stats) -> Json:
    """A feed's figures as the API shows them."""
    return {
        "state": stats.state,
        "reason": stats.reason,
        "since": _iso(stats.since),
        "next_try_at": _iso(stats.next_try_at),
        "suspicion": stats.suspicion,
        "moving": stats.moving,
        "width": stats.width,
        "height": stats.height,
        "frames_per_second": round(stats.frames_per_second, 2),
        "looks_per_second": round(stats.looks_per_second, 2),
        "delay_ms": _delay(stats.delay),
        "frames": {
            "seen": stats.frames_seen,
            "looked_at": stats.frames_looked_at,
            "dropped": stats.frames_dropped,
            "skipped": asdict(stats.skipped),
        },
    }


def camera_body(camera: Camera, viewers: int) -> Json:
    """A camera as the API shows it: without anything that lets somebody in."""
    of = camera.settings
    return {
        "name": of.name,
        "kind": of.kind,
        "url": redacted(of.url),
        "credentials": of.username is not None or of.password is not None,
        "transport": of.transport,
        "loop": of.loop,
        "look_rate": of.look_rate,
        "zones": of.zones,
        "masks": of.masks,
        "motion_gate": of.motion_gate,
        "enabled": of.enabled,
        "labels": of.labels,
        "origin": camera.origin,
        "codec": camera.codec,
        "viewers": viewers,
        **stats_body(camera.feed.stats()),
    }


def history_body(samples: list[Sample]) -> list[Json]:
    """A feed's last hour as the API shows it."""
    return [
        {
            "at": _iso(sample.at),
            "state": sample.state,
            "frames_per_second": round(sample.frames_per_second, 2),
            "looks_per_second": round(sample.looks_per_second, 2),
            "delay_ms": None if sample.delay_p95 is None else round(sample.delay_p95 * 1000, 1),
            "moving": round(sample.moving, 3),
            "skipped": asdict(sample.skipped),
        }
        for sample in samples
    ]


def detections_body(detections: Detections, labels: tuple[str, ...]) -> list[Json]:
    """The detections of a single picture as the API shows them."""
    rows = zip(detections.boxes.tolist(), detections.scores.tolist(), detections.classes.tolist(), strict=True)
    return [{"label": labels[kind], "confidence": round(score, 4), "box": _box(box)} for box, score, kind in rows]


def timing_body(timing: Timing) -> Json:
    """The stages of a look in milliseconds."""
    return {
        stage: round(getattr(timing, stage) * 1000, 2) for stage in ("wait", "preprocess", "inference", "postprocess")
    }


def _boxes(looked: Looked, rtp_timestamp: int | None) -> Json:
    observation = looked.observation
    frame = observation.frame
    detections = observation.detections
    rows = zip(observation.tracks, detections.boxes.tolist(), detections.scores.tolist(), strict=True)
    return {
        "type": "boxes",
        "feed": frame.feed,
        "sequence": frame.sequence,
        "timestamp": frame.timestamp,
        "rtp_timestamp": rtp_timestamp,
        "image": {"width": frame.picture.width, "height": frame.picture.height},
        "detections": [_tracked(seen, box, score) for seen, box, score in rows],
        "delay_ms": round(looked.delay_s * 1000, 1),
        "timing_ms": timing_body(looked.timing),
    }


def _tracked(seen: SeenTrack, box: list[float], score: float) -> Json:
    return {
        "track_id": seen.track.id,
        "label": seen.label,
        "confidence": round(score, 4),
        "box": _box(box),
        "velocity": {"x": round(float(seen.track.velocity[0]), 1), "y": round(float(seen.track.velocity[1]), 1)},
        "state": seen.state,
    }


def _box(box: list[float] | tuple[float, ...]) -> Json:
    return dict(zip(("x1", "y1", "x2", "y2"), (round(float(value), 1) for value in box), strict=True))


def _delay(delay: Delay | None) -> Json | None:
    return {"median": round(delay.median * 1000, 1), "p95": round(delay.p95 * 1000, 1)} if delay else None


def _iso(unix: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if unix is None:
        return None
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
