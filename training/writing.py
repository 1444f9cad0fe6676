"""Writes a data set: beside its place first, and there only when it is whole."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from .duplicates import hashes
from .errors import TrainingError
from .gather import Picture
from .index import INDEX, SHEETS, SPLITS, Entry, label_path
from .labels import Classes
from .pictures import check_picture
from .problems import Problems, shown
from .sheets import Cell, sampled, write_sheet
from .sources import SOURCES, Notes
from .splits import Division

LONGEST_NAME = 120
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
MOST_PAIRS = 60


def write_data_set(
    folder: Path,
    pictures: Sequence[Picture],
    division: Division,
    notes: Notes,
    classes: Classes,
    problems: Problems,
    *,
    sheets: bool = False,
    replace: bool = False,
) -> None:
    """Make the folder. Raises TrainingError where it is there already, or the disk is full; then nothing is left."""
    with _beside(folder, replace) as new:
        entries = _write_pictures(new, pictures, division)
        (new / INDEX).write_text("".join(f"{entry.line()}\n" for entry, _ in entries), "utf-8")
        _write_yaml(new, classes)
        _write_json(new / SOURCES, _sources([entry for entry, _ in entries], notes))
        _write_json(new / "report.json", _report(pictures, division, problems))
        if sheets:
            _write_sheets(new / SHEETS, entries, pictures, division)


@contextmanager
def _beside(folder: Path, replace: bool) -> Iterator[Path]:
    """A folder beside the one that is wanted, which takes its place at the end."""
    if folder.exists() and not replace and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{shown(folder)} is there already: name another folder, or say --replace.")
    if folder.exists() and replace and any(folder.iterdir()) and not (folder / INDEX).is_file():
        raise TrainingError(f"{shown(folder)} is no data set: it is not replaced, name another folder.")
    new, old = (folder.with_name(f".{folder.name}.{word}") for word in ("new", "old"))
    try:
        new.mkdir(parents=True, exist_ok=True)
        lock = os.open(new, os.O_RDONLY)
    except OSError as error:
        raise TrainingError(f"{shown(folder.parent)} cannot be written to: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _clear(new)  # of what a run that was killed left
        yield new
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except BlockingIOError as error:
        raise TrainingError(f"Another run is making {shown(folder)}: wait for it, or name another folder.") from error
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            what = "The disk is full: make room, or name a folder on another disk" if full else str(error)
            raise TrainingError(f"{shown(folder)} is not made. {what}.") from error
        raise
    finally:
        os.close(lock)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _write_pictures(folder: Path, pictures: Sequence[Picture], division: Division) -> list[tuple[Entry, Picture]]:
    for name in SPLITS:
        (folder / "images" / name).mkdir(parents=True)
        (folder / "labels" / name).mkdir(parents=True)
    taken: set[str] = set()
    entries = []
    for picture, split, group in zip(pictures, division.splits, division.groups, strict=True):
        if split is None:
            continue
        file = f"images/{split}/{_name(picture, taken)}{picture.suffix}"
        _put(picture, folder / file)
        lines = [" ".join([str(number), *(f"{value:.6f}" for value in box)]) for number, *box in picture.boxes]
        label_path(folder, file).write_text("".join(f"{line}\n" for line in lines), "utf-8")
        entries.append(
            (
                Entry(
                    file=file,
                    split=split,
                    set=picture.set,
                    width=picture.width,
                    height=picture.height,
                    boxes=len(picture.boxes),
                    sha256=picture.sha256,
                    hash=f"{int(hashes(picture.thumb[None])[0]):016x}",
                    group=group,
                    origin=picture.origin,
                ),
                picture,
            )
        )
    return entries


def _name(picture: Picture, taken: set[str]) -> str:
    """A name of plain letters that no other has, on any file system: it begins with the set."""
    stem = UNSAFE.sub("_", shown(Path(picture.path.stem))).strip("._") or "picture"
    if not stem.startswith(f"{picture.set}-"):
        stem = f"{picture.set}-{stem}"
    stem = stem[:LONGEST_NAME]
    name, number = stem, 1
    while name.lower() in taken:
        name = f"{stem}-{picture.sha256[:8]}" if number == 1 else f"{stem}-{picture.sha256[:8]}-{number}"
        number += 1
    taken.add(name.lower())
    return name


def _put(picture: Picture, path: Path) -> None:
    """The picture's content at another place: linked where that can be, copied else."""
    if picture.is_rewritten:
        data = check_picture(picture.path).data
        assert data is not None
        path.write_bytes(data)
        return
    try:
        os.link(os.path.realpath(picture.path), path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        shutil.copyfile(picture.path, path)


def _write_yaml(folder: Path, classes: Classes) -> None:
    # Without `path`, Ultralytics takes the folder that the file is in.
    body = {split: f"images/{name}" for split, name in zip(("train", "val", "test"), SPLITS, strict=True)}
    names = dict(enumerate(classes.names))
    (folder / "data.yaml").write_text(yaml.safe_dump({**body, "names": names}, sort_keys=False), "utf-8")


def _write_json(path: Path, body: object) -> None:
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _sources(entries: Sequence[Entry], notes: Notes) -> list[dict[str, object]]:
    """What the model card says of each set."""
    found = []
    for name in sorted({entry.set for entry in entries}):
        of, mine = notes.of(name), [entry for entry in entries if entry.set == name]
        counts = Counter(entry.split for entry in mine)
        found.append(
            {
                "name": name,
                **of.model_dump(include={"licence", "origin", "redistribute", "notes"}),
                "pictures": {split: counts[split] for split in SPLITS},
                "boxes": sum(entry.boxes for entry in mine),
            }
        )
    return found


def _report(pictures: Sequence[Picture], division: Division, problems: Problems) -> dict[str, object]:
    across = Counter(
        f"{drop.why}: {pictures[drop.place].set} for {pictures[drop.kept].set}" for drop in division.dropped
    )
    return {
        "pictures": sum(split is not None for split in division.splits),
        "left_out": len(division.dropped),
        "problem_counts": problems.counts(),
        "problems": problems.body(),
        "duplicates": {
            "pairs": len(division.pairs),
            "mirrored_pairs": sum(pair.mirrored for pair in division.pairs),
            "pictures": sum(group is not None for group in division.groups),
            "left_out": across,
            "pictures_left_out": [
                {"file": pictures[drop.place].origin, "why": drop.why, "of": pictures[drop.kept].origin}
                for drop in division.dropped
            ],
        },
    }


def _write_sheets(
    folder: Path, entries: Sequence[tuple[Entry, Picture]], pictures: Sequence[Picture], division: Division
) -> None:
    folder.mkdir()
    of: dict[str, list[Cell]] = {}
    for entry, picture in entries:
        name = f"{entry.set}-{entry.split}"
        of.setdefault(name, []).append(Cell(picture.path, picture.boxes, Path(entry.file).stem))
    for name, cells in of.items():
        write_sheet(folder / f"{name}.jpg", sampled(cells))
    # Of each two sets some: a film would else fill the sheet.
    seen: Counter[tuple[str, str]] = Counter()
    crossing = []
    for drop in division.dropped:
        if drop.why == "duplicate":
            sets = pictures[drop.place].set, pictures[drop.kept].set
            seen[sets] += 1
            crossing.append((seen[sets], drop))
    cells = []
    for _, drop in sorted(crossing, key=lambda numbered: numbered[0])[:MOST_PAIRS]:
        for word, place in (("left out", drop.place), (division.splits[drop.kept] or "", drop.kept)):
            picture = pictures[place]
            cells.append(Cell(picture.path, picture.boxes, f"{word}: {picture.path.stem[-18:]}"))
    if cells:
        write_sheet(folder / "duplicates.jpg", cells)
