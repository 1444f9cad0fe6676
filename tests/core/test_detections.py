"""The columns of detections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from server.core.detections import NO_TRACK, Detections

from .builders import detections_of


def test_none_is_empty() -> None:
    nothing = Detections.none()
    assert len(nothing) == 0
    assert nothing.boxes.shape == (0, 4)
    assert nothing.track_ids.shape == (0,)


def test_detections_begin_without_tracks() -> None:
    assert detections_of((0, 0, 1, 1), (0, 0, 2, 2)).track_ids.tolist() == [NO_TRACK, NO_TRACK]


def test_columns_must_be_of_one_length() -> None:
    two = detections_of((0, 0, 1, 1), (0, 0, 2, 2))
    with pytest.raises(ValueError, match="unequal length"):
        replace(two, scores=two.scores[:1])
    with pytest.raises(ValueError, match="unequal length"):
        two.tracked(np.array([1, 2, 3], np.int64))


def test_where_takes_rows_of_all_columns() -> None:
    three = detections_of((0, 0, 1, 1), (0, 0, 2, 2), (0, 0, 3, 3), scores=(0.9, 0.8, 0.7))
    kept = three.tracked(np.array([4, 5, 6], np.int64)).where(np.array([True, False, True]))
    assert kept.boxes[:, 2].tolist() == [1, 3]
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7])
    assert kept.track_ids.tolist() == [4, 6]
