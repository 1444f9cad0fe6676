"""Boxes and labels, drawn straight on the planes of a picture: no round trip through RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .analyzer import SeenTrack
from .events import State
from .frame import Picture

Rgb = tuple[int, int, int]
Image = NDArray[np.uint8]

RED: Rgb = (220, 38, 38)
AMBER: Rgb = (245, 158, 11)
WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (16, 16, 16)
GREY: Rgb = (150, 150, 150)
COLOURS: dict[State, tuple[Rgb, Rgb]] = {State.SUSPECTED: (AMBER, BLACK), State.CONFIRMED: (RED, WHITE)}

FONT = cv2.FONT_HERSHEY_SIMPLEX
NO_PLATE: Image = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class Mark:
    """A box (4,) in pixels with its label, in RGB colours for the line and the letters on it. Without a text there is
    no label."""

    box: NDArray[np.float32]
    text: str
    colour: Rgb = RED
    ink: Rgb = WHITE
    thin: bool = False


def mark_of(seen: SeenTrack, at: float) -> Mark:
    """The mark of a track, moved on to the time ``at`` (monotonic s). What a person said to be nothing is a thin grey
    box: still seen, but no alarm."""
    if seen.state is State.RETRACTED:
        return Mark(seen.track.box_at(at), "", GREY, thin=True)
    colour, ink = COLOURS[seen.state]
    return Mark(seen.track.box_at(at), f"{seen.label} {seen.track.score:.0%}", colour, ink)


def yuv_of(colour: Rgb) -> Rgb:
    """RGB -> Y, U, V of BT.601 in limited range (ITU-R BT.601-7, section 2.5)."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / 1.772),
        round(128 + 224 * (red - luma) / 1.402),
    )


def draw_on_picture(picture: Picture, marks: Iterable[Mark]) -> None:
    """Draw on the Y, U and V planes in place. The planes must be writable: see :meth:`Picture.copy`."""
    layers = ((picture.y, 1), (picture.u, 2), (picture.v, 2))
    _draw(layers, marks, yuv_of, picture.width, picture.height)


def draw_on_image(rgb: Image, marks: Iterable[Mark]) -> None:
    """Draw on an RGB picture (H, W, 3) uint8 in place."""
    layers = tuple((rgb[:, :, channel], 1) for channel in range(3))
    _draw(layers, marks, lambda colour: colour, rgb.shape[1], rgb.shape[0])


def _draw(
    layers: Sequence[tuple[Image, int]],
    marks: Iterable[Mark],
    values: Callable[[Rgb], Rgb],
    width: int,
    height: int,
) -> None:
    usual = max(2, round(height / 240)) & ~1
    for mark in marks:
        line = usual // 2 if mark.thin else usual
        x1, y1, x2, y2 = (round(float(value)) for value in mark.box)
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            continue  # its motion carried it out of sight: no label without a box
        plate = _plate(mark.text, max(11, round(height / 34))) if mark.text else NO_PLATE
        plate_height, plate_width = plate.shape
        # The label stands on the box; inside it where there is no room above, and never past the right edge.
        top = y1 - plate_height if y1 >= plate_height else max(y1, 0)
        left = min(max(x1, 0), max(width - plate_width, 0))
        colour, ink = values(mark.colour), values(mark.ink)
        for (layer, step), value, letters in zip(layers, colour, ink, strict=True):
            for left_edge, top_edge, right_edge, bottom_edge in (
                (x1, y1, x2, y1 + line),
                (x1, y2 - line, x2, y2),
                (x1, y1, x1 + line, y2),
                (x2 - line, y1, x2, y2),
            ):
                _fill(layer, step, left_edge, top_edge, right_edge, bottom_edge, value)
            _stamp(layer, step, left, top, plate, value, letters)


def _fill(layer: Image, step: int, x1: int, y1: int, x2: int, y2: int, value: int) -> None:
    rows = slice(max(y1, 0) // step, max(-(-y2 // step), 0))
    columns = slice(max(x1, 0) // step, max(-(-x2 // step), 0))
    layer[rows, columns] = value


def _stamp(layer: Image, step: int, left: int, top: int, plate: Image, ground: int, ink: int) -> None:
    """Blend a plate of letters (h, w) uint8, 255 where there is ink, on a layer."""
    left, top = left // step, top // step
    target = layer[top : top + -(-plate.shape[0] // step), left : left + -(-plate.shape[1] // step)]
    shape = plate[::step, ::step][: target.shape[0], : target.shape[1]].astype(np.int32)
    target[...] = (ground + (ink - ground) * shape // 255).astype(np.uint8)


@lru_cache(maxsize=512)
def _plate(text: str, size: int) -> Image:
    """A plate with the text on it: (h, w) uint8, 255 where there is ink. ``size``: height of the letters in pixels."""
    scale = size / 22
    thickness = max(1, round(scale * 1.6))
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, thickness)
    margin = max(3, size // 4)
    plate = np.zeros((height + baseline + 2 * margin, width + 2 * margin), np.uint8)
    cv2.putText(plate, text, (margin, margin + height), FONT, scale, 255, thickness, cv2.LINE_AA)
    plate.flags.writeable = False
    return plate
