"""What Vigie says of a feed, as JSON: the same on a data channel, a WebSocket and in the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ..camera import Camera
from ..core.analyzer import SeenTrack
from ..core.detections import Detections
from ..core.events import Event
from ..core.history import Sample
from ..core.rates import Delay
from ..feed import Feed, Looked, Message, Stats
from ..looker import Timing
from ..plugins import ModelInfo
from ..urls import redacted
from ..wire import box_body, compact, event_body, iso

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
    return compact(body)


def hello_text(feed: Feed, mode: str, model: ModelInfo) -> str:
    """The first message of a session."""
    body = {"type": "hello", "feed": feed.name, "mode": mode, "model": {"name": model.name, "labels": model.labels}}
    return compact(body)


def closed_text(reason: str) -> str:
    """The last message of a session that the server ends."""
    return json.dumps({"type": "closed", "reason": reason})


def stats_body(stats: Stats) -> Json:
    """A feed's figures as the API shows them."""
    return {
        "state": stats.state,
        "reason": stats.reason,
        "since": iso(stats.since),
        "next_try_at": iso(stats.next_try_at),
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
        "policy": of.policy and of.policy.model_dump(exclude_none=True),
        "origin": camera.origin,
        "codec": camera.codec,
        "viewers": viewers,
        **stats_body(camera.feed.stats()),
    }


def history_body(samples: list[Sample]) -> list[Json]:
    """A feed's last hour as the API shows it."""
    return [
        {
            "at": iso(sample.at),
            "state": sample.state,
            "frames_per_second": round(sample.frames_per_second, 2),
            "looks_per_second": round(sample.looks_per_second, 2),
            "delay_ms": None if sample.delay_p95 is None else round(sample.delay_p95 * 1000, 1),
            "moving": round(sample.moving, 3),
            "skipped": asdict(sample.skipped),
        }
        for sample in samples
    ]


def detections_body(detections: Detections, labels: Sequence[str]) -> list[Json]:
    """The detections of a single picture as the API shows them."""
    rows = zip(detections.boxes.tolist(), detections.scores.tolist(), detections.classes.tolist(), strict=True)
    return [{"label": labels[kind], "confidence": round(score, 4), "box": box_body(box)} for box, score, kind in rows]


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
        "box": box_body(box),
        "velocity": {"x": round(float(seen.track.velocity[0]), 1), "y": round(float(seen.track.velocity[1]), 1)},
        "state": seen.state,
    }


def _delay(delay: Delay | None) -> Json | None:
    return {"median": round(delay.median * 1000, 1), "p95": round(delay.p95 * 1000, 1)} if delay else None
