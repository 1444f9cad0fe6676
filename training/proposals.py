"""Pictures of one judged event, with the boxes that the detector saw in them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import av
from PIL import Image

from server.core.events import Verdict
from server.core.evidence import CLEAN, CLIP, DETECTIONS, MANIFEST
from server.core.replay import RecordingError, read_recording
from server.store.rows import StoredEvent

from .kept import KeptEvidence

SAME_S = 0.05
"""A look is at the key frame when it is not further away: looks are rarer than frames."""

QUALITY = 95

LabelledBox = tuple[str, tuple[float, float, float, float]]
"""Label; centre x, centre y, width, height as fractions of the picture."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, as a JPEG file, and what is in it."""

    jpeg: bytes
    boxes: tuple[LabelledBox, ...]


async def shots_of(stored: StoredEvent, evidence: KeptEvidence, frames: int) -> list[Shot]:
    """The picture that shows an event best and, of its clip, up to ``frames`` more, at the looks that saw it. None at
    all where the evidence is gone. A false alarm has no boxes."""
    clean = await evidence.read(stored, CLEAN)
    if clean is None:
        return []
    detections = await evidence.read(stored, DETECTIONS) or b""
    if stored.event.verdict is Verdict.REAL:
        manifest = await evidence.read(stored, MANIFEST) or b"{}"
        return [Shot(clean, _boxes(stored, detections, manifest))]
    times = _spread(_seen_at(detections, stored.event.label), frames)
    clip = await evidence.read(stored, CLIP) if times else None
    return [Shot(clean, ()), *(Shot(jpeg, ()) for jpeg in (_frames(clip, times) if clip else ()))]


def _boxes(stored: StoredEvent, detections: bytes, manifest: bytes) -> tuple[LabelledBox, ...]:
    """What the look at the key frame saw; the event's own last box where that is not known."""
    event = stored.event
    try:
        recording = read_recording(detections.decode().splitlines())
        at = datetime.fromisoformat(json.loads(manifest)["frame"]["captured_at"]).timestamp() - recording.began
        look = min(recording.looks, key=lambda look: abs(look.at - at))
        if abs(look.at - at) <= SAME_S and len(look.scores):
            labels = [recording.labels[kind] for kind in look.classes]
            return tuple(zip(labels, map(_centred, look.boxes.tolist()), strict=True))
    except (RecordingError, ValueError, KeyError, TypeError):  # a server that ended too soon left less than all
        pass
    x1, y1, x2, y2 = event.box
    return ((event.label, _centred([x1 / event.width, y1 / event.height, x2 / event.width, y2 / event.height])),)


def _centred(box: list[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (min(max(value, 0.0), 1.0) for value in box)
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _seen_at(detections: bytes, label: str) -> list[float]:
    """The times in the clip, in seconds, of the looks that saw something of this label."""
    times = []
    for line in detections.decode().splitlines()[1:]:
        look = json.loads(line)
        if look.get("clip_at") is not None and any(seen["label"] == label for seen in look["detections"]):
            times.append(float(look["clip_at"]))
    return times


def _spread(times: list[float], most: int) -> list[float]:
    """At most so many of them, at even distances."""
    return times if len(times) <= most else [times[place * len(times) // most] for place in range(most)]


def _frames(clip: bytes, times: list[float]) -> Iterator[bytes]:
    """The frames of a clip that are shown at these times, in order, as JPEG files."""
    left = list(times)
    with av.open(io.BytesIO(clip), "r") as container:
        before: av.VideoFrame | None = None
        for frame in container.decode(video=0):
            while left and before is not None and frame.time is not None and left[0] < frame.time:
                yield _jpeg(before)
                left.pop(0)
            if not left:
                return
            before = frame
        if before is not None and left:
            yield _jpeg(before)


def _jpeg(frame: av.VideoFrame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
