"""Make labelled pictures for the next training of the events that people judged.

False alarms become pictures without a gun, which teach the most; real ones become pictures with the detector's own
boxes, to be looked at before they are used. Again, only what is new is added, and what a person changed stays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import ValidationError

from server.config import EvidenceSettings
from server.core.events import Verdict
from server.store.database import DatabaseError
from server.store.rows import StoredEvent

from .errors import TrainingError
from .kept import KeptDatabase, KeptEvidence, judged_events
from .proposals import Shot, shots_of
from .sources import FILE, named, read_notes

JOURNAL = "harvest.jsonl"
VERDICTS = (Verdict.FALSE, Verdict.REAL)
NEGATIVE = "-negative"
EVENT_ID = "([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``harvest``."""
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="the server's data folder (data)")
    parser.add_argument(
        "--database", help="as the server has it: a URL, or the path of a file; DATA_DIR/vigie.db if not"
    )
    parser.add_argument("--bucket", metavar="S3_URL", help="the server's evidence.url, where its evidence is on S3")
    parser.add_argument("--region", help="the server's evidence.region")
    parser.add_argument("--endpoint", help="the server's evidence.endpoint")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a source for `data`; may exist")
    parser.add_argument("--since", metavar="DAY", help="events from this day on, UTC: 2026-01-31")
    parser.add_argument("--verdicts", default="false,real", help="false,real, or one of them")
    parser.add_argument(
        "--frames", type=int, default=0, metavar="N", help="of false alarms, so many pictures more from the clip (0)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Harvest."""
    verdicts = tuple(word.strip() for word in arguments.verdicts.split(","))
    if not set(verdicts) <= set(VERDICTS):
        raise TrainingError(f"--verdicts {arguments.verdicts}: write false, real, or false,real.")
    try:
        since = datetime.fromisoformat(arguments.since).replace(tzinfo=UTC).timestamp() if arguments.since else None
    except ValueError as error:
        raise TrainingError(f"--since {arguments.since}: write a day as 2026-01-31.") from error
    try:
        settings = EvidenceSettings(url=arguments.bucket, region=arguments.region, endpoint=arguments.endpoint)
    except ValidationError as error:
        raise TrainingError(f"--bucket or --endpoint: {error.errors()[0]['msg']}.") from error
    evidence = KeptEvidence(arguments.data_dir, settings)
    crop = Crop(arguments.out)
    try:
        counts = asyncio.run(
            _harvest(_url(arguments.database, arguments.data_dir), evidence, crop, verdicts, since, arguments.frames)
        )
    except DatabaseError as error:
        raise TrainingError(str(error)) from error
    print(_summary(crop.folder, counts))
    return 0


def _url(database: str | None, data_dir: Path) -> str:
    """As the server takes it. A file that is not there would be made: it is looked for first."""
    if database and "://" in database:
        path = Path(database.removeprefix("sqlite:///")) if database.startswith("sqlite:") else None
    else:
        path = Path(database) if database else data_dir / "vigie.db"
    if path is None:
        assert database
        return database
    if not path.is_file():
        raise TrainingError(f"{path} is not there: name the server's database by --database or --data-dir.")
    return f"sqlite:///{path}"


async def _harvest(
    url: str, evidence: KeptEvidence, crop: Crop, verdicts: tuple[str, ...], since: float | None, frames: int
) -> Counter[str]:
    counts: Counter[str] = Counter()
    async with KeptDatabase(url) as database:
        async for stored in judged_events(database, verdicts, since):
            counts["events"] += 1
            verdict = str(stored.event.verdict)
            if crop.has(stored.event.id, verdict):
                counts["known"] += 1
                continue
            shots = await shots_of(stored, evidence, frames if verdict == Verdict.FALSE else 0)
            if not shots:
                counts["gone"] += 1
                continue
            crop.add(stored, shots)
            counts[verdict] += 1
            counts["pictures"] += len(shots)
    crop.describe()
    return counts


def _summary(folder: Path, counts: Counter[str]) -> str:
    lines = [
        f"Judged events: {counts['events']}. New: {counts['false']} false, {counts['real']} real. "
        f"Harvested before: {counts['known']}. Without evidence: {counts['gone']}.",
        f"Pictures added to {folder}: {counts['pictures']}.",
    ]
    if counts["real"]:
        lines.append("The boxes of real ones are the detector's own: look at them before you train.")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Line:
    """What was made of one event."""

    event: str
    verdict: str
    set: str
    files: tuple[str, ...]


class Crop:
    """The folder with what was harvested: ``images``, ``labels``, the classes, the sets, and a line for each event."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, _Line] = {}
        try:
            if (folder / JOURNAL).exists():
                journal = (folder / JOURNAL).read_text("utf-8")
                for text in journal[: journal.rfind("\n") + 1].splitlines():  # after the last there is what was cut off
                    body = json.loads(text)
                    self._lines[body["event"]] = _Line(**{**body, "files": tuple(body["files"])})
            elif folder.exists() and any(folder.iterdir()):
                raise TrainingError(f"{folder} holds something else: name another folder.")
            names = (folder / "data.yaml").read_text("utf-8") if (folder / "data.yaml").exists() else "names: {}"
            self._labels: list[str] = list(yaml.safe_load(names)["names"].values())
            (folder / "images").mkdir(parents=True, exist_ok=True)
            (folder / "labels").mkdir(exist_ok=True)
            self._note()  # so that what is broken off now can be gone on with
        except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
            raise TrainingError(f"{folder} was changed by hand and cannot be added to: {error}") from error
        except OSError as error:
            raise TrainingError(f"{folder} cannot be used: {error.strerror}.") from error

    def has(self, event_id: str, verdict: str) -> bool:
        """Whether an event was harvested, with this verdict."""
        line = self._lines.get(event_id)
        return line is not None and line.verdict == verdict

    def add(self, stored: StoredEvent, shots: Iterable[Shot]) -> None:
        """Keep the pictures of an event, in place of what was made of it under another verdict."""
        event = stored.event
        name = f"harvest-{named(event.feed).removesuffix(NEGATIVE)}"
        if event.verdict is Verdict.FALSE:
            name += NEGATIVE
        if old := self._lines.pop(event.id, None):
            for file in old.files:
                (self.folder / "images" / file).unlink(missing_ok=True)
                (self.folder / "labels" / file).with_suffix(".txt").unlink(missing_ok=True)
        files = []
        for number, shot in enumerate(shots):
            file = f"{name}-{event.id}-{number}.jpg"
            rows = [f"{self._class(label)} {' '.join(f'{value:.6f}' for value in box)}\n" for label, box in shot.boxes]
            # The label first: a picture alone would be one that nobody labelled.
            _write((self.folder / "labels" / file).with_suffix(".txt"), "".join(rows).encode())
            _write(self.folder / "images" / file, shot.jpeg)
            files.append(file)
        line = self._lines[event.id] = _Line(event.id, str(event.verdict), name, tuple(files))
        self._append(line)

    def describe(self) -> None:
        """Put down what `data` reads of the sets and classes."""
        self._note()
        names = sorted({line.set for line in self._lines.values()})
        said = read_notes(self.folder / FILE) if (self.folder / FILE).exists() else {}
        sets = {name: said[name].model_dump() if name in said else _notes(name) for name in names}
        _write(self.folder / FILE, yaml.safe_dump({"sets": sets}).encode())

    def _class(self, label: str) -> int:
        if label not in self._labels:
            self._labels.append(label)
            self._name_classes()
        return self._labels.index(label)

    def _note(self) -> None:
        """The journal anew, a line for each event."""
        self._name_classes()
        _write(self.folder / JOURNAL, "".join(_text(line) for line in self._lines.values()).encode())

    def _append(self, line: _Line) -> None:
        path = self.folder / JOURNAL
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(_text(line))
        except OSError as error:
            raise _unwritten(path, error) from error

    def _name_classes(self) -> None:
        _write(self.folder / "data.yaml", yaml.safe_dump({"names": dict(enumerate(self._labels))}).encode())


def _text(line: _Line) -> str:
    return f"{json.dumps(asdict(line))}\n"


def _notes(name: str) -> dict[str, str]:
    """All pictures of one event show the same: they stay in one split."""
    what = "False alarms." if name.endswith(NEGATIVE) else "Real alarms; boxes proposed by the detector."
    return {
        "licence": "own pictures",
        "origin": "cameras of the person who trains",
        "redistribute": "no",
        "notes": what,
        "group": EVENT_ID,
    }


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(data)
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{path} cannot be written: {error.strerror}. What was harvested before stays.")
