"""Boxes and the letterbox. A box is ``x1, y1, x2, y2`` in pixels; many boxes are an (N, 4) float32 array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Areas (N,) in square pixels of boxes (N, 4); a turned-over box has area 0."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4); 0 where both are empty."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(bottom_right - top_left, 0, None)
    shared = sides[..., 0] * sides[..., 1]
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def clip(boxes: Boxes, width: int, height: int) -> Boxes:
    """The boxes cut off at the edges of a ``width`` x ``height`` picture."""
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes, 0, limits).astype(np.float32)


def centres(boxes: Boxes) -> NDArray[np.float32]:
    """Centres (N, 2) as x, y of boxes (N, 4)."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, np.float32)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture lies in the model's input: scaled by ``scale`` to ``inner_*`` and padded to ``width`` x ``height``.

    The arithmetic is that of Ultralytics' ``LetterBox(auto=True)`` and ``scale_boxes``, so that a model sees what it
    was trained on: both paddings are split in two and rounded after 0.1 is taken off.
    """

    source_width: int
    source_height: int
    width: int
    height: int
    inner_width: int
    inner_height: int
    left: int
    top: int
    scale: float

    @classmethod
    def fit(cls, width: int, height: int, size: int, stride: int = 32, *, even: bool = False) -> Letterbox:
        """Fit a picture into ``size`` with the least padding that makes both sides a multiple of ``stride``.

        ``even`` rounds the offsets down to even numbers, so that a ``yuv420p`` picture keeps its chroma in place.
        """
        if min(width, height, size, stride) < 1:
            raise ValueError(f"sides must be positive: {width}x{height} into {size}, stride {stride}")
        scale = min(size / height, size / width)
        inner_width, inner_height = max(round(width * scale), 1), max(round(height * scale), 1)
        pad_x, pad_y = (size - inner_width) % stride, (size - inner_height) % stride
        left, top = max(round(pad_x / 2 - 0.1), 0), max(round(pad_y / 2 - 0.1), 0)
        if even:
            left, top = left & ~1, top & ~1
        return cls(
            width, height, inner_width + pad_x, inner_height + pad_y, inner_width, inner_height, left, top, scale
        )

    def to_source(self, boxes: Boxes) -> Boxes:
        """Boxes (N, 4) in pixels of the input -> pixels of the picture, cut off at its edges."""
        offset = np.array([self.left, self.top, self.left, self.top], np.float32)
        return clip((boxes - offset) / np.float32(self.scale), self.source_width, self.source_height)
