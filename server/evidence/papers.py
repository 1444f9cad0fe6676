"""The written part of an event's evidence, and how all of it is finished from what lies in its work place.

Blocking; for a thread. What a crash left behind is finished by the same steps as what went well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.evidence import CLIP, DETECTIONS, MANIFEST, MEDIA_TYPES
from ..core.frame import CLOCK_RATE
from ..core.replay import RecordedLook, header_line, look_line
from ..store.rows import EvidenceFile
from ..wire import Json, iso
from .clip import Clip, PacketLog, until, write_clip
from .folder import EvidenceFolder

log = logging.getLogger(__name__)

FORMAT = "vigie-evidence-1"
FACTS, PACKETS, LOOKS = "facts.json", "packets", "looks"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of evidence in the making besides its pictures. ``event`` is the event as the API shows it;
    ``began`` (unix s) is when the detections begin; ``tape_time`` and ``tape_unix`` are one moment on the tape and in
    unix seconds; the clip ends with ``cut`` (ticks); ``notes`` say what is missing and why."""

    event: Json
    labels: tuple[str, ...]
    width: int
    height: int
    began: float
    tape_time: int
    tape_unix: float
    frame: Json | None = None
    cut: int | None = None
    notes: tuple[str, ...] = ()

    def write(self, work: Path) -> None:
        """Put them down, whole or not at all. Raises OSError."""
        new = work / f"{FACTS}.new"
        new.write_text(json.dumps(asdict(self)), "utf-8")
        new.replace(work / FACTS)


def read_facts(work: Path) -> Facts | None:
    """What was put down; None where that is nothing."""
    try:
        kept = json.loads((work / FACTS).read_text("utf-8"))
        return Facts(**{**kept, "labels": tuple(kept["labels"]), "notes": tuple(kept["notes"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def looks_text(looks: Sequence[tuple[RecordedLook, int | None]], labels: Sequence[str]) -> str:
    """Lines for the log of looks; each with its time on the tape."""
    lines = []
    for look, tape_time in looks:
        body = json.loads(look_line(look, labels))
        lines.append(_compact({**body, "tape_time": tape_time}) + "\n")
    return "".join(lines)


def finish(folder: EvidenceFolder, event_id: str) -> list[EvidenceFile]:
    """Make the clip, the detections and the manifest; returns all files there are. Raises OSError."""
    work = folder.work(event_id)
    facts = read_facts(work)
    if facts is None:
        return present(folder, event_id)
    notes = list(facts.notes)
    clip = _make_clip(folder, event_id, work, facts, notes)
    folder.write(event_id, DETECTIONS, _detections(work, facts, clip).encode())
    files = [file for file in present(folder, event_id) if file.name != MANIFEST]
    manifest = {
        "format": FORMAT,
        "event": facts.event,
        "made_at": iso(datetime.now(UTC).timestamp()),
        "frame": facts.frame,
        "clip": _clip_body(clip, facts) if clip else None,
        "notes": notes,
        "files": [asdict(file) for file in files],
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    return [*files, folder.write(event_id, MANIFEST, text.encode())]


def finish_left(folder: EvidenceFolder, event_id: str) -> list[EvidenceFile]:
    """As :func:`finish`, for what an end of the server left behind. Raises OSError; ValueError for no event's id."""
    folder.tidy(event_id)
    work = folder.work(event_id)
    if facts := read_facts(work):
        replace(facts, notes=(*facts.notes, "the server ended while this was written")).write(work)
    return finish(folder, event_id)


def present(folder: EvidenceFolder, event_id: str) -> list[EvidenceFile]:
    """The finished files that there are. Raises OSError."""
    return [folder.known(event_id, name) for name in MEDIA_TYPES if folder.path(event_id, name).is_file()]


def _make_clip(folder: EvidenceFolder, event_id: str, work: Path, facts: Facts, notes: list[str]) -> Clip | None:
    reel = PacketLog(work / PACKETS).read()
    if reel and facts.cut is not None:
        reel = until(reel, facts.cut)
    if not reel:
        return None
    try:
        clip = write_clip(work / CLIP, reel)
    except ValueError as error:
        log.warning("the clip of event %s cannot be made: %s", event_id, error)
        notes.append(f"no clip: {error}")
        return None
    folder.adopt(event_id, CLIP, work / CLIP)
    return clip


def _clip_body(clip: Clip, facts: Facts) -> Json:
    begins = facts.tape_unix + (clip.begins - facts.tape_time) / CLOCK_RATE
    return {
        "codec": clip.codec,
        "width": clip.width,
        "height": clip.height,
        "begins_at": iso(begins),
        "seconds": round((clip.ends - clip.begins) / CLOCK_RATE, 3),
    }


def _detections(work: Path, facts: Facts, clip: Clip | None) -> str:
    event = facts.event
    header = header_line(event["camera"] or "", facts.labels, facts.width, facts.height, event["model"], facts.began)
    lines = [header]
    path = work / LOOKS
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            look: dict[str, Any] = json.loads(line)
        except ValueError:  # the last one, which a crash cut off
            break
        tape_time = look.pop("tape_time", None)
        inside = clip and tape_time is not None and clip.begins <= tape_time < clip.ends
        at = round((tape_time - clip.begins) / CLOCK_RATE, 6) if clip and inside else None
        lines.append(_compact({"at": look["at"], "clip_at": at, "detections": look["detections"]}))
    return "\n".join(lines) + "\n"


def _compact(body: Json) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
