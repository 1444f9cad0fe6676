"""The command ``python -m server detect``: guns in pictures, folders and videos, with annotated copies."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import av
from tqdm import tqdm

from .batch import PICTURES, VIDEOS, Batch, FileError, Result, Sighting, at_confidence, is_picture
from .config import ConfigError, load_settings, settings_file
from .wire import box_body

NOTHING, FAILED, SEEN, STOPPED = 0, 1, 10, 130
"""What the command answers. 2 is a mistake in its options, as everywhere."""

REPORT, TABLE = "detections.json", "detections.csv"
COLUMNS = ("file", "kind", "at", "label", "confidence", "x1", "y1", "x2", "y2", "track_id", "state")
BAR = "{l_bar}{bar}| {elapsed}<{remaining}"


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and where in the folder of results its copy is to be."""

    file: Path
    copy: Path


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m server detect",
        description="Look for guns in pictures and videos. Writes annotated copies (without sound), "
        f"{REPORT} and {TABLE}.",
        epilog=f"Exit code: {NOTHING} no gun, {SEEN} a gun seen (in a video: confirmed), {FAILED} no gun, but some "
        "file could not be looked at, or nothing could be done; 2 a mistake in the options.",
    )
    options.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a picture, a video, or a folder of them")
    options.add_argument(
        "--out", type=Path, default=Path("detections"), metavar="DIR", help="for the results; default ./detections"
    )
    options.add_argument("--no-copies", action="store_true", help="write the detections only")
    options.add_argument("--confidence", type=float, help="detections of pictures and beginnings of tracks are above")
    options.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    return options


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code. Raises ConfigError, PluginError or ModelError."""
    given = parser().parse_args(arguments)
    settings = load_settings(settings_file(given.config))
    if given.confidence is not None:
        weak = settings.detector.weak_confidence
        if not weak <= given.confidence < 1:
            raise ConfigError(f"--confidence is from {weak:g} (detector.weak_confidence) to below 1.")
        settings = at_confidence(settings, given.confidence)
    jobs = list(jobs_of(given.paths, given.out))
    _check_folder(given.out, jobs)
    batch = Batch(settings)
    model = batch.model  # before a file is written: without a model there is nothing to tell
    tally = Tally()
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        with Report(given.out, model) as report:
            for job in _shown(jobs):
                _look(batch, job, None if given.no_copies else given.out / job.copy, report, tally)
    except KeyboardInterrupt:
        print("vigie: stopped; the results of this run are not complete.", file=sys.stderr)
        return STOPPED
    except OSError as error:  # what concerns one file was told already
        raise ConfigError(f"The results cannot be written to {given.out}: {error.strerror or error}.") from error
    print(tally.summary(given.out))
    return tally.code


def jobs_of(paths: Iterable[Path], out: Path) -> Iterator[Job]:
    """The files of the paths, each once; of folders, in order, those that are named as pictures or videos are, without
    what is in ``out``. Raises ConfigError where there is none."""
    seen: set[Path] = set()
    taken: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise ConfigError(f"There is no file or folder {path}.")
        found = _within(path, out) if path.is_dir() else [path]
        if not found:
            raise ConfigError(f"There is no picture and no video in {path}.")
        for file in found:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield Job(file, _copy_of(file.relative_to(path) if path.is_dir() else Path(file.name), taken))


def _within(folder: Path, out: Path) -> list[Path]:
    results = out.resolve()
    files = (file for file in sorted(folder.rglob("*")) if file.suffix.lower() in PICTURES | VIDEOS)
    return [file for file in files if file.is_file() and not file.resolve().is_relative_to(results)]


def _copy_of(file: Path, taken: set[Path]) -> Path:
    suffix = ".jpg" if is_picture(file) else ".mp4"
    copy, number = file.with_suffix(suffix), 2
    while copy in taken:
        copy, number = file.with_name(f"{file.stem}-{number}{suffix}"), number + 1
    taken.add(copy)
    return copy


def _check_folder(out: Path, jobs: Iterable[Job]) -> None:
    """Copies have the names of their originals, so they go where nothing is but results of before."""
    other = f"{out} holds other files. Choose an empty folder with --out."
    if out.is_dir() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise ConfigError(other)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is no folder. Choose one with --out.")
    if any(job.file.resolve().is_relative_to(out.resolve()) for job in jobs):
        raise ConfigError(f"{out} holds files that are to be looked at. Choose another folder with --out.")


def _shown(jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, with a bar where somebody watches."""
    yield from tqdm(jobs, unit="file", disable=None, file=sys.stderr)


def _look(batch: Batch, job: Job, copy: Path | None, report: Report, tally: Tally) -> None:
    length = 0.0 if is_picture(job.file) else seconds_of(job.file)
    bar = tqdm(
        total=length, desc=job.file.name, leave=False, file=sys.stderr, bar_format=BAR, disable=None if length else True
    )

    def done(seconds: float) -> None:
        bar.update(min(seconds, length) - bar.n)

    try:
        with bar:
            result = batch.look_at(job.file, copy, done)
    except FileError as error:
        tqdm.write(f"vigie: {job.file}: {error}", file=sys.stderr)
        tally.failed += 1
        report.failed(job.file, str(error))
        return
    tally.take(result)
    report.add(result, job.copy if copy else None)


