"""From the labels of a source to boxes of the classes that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .errors import TrainingError
from .formats.tree import Found, Shape
from .problems import Kind, Problems

ROUNDING = 0.002
"""So much of the picture a box may reach over its edge without a word: labels are rounded."""

SLIGHT = 0.02
"""So much is clipped."""

LEAST_SIDE = 1e-6
SAME_SHAPE = 0.02
IGNORED = ""
ALL_OTHERS = "*"

Box = tuple[int, float, float, float, float]
"""Class, centre x, centre y, width, height; as fractions of the picture."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of the data set in their order, and which names mean them, in lower case: :data:`IGNORED` those
    whose boxes are left out on purpose."""

    names: tuple[str, ...]
    meaning: Mapping[str, str]

    @classmethod
    def of(cls, names: Sequence[str], maps: Sequence[str]) -> Classes:
        """``maps`` are written OLD=NEW, OLD= to ignore, *= to ignore all others. Raises TrainingError."""
        if not names:
            raise TrainingError("--classes: name at least one class, such as gun.")
        meaning = {name.lower(): name for name in names}
        for text in maps:
            old, sign, new = (part.strip() for part in text.partition("="))
            if not old or not sign or (new and new not in names):
                raise TrainingError(
                    f"--map {text}: write OLD=NEW with NEW one of {', '.join(names)}, or OLD= to ignore."
                )
            meaning[old.lower()] = new
        return cls(tuple(names), meaning)

    def index(self, name: str) -> int | None:
        """The number of the class that a name means; None where it is ignored. Raises KeyError for an unknown one."""
        meant = self.meaning.get(name.lower())
        if meant is None:
            meant = self.meaning[ALL_OTHERS]
        return None if meant == IGNORED else self.names.index(meant)


class _NotUnderstood(Exception):
    """A label says something that cannot be: its picture has to be left out."""


def boxes_of(found: Found, width: int, height: int, classes: Classes, problems: Problems) -> tuple[Box, ...] | None:
    """The boxes in a picture of this size in pixels, upright; None where the picture has to be left out. What is wrong
    is put down."""
    scale = _scale(found, width, height, problems)
    if scale is None:
        return None
    whole = not found.is_broken
    boxes: dict[Box, None] = {}
    for shape in found.shapes:

        def say(kind: Kind, what: str, shape: Shape = shape) -> None:
            assert found.labels
            problems.add(kind, found.labels, shape.line, f"{shape.note}: {what}" if shape.note else what)

        try:
            box = _box(shape, scale, classes, say)
        except _NotUnderstood:
            whole = False
            continue
        if box in boxes:
            say(Kind.REPEATED_BOX, _described(shape, scale))
        elif box:
            boxes[box] = None
    return tuple(boxes) if whole else None


def _box(shape: Shape, scale: tuple[float, float], classes: Classes, say: Callable[[Kind, str], None]) -> Box | None:
    """The box of one label; None where it has none, or one that is not wanted. Raises _NotUnderstood."""
    try:
        index = classes.index(shape.name)
    except KeyError as error:
        say(Kind.UNKNOWN_CLASS, f"{shape.name!r}: say what it is by --map")
        raise _NotUnderstood from error
    if index is None:
        return None
    x1, y1, x2, y2 = (value / side for value, side in zip(shape.corners, scale * 2, strict=True))
    over = max(-x1, -y1, x2 - 1, y2 - 1)
    described = _described(shape, scale)
    if over > SLIGHT:
        say(Kind.OUTSIDE, described)
        raise _NotUnderstood
    if x2 < x1 or y2 < y1:
        say(Kind.UNREADABLE_LABELS, f"edges the wrong way round: {described}")
        raise _NotUnderstood
    if over > ROUNDING:
        say(Kind.CLIPPED, described)
    if shape.is_outline:
        say(Kind.POLYGON, described)
    x1, y1, x2, y2 = (min(max(value, 0.0), 1.0) for value in (x1, y1, x2, y2))
    if min(x2 - x1, y2 - y1) < LEAST_SIDE:
        say(Kind.EMPTY_BOX, described)
        return None
    return index, round((x1 + x2) / 2, 6), round((y1 + y2) / 2, 6), round(x2 - x1, 6), round(y2 - y1, 6)


def _described(shape: Shape, scale: tuple[float, float]) -> str:
    x1, y1, x2, y2 = (value / side for value, side in zip(shape.corners, scale * 2, strict=True))
    return f"x {x1:.3f} to {x2:.3f}, y {y1:.3f} to {y2:.3f} of the picture"


def _scale(found: Found, width: int, height: int, problems: Problems) -> tuple[float, float] | None:
    """What corners are divided by. Labels for another size of the same shape hold for this one too."""
    if found.size is None:
        return float(width), float(height)
    w, h = found.size
    if found.size != (1.0, 1.0) and abs(w * height / (h * width) - 1) > SAME_SHAPE:
        assert found.labels
        what = f"labels for {w:g} x {h:g}, the picture {found.picture.name} is {width} x {height}"
        problems.add(Kind.OTHER_SIZE, found.labels, None, what)
        return None
    return w, h
