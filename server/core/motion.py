"""The motion gate: whether anything moves that may be worth a look. When in doubt it is open."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Plane
from .regions import Polygon, raster

FEWEST_ROWS = 90
"""Cells along the shorter side of a picture, at the least; twice as many at the most."""

BACKGROUND_S = 3.0
"""Time constant of the background: a light switched on is forgotten in some seconds, and so is who stands still."""

LEAST_CHANGE = 6.0
"""A cell has changed when it differs from its background by so much luma ..."""

NOISE_MARGIN = 1.5
"""... and by so many times what it was seen to differ of late ..."""

ENOUGH_CHANGE = 14.0
"""... but by so much in any case: what moves in a busy place must not hide what comes after it."""

NOISE_S = 20.0
"""Time constant by which that memory fades: longer than from key frame to key frame."""

FEWEST_CELLS = 4
"""Cells that must have changed side by side: a person's edge, not a speck."""

LINGER_S = 2.0
"""The gate stays open for so long after the last motion."""

LEAST_GAP_S = 0.06
"""Pictures that come faster are not all compared: at 30 a second every second one is."""

LONGEST_GAP_S = 5.0
"""After a longer silence nobody knows what happened meanwhile."""

SLOT_S = 5.0
SLOT_WEIGHT = 1 / 6
HABIT = 0.8
"""A cell that changed in nearly every slot for the last three quarters of a minute does so by habit. ..."""

LARGEST_SPOT = 0.01
MOST_SPOTS = 0.03
"""... It is not listened to if its spot is at most this share of the picture, and all such spots that."""

Cells = NDArray[np.float32]


class MotionGate:
    """Open while something moves in the zones (anywhere, if there are none), and :data:`LINGER_S` after.

    The picture is averaged into cells. Each is compared with its running average (the simplest of the methods reviewed
    by Piccardi, "Background subtraction techniques: a review", 2004), against a threshold that follows what the cell
    was seen to do by itself: noise of the sensor and of compression raise it, up to a limit. Small spots that never
    rest, such as a lamp that flickers or the clock a camera writes into its picture, are let be in time.
    """

    def __init__(self, zones: Sequence[Polygon] = ()) -> None:
        self._zones = tuple(zones)
        self._shape: tuple[int, ...] = ()
        self._seen_at = self._open_until = self._slot_ends = 0.0

    def sees_motion(self, luma: Plane, now: float) -> bool:
        """Whether something moves in this picture, or did a moment ago. ``luma``: (height, width) uint8, read only;
        ``now``: when it was taken, in seconds. The first picture, one of a new size and one after a long silence count
        as motion."""
        gap = now - self._seen_at
        if luma.shape != self._shape or not 0 <= gap <= LONGEST_GAP_S:
            self._begin(luma, now)
        elif gap >= LEAST_GAP_S:
            self._seen_at = now
            if self._moves(shrunk(luma), gap, now):
                self._open_until = now + LINGER_S
        return now < self._open_until

    def _begin(self, luma: Plane, now: float) -> None:
        self._shape = luma.shape
        self._seen_at, self._open_until, self._slot_ends = now, now + LINGER_S, now + SLOT_S
        self._background = shrunk(luma)
        self._noise = np.zeros_like(self._background)
        self._in_slot = np.zeros(self._noise.shape, np.uint8)
        self._habit = np.zeros_like(self._noise)
        height, width = self._noise.shape
        self._listens = raster(self._zones, width, height) if self._zones else np.full_like(self._in_slot, 255)
        self._spots = np.zeros_like(self._in_slot)

    def _moves(self, cells: Cells, gap: float, now: float) -> bool:
        change = cv2.absdiff(cells, self._background)
        threshold = np.clip(self._noise * np.float32(NOISE_MARGIN), LEAST_CHANGE, ENOUGH_CHANGE)
        changed = np.asarray(cv2.compare(change, threshold, cv2.CMP_GT), np.uint8) & self._listens
        cv2.accumulateWeighted(cells, self._background, 1 - math.exp(-gap / BACKGROUND_S))
        self._noise *= np.float32(math.exp(-gap / NOISE_S))
        np.maximum(self._noise, change, out=self._noise)
        self._in_slot |= changed
        if now >= self._slot_ends:
            self._end_slot(now)
        return largest(changed & ~self._spots) >= FEWEST_CELLS

    def _end_slot(self, now: float) -> None:
        self._habit += ((self._in_slot > 0) - self._habit) * np.float32(SLOT_WEIGHT)
        self._in_slot[:] = 0
        self._slot_ends = now + SLOT_S
        self._spots = small_spots(np.asarray((self._habit > HABIT).astype(np.uint8) * 255, np.uint8))


def shrunk(luma: Plane) -> Cells:
    """The means of cells of luma: square, their side a power of two so that halving does it, which is quick."""
    halvings = max((min(luma.shape) // FEWEST_ROWS).bit_length() - 1, 0)
    side = 2**halvings
    height, width = luma.shape[0] // side * side, luma.shape[1] // side * side
    cells = luma[:height, :width]
    for _ in range(halvings):
        height, width = height // 2, width // 2
        cells = np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return cells.astype(np.float32)


def largest(changed: Plane) -> int:
    """How many cells of the largest coherent patch have changed (corners touch); (rows, columns) uint8, else 0."""
    if cv2.countNonZero(changed) < FEWEST_CELLS:
        return 0
    count, _, stats, _ = cv2.connectedComponentsWithStats(changed, connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) if count > 1 else 0


def small_spots(habitual: Plane) -> Plane:
    """Those patches of cells (rows, columns) uint8 that are small, if all together are; else none."""
    grown = np.asarray(cv2.dilate(habitual, np.ones((3, 3), np.uint8)), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] <= LARGEST_SPOT * habitual.size
    small[0] = False
    spots = np.asarray(small[labels].astype(np.uint8) * 255, np.uint8)
    return spots if cv2.countNonZero(spots) <= MOST_SPOTS * habitual.size else np.zeros_like(spots)
