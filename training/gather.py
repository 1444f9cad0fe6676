"""Reads sources: every picture is checked, every label understood, or the problem is put down."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import formats
from .errors import TrainingError
from .formats.tree import Found
from .labels import Box, Classes, boxes_of
from .pictures import BadPicture, check_picture
from .problems import Kind, Problems, shown
from .sources import Notes, named

TOLD_EVERY = 500


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with pictures, and the name of what is in it."""

    name: str
    folder: Path

    @classmethod
    def of(cls, text: str) -> Source:
        """``FOLDER`` or ``NAME=FOLDER``."""
        name, sign, folder = text.partition("=")
        if sign and "/" not in name and not Path(text).exists():
            return cls(named(name), Path(folder))
        return cls(named(Path(text).resolve().name), Path(text))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that can be used, with its boxes. ``origin`` is its path in its source; ``is_rewritten``: its content
    is made anew (see :mod:`training.pictures`); ``suffix`` is the kind it then has; the others as in the index and in
    :class:`training.pictures.Checked`."""

    path: Path
    origin: str
    set: str
    split: str | None
    clip: tuple[str, str] | None
    boxes: tuple[Box, ...]
    width: int
    height: int
    sha256: str
    suffix: str
    is_rewritten: bool
    thumb: NDArray[np.float32]


def gather(
    sources: Sequence[Source],
    notes: Notes,
    classes: Classes,
    problems: Problems,
    *,
    by_prefix: bool = False,
    unlabelled_is_empty: bool = False,
) -> list[Picture]:
    """All pictures that can be used, in the order of their sources and paths. Raises TrainingError."""
    pictures = []
    for source in sources:
        found = formats.read(source.folder, classes.names, problems)
        for picture in _told(source.name, found):
            set_name = notes.set_of(shown(Path(picture.picture.name)), source.name, by_prefix)
            checked = _checked(picture, source, set_name, notes, classes, problems, unlabelled_is_empty)
            if checked:
                pictures.append(checked)
    if not pictures:
        raise TrainingError(f"No picture can be used. {problems.text(3)}")
    return pictures


def _checked(
    found: Found,
    source: Source,
    set_name: str,
    notes: Notes,
    classes: Classes,
    problems: Problems,
    unlabelled_is_empty: bool,
) -> Picture | None:
    if found.labels is None and not unlabelled_is_empty:
        problems.add(Kind.NO_LABELS, found.picture, None, "no label file; --unlabelled-is-empty takes it as gun-free")
        return None
    try:
        checked = check_picture(found.picture)
    except BadPicture as error:
        problems.add(error.kind, found.picture, None, str(error))
        return None
    boxes = boxes_of(found, checked.width, checked.height, classes, problems)
    if boxes is None:
        return None
    if checked.rewritten:
        problems.add(Kind.REWRITTEN, found.picture, None, checked.rewritten)
    return Picture(
        found.picture,
        shown(found.picture.relative_to(source.folder)),
        set_name,
        found.split,
        notes.clip_of(set_name, shown(Path(found.picture.name))),
        boxes,
        checked.width,
        checked.height,
        checked.sha256,
        checked.suffix,
        checked.rewritten is not None,
        checked.thumb,
    )


def _told(name: str, found: list[Found]) -> Iterable[Found]:
    """The same, with a line about the progress where a person watches."""
    watched = sys.stderr.isatty()
    for count, picture in enumerate(found, 1):
        yield picture
        if watched and (count % TOLD_EVERY == 0 or count == len(found)):
            print(f"\r{name}: {count} of {len(found)} pictures", end="\n" * (count == len(found)), file=sys.stderr)
