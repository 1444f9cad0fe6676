"""The pictures of a data set made by ``python -m training data``: what is known of each, and its boxes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import TrainingError

INDEX, SHEETS = "index.jsonl", "sheets"
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture. ``file`` is relative to the data set; ``set`` is the named source that it is from; ``width`` and
    ``height`` in pixels, upright; ``boxes`` says how many; ``hash`` is the perceptual hash in 16 hex digits; ``group``
    names its near-duplicates; ``origin`` is the path in its source (``from`` in the file)."""

    file: str
    split: str
    set: str
    width: int
    height: int
    boxes: int
    sha256: str
    hash: str
    group: str | None
    origin: str

    def line(self) -> str:
        """As it is in the index."""
        body = asdict(self)
        body["from"] = body.pop("origin")
        return json.dumps(body, ensure_ascii=False)


def read_index(folder: Path) -> list[Entry]:
    """All pictures of a data set, in its order. Raises TrainingError where there is none, or a line is broken."""
    path = folder / INDEX
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{folder} is no data set: make one by `python -m training data` ({error}).") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            body = json.loads(line)
            found.append(Entry(origin=body.pop("from"), **body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrainingError(f"{path}, line {number} is broken: make the data set anew ({error}).") from error
    if not found:
        raise TrainingError(f"{folder} has no pictures.")
    return found


def label_path(folder: Path, file: str) -> Path:
    """Where the boxes of a picture are: Ultralytics takes the same way from ``images`` to ``labels``."""
    return (folder / "labels" / Path(file).relative_to("images")).with_suffix(".txt")


def boxes_of(folder: Path, entry: Entry) -> NDArray[np.float32]:
    """The boxes of a picture, (n, 5) float32: class, centre x, centre y, width and height as fractions of the picture.

    Raises TrainingError when they cannot be read or are not as many as the index says.
    """
    path = label_path(folder, entry.file)
    try:
        rows = [[float(word) for word in line.split()] for line in path.read_text("utf-8").splitlines() if line.strip()]
        boxes = np.array(rows, np.float32).reshape(-1, 5)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: make the data set anew ({error}).") from error
    if len(boxes) != entry.boxes:
        raise TrainingError(
            f"{path} has {len(boxes)} boxes, the index says {entry.boxes}: the data set was changed, make it anew."
        )
    return boxes
