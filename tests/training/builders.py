"""Pictures, labels and sources for the tests of training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from training.__main__ import main
from training.index import Entry, read_index

WIDTH, HEIGHT = 64, 48
GUN = "0 0.5 0.5 0.25 0.5\n"


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A picture of soft blotches, another one for each number."""
    blotches = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize((width, height), Image.Resampling.BICUBIC)


def put(path: Path, number: int, labels: str | None = GUN) -> Path:
    """A YOLO picture in ``.../images/...`` with its label file, none for None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(number).save(path)
    if labels is not None:
        text = Path(*("labels" if part == "images" else part for part in path.parts)).with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(labels)
    return path


def good(root: Path, count: int = 4) -> Path:
    """A YOLO source with so many pictures, a gun in each, without splits."""
    for number in range(count):
        put(root / "images" / f"good{number}.png", 1000 + number)
    return root


def made(out: Path, *words: str | Path) -> list[Entry]:
    """The data set that the command makes."""
    assert main(["data", *map(str, words), "--out", str(out)]) == 0
    return read_index(out)


def report(out: Path) -> list[dict[str, object]]:
    """The problems of a data set."""
    found: list[dict[str, object]] = json.loads((out / "report.json").read_text())["problems"]
    return found
