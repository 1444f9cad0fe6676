"""What an event's evidence consists of, and where it lies."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

CLEAN, ANNOTATED, THUMB = "clean.jpg", "annotated.jpg", "thumb.jpg"
CLIP, DETECTIONS, MANIFEST = "clip.mp4", "detections.jsonl", "manifest.json"

MEDIA_TYPES = {
    CLEAN: "image/jpeg",
    ANNOTATED: "image/jpeg",
    THUMB: "image/jpeg",
    CLIP: "video/mp4",
    DETECTIONS: "application/jsonl",
    MANIFEST: "application/json",
}
"""The names of all files, in the order they are made, with what each is."""


NO_EVENT = "not the id of an event"


def folder_of(event_id: str) -> str:
    """``YYYY/MM/DD/EVENTID``, by the day (UTC) that a version 7 UUID begins with. Raises ValueError for another id."""
    try:
        value = UUID(event_id)
    except ValueError as error:
        raise ValueError(NO_EVENT) from error
    if str(value) != event_id or value.version != 7:
        raise ValueError(NO_EVENT)
    day = datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
    return f"{day:%Y/%m/%d}/{event_id}"
