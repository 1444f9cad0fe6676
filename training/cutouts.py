"""Things cut out of their pictures, to be pasted into others: guns, and what is mistaken for one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import TrainingError

LONGEST = 220
"""Longer side that cut-outs are kept at, in pixels: nothing larger is pasted."""

WHITE = 232
"""A background is white when its darkest channel is above this."""

LEAST_SHARE, MOST_SHARE = 0.12, 0.8
"""Share of its box that a thing cut from white fills: less is a drawing or a shadow, more has no outline."""

HELD_OUT = 5
"""One cut-out in so many is never pasted in training: the probe for small guns is made of those."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """``rgba``: (h, w, 4) uint8, the colours in BGR order as OpenCV has them, then opacity. ``is_gun``: what it is."""

    name: str
    rgba: NDArray[np.uint8]
    is_gun: bool


def is_held_out(name: str) -> bool:
    """Whether the cut-out of this file name is kept for measuring."""
    return hashlib.sha256(name.encode()).digest()[0] % HELD_OUT == 0


def read_cutouts(folder: Path, is_gun: bool) -> list[Cutout]:
    """The PNG files of a folder, each with an alpha channel; raises TrainingError for one without."""
    found = []
    for path in sorted(folder.glob("*.png")):
        rgba = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if rgba is None or rgba.ndim != 3 or rgba.shape[2] != 4:
            raise TrainingError(f"{path} is not a cut-out: save it as PNG with an alpha channel.")
        trimmed = _trimmed(np.asarray(rgba, np.uint8))
        if trimmed is not None:
            found.append(Cutout(path.name, trimmed, is_gun))
    if not found:
        raise TrainingError(f"{folder} has no cut-outs: PNG files with an alpha channel are looked for.")
    return found


def cut_from_white(name: str, image: NDArray[np.uint8], is_gun: bool) -> Cutout | None:
    """Cut the one thing out of a (h, w, 3) BGR picture of it on white, or None where there is no such thing."""
    height, width = image.shape[:2]
    if min(height, width) < 24:
        return None
    light = (image.min(axis=2) >= WHITE).astype(np.uint8)
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    if border.mean() < 0.9:
        return None
    # The background is what is white and reaches the border: highlights on the thing stay.
    count, areas = cv2.connectedComponents(light, connectivity=4)
    outside = set(np.unique(np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]]))) - {0}
    thing = (~np.isin(areas, list(outside))).astype(np.uint8)
    thing = np.asarray(cv2.erode(thing, np.ones((3, 3), np.uint8)), np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(thing)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    area = int(stats[largest, cv2.CC_STAT_AREA])
    if area < 0.9 * thing.sum():
        return None
    mask = np.asarray(cv2.GaussianBlur((parts == largest).astype(np.uint8) * 255, (3, 3), 0), np.uint8)
    trimmed = _trimmed(np.dstack([image, mask]))
    if trimmed is None or not LEAST_SHARE <= (trimmed[..., 3] > 127).mean() <= MOST_SHARE:
        return None
    return Cutout(name, trimmed, is_gun)


def cut_from_pictures(pictures: Iterable[tuple[Path, NDArray[np.float32]]], is_gun: bool) -> list[Cutout]:
    """Cut what lies on white out of pictures. With each picture come its boxes (n, 4): centre x, centre y, width and
    height as fractions; each is cut by itself, and with none the whole picture is taken as that of one thing."""
    found = []
    for path, boxes in pictures:
        image = cv2.imread(str(path))
        if image is None:
            continue
        for part in _parts(np.asarray(image, np.uint8), boxes):
            cutout = cut_from_white(path.name, part, is_gun)
            if cutout:
                found.append(cutout)
    return found


def _parts(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> Sequence[NDArray[np.uint8]]:
    if not len(boxes):
        return [image]
    height, width = image.shape[:2]
    parts = []
    for x, y, w, h in boxes.tolist():
        # A little more than the box, so that there is background around the thing.
        left, right = int((x - w * 0.53) * width) - 2, int((x + w * 0.53) * width) + 3
        top, bottom = int((y - h * 0.53) * height) - 2, int((y + h * 0.53) * height) + 3
        parts.append(image[max(top, 0) : bottom, max(left, 0) : right])
    return parts


def _trimmed(rgba: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Without its empty margin, and no longer than :data:`LONGEST`."""
    rows, columns = np.flatnonzero((rgba[..., 3] > 40).any(axis=1)), np.flatnonzero((rgba[..., 3] > 40).any(axis=0))
    if len(rows) < 8 or len(columns) < 8:
        return None
    rgba = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = LONGEST / max(rgba.shape[:2])
    if scale < 1:
        size = (max(round(rgba.shape[1] * scale), 1), max(round(rgba.shape[0] * scale), 1))
        rgba = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.uint8)
    return rgba
