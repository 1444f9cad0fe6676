"""What a model saw in one picture, in columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .geometry import Boxes

NO_TRACK = -1
"""Stands in ``track_ids`` for a detection that belongs to no track."""


@dataclass(frozen=True, slots=True)
class Detections:
    """N detections, best first: ``boxes`` (N, 4) float32 in pixels of the picture, ``scores`` (N,) float32 from 0 to 1,
    ``classes`` (N,) int32 as indices into the model's labels, ``track_ids`` (N,) int64 or :data:`NO_TRACK`."""

    boxes: Boxes
    scores: NDArray[np.float32]
    classes: NDArray[np.int32]
    track_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.track_ids) and len(self.scores):
            object.__setattr__(self, "track_ids", np.full(len(self.scores), NO_TRACK, np.int64))
        if not len(self.boxes) == len(self.scores) == len(self.classes) == len(self.track_ids):
            raise ValueError("columns of unequal length")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """Nothing seen."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    def where(self, mask: NDArray[np.bool_]) -> Detections:
        """Those rows for which ``mask`` (N,) is true."""
        return Detections(self.boxes[mask], self.scores[mask], self.classes[mask], self.track_ids[mask])

    def tracked(self, track_ids: NDArray[np.int64]) -> Detections:
        """The same detections with these track ids."""
        return replace(self, track_ids=track_ids)
