"""Boxes and labels on the planes of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.core.analyzer import SeenTrack
from server.core.drawing import AMBER, GREY, RED, Mark, draw_on_image, draw_on_picture, mark_of, yuv_of
from server.core.events import State
from server.core.frame import Picture

from .builders import Corners, random_picture, strided, track_of

FLOAT = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.floats(-300, 900, width=32)
BOXES = st.tuples(FLOAT, FLOAT, FLOAT, FLOAT)
SIDES = st.integers(1, 90)

LABEL_HEIGHT, LABEL_WIDTH = 24, 70
"""What a label of ``gun 87%`` takes at most in a picture of less than 450 lines."""


def mark(box: Corners, text: str = "gun 87%") -> Mark:
    return Mark(np.array(box, np.float32), text)


def changed(before: Picture, after: Picture) -> NDArray[np.bool_]:
    """Where in pixels of the luma plane (H, W) any plane differs."""
    height, width = before.y.shape

    def enlarged(plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(plane.repeat(2, axis=0).repeat(2, axis=1)[:height, :width], np.bool_)

    differs = (before.y != after.y) | enlarged(before.u != after.u) | enlarged(before.v != after.v)
    return np.asarray(differs, np.bool_)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, st.lists(BOXES, max_size=4), st.text(max_size=12))
def test_no_box_and_no_text_breaks_it(width: int, height: int, boxes: list[Corners], text: str) -> None:
    marks = [mark(box, text) for box in boxes]
    draw_on_picture(Picture.grey(width, height), marks)
    draw_on_image(np.zeros((height, width, 3), np.uint8), marks)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(200, 301),
    st.integers(200, 301),
    st.tuples(st.floats(-400, 400), st.floats(-400, 400), st.floats(0, 300), st.floats(0, 300)),
)
def test_nothing_far_from_the_box_is_touched(width: int, height: int, place: tuple[float, float, float, float]) -> None:
    x, y, w, h = place
    before = random_picture(width, height)
    after = before.copy()
    draw_on_picture(after, [mark((x, y, x + w, y + h))])
    rows, columns = np.nonzero(changed(before, after))
    # The lines, two wide and rounded to chroma, and the label above the box or inside it, moved in from the edge.
    left = min(x, max(width - LABEL_WIDTH, 0))
    right = max(x + w, min(max(x, 0), width) + LABEL_WIDTH)
    assert (columns >= left - 4).all()
    assert (columns <= right + 4).all()
    assert (rows >= y - LABEL_HEIGHT - 4).all()
    assert (rows <= max(y + h, max(y, 0) + LABEL_HEIGHT) + 4).all()


@pytest.mark.parametrize(
    "box", [(-90, 20, -10, 60), (20, -90, 60, -10), (210, 20, 260, 60), (20, 210, 60, 260), (1e30, 1e30, 2e30, 2e30)]
)
def test_a_box_outside_the_picture_leaves_no_label_behind(box: Corners) -> None:
    before = random_picture(200, 200)
    after = before.copy()
    draw_on_picture(after, [mark(box)])
    assert not changed(before, after).any()


def test_the_inside_of_a_box_stays_as_it_was() -> None:
    before = random_picture(320, 240)
    after = before.copy()
    draw_on_picture(after, [mark((100, 100, 200, 180))])
    touched = changed(before, after)
    assert not touched[104:176, 104:196].any()
    assert touched[100:180, 100:102].all()
    assert touched[100:180, 198:200].all()
    assert touched[100:102, 100:200].all()
    assert touched[178:180, 100:200].all()
    # The label stands on the box: lines above it change, and not far.
    assert touched[:100, 100:160].any()
    assert not touched[: 100 - LABEL_HEIGHT].any()


def test_of_a_box_that_reaches_past_the_edges_the_rest_is_drawn() -> None:
    before = random_picture(320, 240)
    after = before.copy()
    draw_on_picture(after, [mark((-20, -30, 200, 180), ""), mark((250, 150, 400, 300), "")])
    touched = changed(before, after)
    assert touched[:180, 198:200].all()
    assert touched[178:180, :200].all()
    assert touched[150:, 250:252].all()
    assert touched[150:152, 250:].all()
    assert not touched[184:, :240].any()


def test_a_box_at_the_top_has_its_label_inside() -> None:
    before = random_picture(320, 240)
    after = before.copy()
    draw_on_picture(after, [mark((100, 4, 200, 180))])
    touched = changed(before, after)
    assert touched[4:20, 104:150].any()
    assert not touched[:4].any()


def test_a_label_is_kept_off_the_right_edge() -> None:
    before = random_picture(320, 240)
    after = before.copy()
    draw_on_picture(after, [mark((310, 100, 319, 180))])
    assert changed(before, after)[80:99, 260:300].any()


@given(SIDES, SIDES, BOXES)
@settings(deadline=None)
def test_planes_with_spare_bytes_between_rows_are_drawn_on_alike(width: int, height: int, box: Corners) -> None:
    packed = random_picture(width, height)
    loose = strided(packed)
    marks = [mark(box), mark((5, 30, 40, 60))]
    draw_on_picture(packed, marks)
    draw_on_picture(loose, marks)
    for one, other in ((packed.y, loose.y), (packed.u, loose.u), (packed.v, loose.v)):
        np.testing.assert_array_equal(one, other)
        assert other.base is not None
        assert (other.base[:, other.shape[1] :] == 77).all()


@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (3, 2), (641, 481), (1279, 719)])
def test_odd_sides(sides: tuple[int, int]) -> None:
    width, height = sides
    before = random_picture(width, height)
    after = before.copy()
    draw_on_picture(after, [mark((0, 0, width, height), "")])
    touched = changed(before, after)
    assert touched[-1].all()
    assert touched[:, -1].all()


def test_the_colours_are_those_asked_for() -> None:
    picture = Picture.grey(64, 64)
    draw_on_picture(picture, [mark((10, 40, 50, 60), "")])
    y, u, v = yuv_of(RED)
    assert (picture.y[58, 20:40] == y).all()
    assert (picture.u[29, 10:20] == u).all()
    assert (picture.v[29, 10:20] == v).all()
    rgb = np.zeros((64, 64, 3), np.uint8)
    draw_on_image(rgb, [mark((10, 40, 50, 60), "")])
    assert rgb[58, 30].tolist() == list(RED)


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        # The saturated colours of ITU-R BT.601 at 100 %.
        ((255, 0, 0), (81, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_yuv_of(rgb: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    assert yuv_of(rgb) == yuv


def test_the_letters_are_legible() -> None:
    """Ink and ground both show within the label, and two texts do not look alike."""
    pictures = []
    for text in ("gun 87%", "gun 12%"):
        rgb = np.full((240, 320, 3), 90, np.uint8)
        draw_on_image(rgb, [mark((100, 100, 200, 180), text)])
        label = rgb[80:100, 100:150]
        assert (label == RED).all(axis=2).any()
        assert (label.min(axis=2) > 200).any()
        pictures.append(rgb)
    assert (pictures[0] != pictures[1]).any()


def test_mark_of_a_track_follows_its_motion_and_its_state() -> None:
    track = track_of(1, at=5.0, score=0.874, box=(10, 20, 30, 40), velocity=(100, 0))
    suspected = mark_of(SeenTrack(track, "gun", State.SUSPECTED), 5.1)
    assert suspected.text == "gun 87%"
    assert suspected.colour == AMBER
    np.testing.assert_allclose(suspected.box, (20, 20, 40, 40))
    assert mark_of(SeenTrack(track, "gun", State.CONFIRMED), 5.1).colour == RED


def test_what_a_person_dismissed_is_a_thin_grey_box_without_a_label() -> None:
    track = track_of(1, at=5.0, box=(100, 100, 200, 180))
    rgb = np.zeros((480, 640, 3), np.uint8)
    draw_on_image(rgb, [mark_of(SeenTrack(track, "gun", State.RETRACTED), 5.0)])
    rows, columns = np.nonzero(rgb.any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 179, 100, 199)
    assert (rgb[rows, columns] == GREY).all()
    assert len(rows) == 2 * 100 + 2 * 80 - 4, "one pixel wide"
    picture = Picture.grey(640, 480, luma=16)
    draw_on_picture(picture, [mark_of(SeenTrack(track, "gun", State.RETRACTED), 5.0)])
    assert (picture.y != 16).sum() == 2 * 100 + 2 * 80 - 4
