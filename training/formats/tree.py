"""The files of a source, and what is found in them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ..index import INDEX, SHEETS
from ..pictures import SUFFIXES

SPLIT = re.compile(r"(train|val|test)(?:ing|id|idation)?\d*", re.IGNORECASE)
"""As folders of all three formats are named: train, training, train2017, val, valid, validation, test, testing."""

NAMES = {"train": "train", "val": "valid", "test": "test"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One label. ``corners``: x1, y1, x2, y2, in the units of its :class:`Found`. ``name`` is that of its class;
    ``line`` is where it is in its file, from 1; ``note`` names it where files have no lines."""

    name: str
    line: int | None
    corners: tuple[float, float, float, float]
    is_outline: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A picture of a source. ``labels`` is the file its labels are in, None where it has none; ``size`` is what its
    corners are measured by, width and height: (1, 1) for fractions, None for pixels of the picture as it is.
    ``is_broken``: a label was reported that cannot be understood."""

    picture: Path
    split: str | None
    labels: Path | None
    shapes: tuple[Shape, ...] = ()
    size: tuple[float, float] | None = None
    is_broken: bool = False


class Tree:
    """All files of a folder, but for hidden ones, sorted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pictures: list[Path] = []
        self.others: dict[str, list[Path]] = defaultdict(list)
        """By suffix in lower case."""
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
            if INDEX in names and SHEETS in folders:  # a data set made here
                folders.remove(SHEETS)
            for name in sorted(name for name in names if not name.startswith(".")):
                path = Path(folder, name)
                if path.suffix.lower() in SUFFIXES:
                    self.pictures.append(path)
                else:
                    self.others[path.suffix.lower()].append(path)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for path in self.pictures:
            self._by_name[path.name].append(path)
            self._by_name[path.stem].append(path)
        self._known = set(self.pictures)

    def picture(self, beside: Path, name: str) -> Path | None:
        """The picture that a label file means by a name: relative to its own folder, or the only one of that name or,
        without its suffix, of that stem."""
        direct = Path(os.path.normpath(beside.parent / name))
        if direct in self._known:
            return direct
        for wanted in (Path(name).name, Path(name).stem):
            found = self._by_name.get(wanted, [])
            near = [path for path in found if path.parent == beside.parent] or found
            if len(near) == 1:
                return near[0]
        return None

    def split(self, path: Path) -> str | None:
        """What the folders between the root and a file say."""
        for part in path.relative_to(self.root).parts[:-1]:
            if split := split_named(part):
                return split
        return None


def split_named(word: str) -> str | None:
    """The split that a word means."""
    match = SPLIT.fullmatch(word)
    return NAMES[match[1].lower()] if match else None


def around(points: list[float]) -> tuple[float, float, float, float]:
    """The box around an outline, given as x, y, x, y, ..."""
    return min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])
