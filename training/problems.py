"""What is wrong in the pictures and labels that were given, each named by file and line, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What can be wrong. The value is what the report calls it; :data:`DONE` says what is done about it."""

    CLIPPED = "box a little outside the picture"
    POLYGON = "outline instead of a box"
    EMPTY_BOX = "box without area"
    REPEATED_BOX = "box twice"
    OUTSIDE = "box outside the picture"
    NOT_A_NUMBER = "not a number"
    COLUMNS = "wrong number of columns"
    UNKNOWN_CLASS = "unknown class"
    UNREADABLE_LABELS = "labels that cannot be read"
    OTHER_SIZE = "labels for another size"
    NO_LABELS = "picture without labels"
    NO_PICTURE = "labels without a picture"
    EMPTY_FILE = "empty picture file"
    NO_PICTURE_FILE = "not a picture"
    TRUNCATED = "picture cut off"
    TOO_LARGE = "picture too large"
    TOO_SMALL = "picture too small"
    TWO_LABELS = "the same picture with other labels"
    REWRITTEN = "picture of another kind"


BOX_LEFT_OUT, PICTURE_LEFT_OUT = "the box is left out", "the picture is left out"

DONE = {
    Kind.CLIPPED: "clipped to the picture",
    Kind.POLYGON: "turned into the box around it",
    Kind.EMPTY_BOX: BOX_LEFT_OUT,
    Kind.REPEATED_BOX: BOX_LEFT_OUT,
    Kind.NO_PICTURE: "the labels are left out",
    Kind.TWO_LABELS: "the one with more boxes stays",
    Kind.REWRITTEN: "written anew as upright 8-bit RGB",
}
"""All else leaves the picture out: with a label that cannot be understood, a gun in it would be taught to be none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``file`` can be shown; ``line`` counts from 1, None where there are no lines."""

    kind: Kind
    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.what}"


class Problems:
    """All that was found, each once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def add(self, kind: Kind, file: Path, line: int | None, what: str) -> None:
        """Put one down."""
        self._found[Problem(kind, shown(file), line, what)] = None

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def counts(self) -> Counter[Kind]:
        """How many of each kind."""
        return Counter(problem.kind for problem in self._found)

    def body(self) -> list[dict[str, object]]:
        """For a JSON report."""
        return [{**asdict(problem), "done": DONE.get(problem.kind, PICTURE_LEFT_OUT)} for problem in self._found]

    def text(self, most: int) -> str:
        """For people: each kind with its number, what was done, and the first ``most`` of it."""
        lines = []
        for kind, count in self.counts().most_common():
            lines.append(f"{count} x {kind} ({DONE.get(kind, PICTURE_LEFT_OUT)})")
            of_kind = [problem for problem in self._found if problem.kind is kind]
            lines += [f"    {problem}" for problem in of_kind[:most]]
            if len(of_kind) > most:
                lines.append(f"    and {len(of_kind) - most} more, all in report.json")
        return "\n".join(lines)


def shown(path: Path) -> str:
    """A path as text, also where its bytes are not UTF-8: those are shown as ``\\xNN``."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
