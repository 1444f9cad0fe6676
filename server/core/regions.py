"""Parts of a picture: masks that hide, zones that count. A polygon's points are fractions of width and height."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Picture, Plane
from .geometry import Boxes, centres

Point = tuple[float, float]
Polygon = tuple[Point, ...]

MASK_LUMA = 40
MASK_CHROMA = 128

SHIFT = 8
"""Bits after the point with which OpenCV is told where a corner lies."""

MARGIN = 2
"""Pixels around the picture, so that a line just outside reaches in as far as one inside reaches out."""


def raster(polygons: Sequence[Polygon], width: int, height: int) -> Plane:
    """What the polygons cover of a ``width`` x ``height`` picture: (height, width) uint8, 255 where they touch a pixel.

    Rather a pixel too many: what a line runs around is covered, however often the line crosses itself, and all within
    a pixel of it.
    """
    covered = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN), np.uint8)
    for polygon in polygons:  # one by one: filled together, what two of them share would stay open
        # OpenCV's whole numbers are the middles of pixels.
        corners = np.array(polygon, np.float64) * (width, height) + (MARGIN - 0.5)
        outline = np.zeros_like(covered)
        cv2.fillPoly(outline, [np.round(corners * 2**SHIFT).astype(np.int32)], 255, shift=SHIFT)
        outlines, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(covered, outlines, -1, 255, cv2.FILLED)
    grown = np.asarray(cv2.dilate(covered, np.ones((3, 3), np.uint8)), np.uint8)
    return grown[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()


class Masks:
    """Burns masks into pictures. Not for two threads at a time: it keeps the mask of the last size."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = tuple(polygons)
        self._size = (0, 0)
        self._luma: tuple[Plane, Plane] = (np.empty((0, 0), np.uint8),) * 2
        self._chroma = self._luma

    def burn(self, picture: Picture) -> Picture:
        """A copy of the picture with the masks filled flat in dark grey; without masks the picture itself."""
        if not self._polygons:
            return picture
        if self._size != (picture.width, picture.height):
            self._prepare(picture.width, picture.height)
        u, v = (_filled(plane, *self._chroma) for plane in (picture.u, picture.v))
        return Picture(_filled(picture.y, *self._luma), u, v)

    def _prepare(self, width: int, height: int) -> None:
        covered = raster(self._polygons, width, height)
        # A sample of colour is made from its two columns and, as most encoders place it (chroma_sample_loc_type 0 of
        # H.264), from the column before them: it goes if any of these is covered.
        near = np.asarray(cv2.dilate(covered, np.ones((3, 3), np.uint8)), np.uint8)
        even = np.zeros((height + height % 2, width + width % 2), np.uint8)
        even[:height, :width] = near
        colour = even[::2, ::2] | even[::2, 1::2] | even[1::2, ::2] | even[1::2, 1::2]
        self._luma = _layers(covered, MASK_LUMA)
        self._chroma = _layers(colour, MASK_CHROMA)
        self._size = (width, height)


def _layers(covered: Plane, value: int) -> tuple[Plane, Plane]:
    """What to keep of a plane and what to put in, so that filling is two operations on bits."""
    return ~covered, np.asarray(covered & np.uint8(value), np.uint8)


def _filled(plane: Plane, keep: Plane, fill: Plane) -> Plane:
    filled = np.bitwise_and(plane, keep)
    np.bitwise_or(filled, fill, out=filled)
    return filled


def in_zones(boxes: Boxes, zones: Sequence[Polygon], width: int, height: int) -> NDArray[np.bool_]:
    """Which of the boxes (N, 4), in pixels of a ``width`` x ``height`` picture, have their centre in a zone: (N,).
    Without zones all have."""
    if not zones:
        return np.ones(len(boxes), np.bool_)
    points = centres(boxes).astype(np.float64) / (width, height)
    inside = np.zeros(len(boxes), np.bool_)
    for zone in zones:
        inside |= winding(np.array(zone, np.float64), points) != 0
    return inside


def winding(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    """How often the line through the corners (C, 2) runs around each of the points (P, 2): (P,), 0 outside.

    The crossing rule of Sunday, "Inclusion of a point in a polygon" (2001): unlike even and odd, it leaves no hole
    where a line crosses itself.
    """
    start, end = corners, np.roll(corners, -1, axis=0)
    x, y = points[:, 0, None], points[:, 1, None]
    side = (end[:, 0] - start[:, 0]) * (y - start[:, 1]) - (x - start[:, 0]) * (end[:, 1] - start[:, 1])
    up = (start[:, 1] <= y) & (end[:, 1] > y) & (side > 0)
    down = (start[:, 1] > y) & (end[:, 1] <= y) & (side < 0)
    return np.asarray(up.sum(axis=1) - down.sum(axis=1), np.int64)
