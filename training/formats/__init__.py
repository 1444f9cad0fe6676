"""How others keep pictures and labels: one file each. What a folder holds is told by its content, not its name."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from ..errors import TrainingError
from ..problems import Problems, shown
from .tree import Found, Tree

FORMATS = ("coco", "voc", "yolo")
"""In the order they are tried: whatever has pictures could be YOLO's."""


class Format(Protocol):
    """A module of this package."""

    def recognises(self, tree: Tree) -> bool:
        """Whether the files of a folder are of this format."""
        ...

    def read(self, tree: Tree, names: tuple[str, ...], problems: Problems) -> Iterator[Found]:
        """Its pictures with their labels. ``names``: what the classes are called where the folder does not say."""
        ...


def read(folder: Path, names: tuple[str, ...], problems: Problems) -> list[Found]:
    """All pictures of a source. Raises TrainingError when it is none."""
    if not folder.is_dir():
        raise TrainingError(f"{shown(folder)} is not a folder: name the folder that the pictures and labels are in.")
    try:
        tree = Tree(folder)
        for name in FORMATS:
            format_ = cast(Format, import_module(f".{name}", __package__))
            if format_.recognises(tree):
                return list(format_.read(tree, names, problems))
    except OSError as error:
        raise TrainingError(f"{shown(Path(error.filename or folder))} cannot be read: {error.strerror}.") from error
    raise TrainingError(f"{shown(folder)} has no pictures: YOLO, COCO and Pascal VOC folders can be read.")
