"""Contact sheets: many pictures of a data set at a glance, with their boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from .labels import Box

CELL_WIDTH, CELL_HEIGHT, LETTERS = 180, 135, 12
COLUMNS = 8
MOST = 80
"""Pictures on a sheet: of more, so many are taken at even distances."""

BOX_COLOUR, GROUND, INK = (255, 40, 40), (255, 255, 255), (0, 0, 0)
QUALITY = 82
LONGEST_NAME = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture to be shown, its boxes and what is written under it."""

    path: Path
    boxes: tuple[Box, ...]
    name: str


def sampled(cells: Sequence[Cell], most: int = MOST) -> list[Cell]:
    """At most so many of them, at even distances."""
    if len(cells) <= most:
        return list(cells)
    return [cells[place * len(cells) // most] for place in range(most)]


def write_sheet(path: Path, cells: Iterable[Cell], columns: int = COLUMNS) -> None:
    """A JPEG file of the cells in rows. Raises OSError."""
    shown = list(cells)
    rows = max(-(-len(shown) // columns), 1)
    sheet = Image.new("RGB", (columns * CELL_WIDTH, rows * (CELL_HEIGHT + LETTERS)), GROUND)
    draw = ImageDraw.Draw(sheet)
    for place, cell in enumerate(shown):
        left, top = place % columns * CELL_WIDTH, place // columns * (CELL_HEIGHT + LETTERS)
        with Image.open(cell.path) as picture:
            picture.draft("RGB", (CELL_WIDTH, CELL_HEIGHT))
            small = picture.convert("RGB")
        small.thumbnail((CELL_WIDTH - 4, CELL_HEIGHT - 2))
        sheet.paste(small, (left, top))
        for _, x, y, w, h in cell.boxes:
            corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            sides = (small.width, small.height) * 2
            x1, y1, x2, y2 = (round(value * side) for value, side in zip(corners, sides, strict=True))
            draw.rectangle((left + x1, top + y1, left + max(x2, x1 + 1), top + max(y2, y1 + 1)), outline=BOX_COLOUR)
        draw.text((left, top + CELL_HEIGHT), cell.name[-LONGEST_NAME:], fill=INK, font_size=LETTERS - 2)
    sheet.save(path, "JPEG", quality=QUALITY)