def seconds_of(file: Path) -> float:
    """How long a video says it is, for the bar; 0 where it does not."""
    try:
        with av.open(f"file:{file}", options={"protocol_whitelist": "file,crypto,data"}) as container:
            return (container.duration or 0) / av.time_base
    except (av.error.FFmpegError, OSError):
        return 0.0  # what is wrong with it is told when it is looked at


class Tally:
    """How many files of which kind of result."""

    def __init__(self) -> None:
        self.looked = self.failed = 0
        self._alarming: list[str] = []

    def take(self, result: Result) -> None:
        """Count a file."""
        self.looked += 1
        if result.alarming:
            self._alarming.append(f"  {result.file}: {_sentence(result)}")

    @property
    def code(self) -> int:
        """What the command answers."""
        return SEEN if self._alarming else FAILED if self.failed else NOTHING

    def summary(self, out: Path) -> str:
        """For people."""
        head = f"{self.looked} looked at, a gun in {len(self._alarming)}"
        head += f", {self.failed} could not be looked at" if self.failed else ""
        return "\n".join([f"{head}. Results: {out}", *self._alarming])


def _sentence(result: Result) -> str:
    if result.kind == "picture":
        return ", ".join(f"{sighting.label} {sighting.score:.0%}" for sighting in result.sightings)
    confirmed = (event for event in result.events if event.confirmed_at is not None)
    return ", ".join(
        f"{event.label} {event.best_score:.0%} from {event.first_seen:.1f} s to {event.last_seen:.1f} s"
        for event in confirmed
    )


class Report:
    """Both files of results, written as the results come: only those of one file are ever held. What an earlier run
    left is replaced when all is done."""

    def __init__(self, folder: Path, model: str) -> None:
        self._paths = {name: folder / name for name in (REPORT, TABLE)}
        self._files = ExitStack()
        self._model = model
        self._first = True

    def __enter__(self) -> Self:
        self._json, self._csv = (self._open(name) for name in (REPORT, TABLE))
        self._rows = csv.writer(self._csv)
        self._rows.writerow(COLUMNS)
        self._json.write(f'{{"model": {json.dumps(self._model)}, "files": [')
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        parts = [(_part(path), path) for path in self._paths.values()]
        try:
            if kind is None:
                self._json.write("\n]}\n")
        finally:
            self._files.close()
            for part, path in parts:
                part.replace(path) if kind is None else part.unlink(missing_ok=True)

    def add(self, result: Result, copy: Path | None) -> None:
        """Write down what is in a file."""
        self._entry(result_body(result, copy))
        self._rows.writerows(result_row(result, sighting) for sighting in result.sightings)

    def failed(self, file: Path, why: str) -> None:
        """Write down that a file could not be looked at."""
        self._entry({"file": str(file), "error": why})

    def _entry(self, body: dict[str, Any]) -> None:
        self._json.write(("\n" if self._first else ",\n") + json.dumps(body, ensure_ascii=False))
        self._first = False

    def _open(self, name: str) -> TextIO:
        return self._files.enter_context(_part(self._paths[name]).open("w", encoding="utf-8", newline=""))


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def result_body(result: Result, copy: Path | None) -> dict[str, Any]:
    """What is in a file, as the JSON report has it."""
    body: dict[str, Any] = {
        "file": str(result.file),
        "kind": result.kind,
        "gun": result.alarming,
        "copy": copy and copy.as_posix(),
        "image": {"width": result.width, "height": result.height},
        "detections": [_detection(sighting) for sighting in result.sightings],
    }
    if result.kind == "video":
        body |= {"seconds": round(result.seconds, 3), "looks": result.looks}
        body["events"] = [
            {
                "label": event.label,
                "first_seen": round(event.first_seen, 3),
                "last_seen": round(event.last_seen, 3),
                "confirmed_at": None if event.confirmed_at is None else round(event.confirmed_at, 3),
                "best_score": round(event.best_score, 4),
                "track_id": event.track_id,
            }
            for event in result.events
        ]
    return body


def _detection(sighting: Sighting) -> dict[str, Any]:
    body = {"label": sighting.label, "confidence": round(sighting.score, 4), "box": box_body(sighting.box)}
    if sighting.at is None:
        return body
    return {"at": sighting.at, **body, "track_id": sighting.track_id, "state": sighting.state}


def result_row(result: Result, sighting: Sighting) -> tuple[object, ...]:
    """A row of the table of detections: see :data:`COLUMNS`."""
    box = box_body(sighting.box).values()
    at, track, state = sighting.at, sighting.track_id, sighting.state
    return (str(result.file), result.kind, at, sighting.label, round(sighting.score, 4), *box, track, state)
