"""Boxes and the letterbox."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.geometry import Boxes, Letterbox, areas, centres, clip, iou

from .builders import boxes_of, upright_boxes

SIDES = st.integers(1, 5000)


def iou_by_cells(a: Boxes, b: Boxes) -> float:
    """IoU of two boxes with whole corners, by counting unit cells."""

    def cells(box: Boxes) -> set[tuple[int, int]]:
        x1, y1, x2, y2 = (int(value) for value in box)
        return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}

    shared, union = cells(a) & cells(b), cells(a) | cells(b)
    return len(shared) / len(union) if union else 0.0


@st.composite
def small_boxes(draw: st.DrawFn) -> Boxes:
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        x, y = draw(st.integers(-4, 8)), draw(st.integers(-4, 8))
        rows.append((x, y, x + draw(st.integers(0, 6)), y + draw(st.integers(0, 6))))
    return boxes_of(*rows)


@given(small_boxes(), small_boxes())
def test_iou_is_what_counting_cells_gives(a: Boxes, b: Boxes) -> None:
    counted = [[iou_by_cells(one, other) for other in b] for one in a]
    np.testing.assert_allclose(iou(a, b), counted, atol=1e-6)


@given(upright_boxes(), upright_boxes())
def test_iou_is_symmetric_and_bounded(a: Boxes, b: Boxes) -> None:
    overlap = iou(a, b)
    assert overlap.shape == (len(a), len(b))
    assert (overlap >= 0).all()
    assert (overlap <= 1).all()
    np.testing.assert_array_equal(overlap, iou(b, a).T)


@given(upright_boxes())
def test_a_box_overlaps_itself_wholly(boxes: Boxes) -> None:
    np.testing.assert_allclose(np.diag(iou(boxes, boxes)), 1)


def test_iou_of_empty_boxes_is_zero_and_no_warning() -> None:
    empty = boxes_of((5, 5, 5, 5), (9, 9, 3, 3))
    assert (iou(empty, empty) == 0).all()
    assert iou(boxes_of(), empty).shape == (0, 2)


def test_a_turned_over_box_has_no_area() -> None:
    assert areas(boxes_of((0, 0, 4, 3), (4, 0, 0, 3), (4, 3, 0, 0))).tolist() == [12, 0, 0]


@given(upright_boxes(), SIDES, SIDES)
def test_clip_keeps_boxes_inside_and_is_done_once(boxes: Boxes, width: int, height: int) -> None:
    inside = clip(boxes, width, height)
    assert (inside >= 0).all()
    assert (inside[:, 0::2] <= width).all()
    assert (inside[:, 1::2] <= height).all()
    np.testing.assert_array_equal(clip(inside, width, height), inside)
    untouched = (boxes >= 0).all(1) & (boxes[:, 2] <= width) & (boxes[:, 3] <= height)
    np.testing.assert_array_equal(inside[untouched], boxes[untouched])


def test_centres() -> None:
    assert centres(boxes_of((0, 10, 4, 30), (-2, -2, 2, 2))).tolist() == [[2, 20], [0, 0]]


@given(SIDES, SIDES, st.sampled_from([320, 416, 640, 1280]), st.booleans())
def test_a_letterbox_fits_its_picture(width: int, height: int, size: int, even: bool) -> None:
    box = Letterbox.fit(width, height, size, even=even)
    assert box.width % 32 == box.height % 32 == 0
    assert max(box.width, box.height) == size
    # The least padding: less than one stride on both sides together.
    assert 0 <= box.width - box.inner_width < 32
    assert 0 <= box.height - box.inner_height < 32
    assert 0 <= box.left <= box.width - box.inner_width
    assert 0 <= box.top <= box.height - box.inner_height
    assert not even or box.left % 2 == box.top % 2 == 0
    assert box.inner_width == max(round(width * box.scale), 1)
    assert box.inner_height == max(round(height * box.scale), 1)


@given(SIDES, SIDES, st.booleans())
def test_padding_is_split_in_two(width: int, height: int, even: bool) -> None:
    box = Letterbox.fit(width, height, 640, even=even)
    most = 2 if even else 1
    assert abs(box.width - box.inner_width - 2 * box.left) <= most + even
    assert abs(box.height - box.inner_height - 2 * box.top) <= most + even


@given(SIDES, SIDES, st.booleans(), st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4))
def test_a_box_comes_back_through_the_letterbox(width: int, height: int, even: bool, corners: list[float]) -> None:
    box = Letterbox.fit(width, height, 640, even=even)
    there = boxes_of([share * side for share, side in zip(corners, (width, height, width, height), strict=True)])
    offset = np.array([box.left, box.top] * 2, np.float32)
    back = box.to_source(there * np.float32(box.scale) + offset)
    # float32 holds an input's pixel to 1e-4; the scale makes more or less of that.
    np.testing.assert_allclose(back, there, atol=2e-4 / box.scale + 1e-3)


def test_what_lies_in_the_padding_is_cut_off() -> None:
    box = Letterbox.fit(640, 480, 640)
    assert (box.top, box.height) == (0, 480)
    box = Letterbox.fit(640, 470, 640)
    assert (box.inner_height, box.height, box.top) == (470, 480, 5)
    assert box.to_source(boxes_of((0, 0, 640, 480))).tolist() == [[0, 0, 640, 470]]


@pytest.mark.parametrize("sides", [(0, 9, 64, 32), (9, 0, 64, 32), (9, 9, 0, 32), (9, 9, 64, 0), (-5, 5, 64, 32)])
def test_sides_must_be_positive(sides: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Letterbox.fit(*sides)
