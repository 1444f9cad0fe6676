"""Masks and zones: what is hidden stays hidden, and only what lies in a zone counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.core.frame import Picture, Plane
from server.core.regions import MASK_CHROMA, MASK_LUMA, Masks, Polygon, in_zones, raster

from .builders import box_around, boxes_of, random_picture, strided

LEFT_HALF: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
STAR: Polygon = tuple(
    (0.5 + 0.5 * math.sin(4 * math.pi * n / 5), 0.5 - 0.5 * math.cos(4 * math.pi * n / 5)) for n in range(5)
)
"""Its line runs twice around its middle."""

FRACTIONS = st.integers(0, 64).map(lambda n: n / 64)
POLYGONS = st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=3, max_size=7).map(tuple)
SIDES = st.integers(1, 70)


def inside(polygon: Polygon, x: float, y: float) -> bool:
    """As in the books: the angles under which the corners follow each other add up to a full turn."""
    around = [math.atan2(py - y, px - x) for px, py in polygon]
    turns = sum(
        math.remainder(after - before, 2 * math.pi)
        for before, after in zip(around, around[1:] + around[:1], strict=True)
    )
    return abs(turns) > math.pi


def distances(
    polygon: Polygon, width: int, height: int, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pixels from each of the points to the line of a polygon in a ``width`` x ``height`` picture."""
    best = np.full(x.shape, np.inf)
    scaled = [(px * width, py * height) for px, py in polygon]
    for (ax, ay), (bx, by) in zip(scaled, scaled[1:] + scaled[:1], strict=True):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) if length else 0.0
        best = np.minimum(best, np.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y))
    return best


def middles(width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the middles of all pixels, each (height, width)."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return x, y


@given(POLYGONS, SIDES, SIDES)
@settings(deadline=None, max_examples=60)
def test_a_raster_covers_all_of_a_polygon_and_little_more(polygon: Polygon, width: int, height: int) -> None:
    covered = raster([polygon], width, height) > 0
    x, y = middles(width, height)
    near = distances(polygon, width, height, x, y)
    within = np.array(
        [[inside(polygon, (i + 0.5) / width, (j + 0.5) / height) for i in range(width)] for j in range(height)]
    )
    assert covered[near <= 0.5].all(), "the line itself"
    assert covered[within].all()
    # What lies in a pocket that the line runs around without going around it may be covered, too.
    corners = np.array(polygon) * (width, height)
    outside = (x < corners[:, 0].min() - 3) | (x > corners[:, 0].max() + 3)
    outside |= (y < corners[:, 1].min() - 3) | (y > corners[:, 1].max() + 3)
    assert not covered[outside].any()


def test_a_slanted_edge_covers_no_more_than_two_pixels_beyond() -> None:
    triangle: Polygon = ((0.1, 0.1), (0.9, 0.3), (0.3, 0.9))
    covered = raster([triangle], 160, 90) > 0
    far = distances(triangle, 160, 90, *middles(160, 90)) > 3
    within = np.array([[inside(triangle, (x + 0.5) / 160, (y + 0.5) / 90) for x in range(160)] for y in range(90)])
    np.testing.assert_array_equal(covered[far], within[far])


def test_polygons_that_overlap_and_lines_that_cross_leave_no_hole() -> None:
    both = raster([LEFT_HALF, ((0.25, 0), (1, 0), (1, 1), (0.25, 1))], 40, 30)
    assert (both == 255).all()
    assert raster([STAR], 100, 100)[50, 50] == 255


@given(st.lists(POLYGONS, min_size=1, max_size=3), SIDES, SIDES)
@settings(deadline=None, max_examples=60)
def test_nothing_that_is_hidden_shows_in_any_plane(polygons: list[Polygon], width: int, height: int) -> None:
    """Burned into two pictures that differ only where they are masked, the masks leave the same picture."""
    covered = raster(polygons, width, height) > 0
    picture, other = random_picture(width, height, 1), random_picture(width, height, 2)
    y = np.where(covered, other.y, picture.y)
    # Each sample of colour that was made of a masked pixel may tell of it.
    touched = _touched(covered)
    u, v = np.where(touched, other.u, picture.u), np.where(touched, other.v, picture.v)
    one, two = Masks(polygons).burn(picture), Masks(polygons).burn(Picture(y, u, v))
    for left, right in ((one.y, two.y), (one.u, two.u), (one.v, two.v)):
        np.testing.assert_array_equal(left, right)
    assert (one.y[covered] == MASK_LUMA).all()
    assert (one.u[touched] == MASK_CHROMA).all()
    assert (one.v[touched] == MASK_CHROMA).all()
    np.testing.assert_array_equal(one.y[~covered], picture.y[~covered])


def _touched(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Samples of colour made of a covered pixel: of their own two by two, and of the column before them."""
    height, width = covered.shape
    touched = np.zeros(((height + 1) // 2, (width + 1) // 2), np.bool_)
    for y, x in zip(*np.nonzero(covered), strict=True):
        touched[y // 2, x // 2] = True
        if x % 2 and x // 2 + 1 < touched.shape[1]:
            touched[y // 2, x // 2 + 1] = True
    return touched


def test_colour_beyond_the_edge_stays() -> None:
    picture = random_picture(64, 48)
    burned = Masks([LEFT_HALF]).burn(picture)
    np.testing.assert_array_equal(burned.y[:, 35:], picture.y[:, 35:])
    np.testing.assert_array_equal(burned.u[:, 18:], picture.u[:, 18:])


def test_the_picture_of_the_decoder_is_left_alone() -> None:
    picture = strided(random_picture(31, 23))
    before = picture.copy()
    for plane in (picture.y, picture.u, picture.v):
        plane.flags.writeable = False
    Masks([LEFT_HALF]).burn(picture)
    for plane, kept in ((picture.y, before.y), (picture.u, before.u), (picture.v, before.v)):
        np.testing.assert_array_equal(plane, kept)


def test_without_masks_nothing_is_copied() -> None:
    picture = random_picture(8, 6)
    assert Masks([]).burn(picture) is picture


def test_masks_follow_the_size_of_the_picture() -> None:
    masks = Masks([LEFT_HALF])
    for width, height in ((64, 48), (48, 64), (64, 48)):
        luma: Plane = masks.burn(Picture.grey(width, height, 200)).y
        assert (luma[:, : width // 2] == MASK_LUMA).all()
        assert (luma[:, width // 2 + 3 :] == 200).all()


@given(st.lists(POLYGONS, min_size=1, max_size=3), st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_a_centre_is_in_a_zone_as_the_books_say(zones: list[Polygon], points: list[tuple[float, float]]) -> None:
    # A little beside the grid on which the corners lie, so that no point is on a line by the book's rounding.
    moved = [(x * 640 + 0.37, y * 480 + 0.41) for x, y in points]
    told = in_zones(boxes_of(*(box_around(x, y) for x, y in moved)), zones, 640, 480)
    x, y = np.array(moved).T
    near = np.min([distances(zone, 640, 480, x, y) for zone in zones], axis=0)
    for zone_told, (left, top), distance in zip(told.tolist(), moved, near, strict=True):
        if distance > 0.01:
            assert zone_told == any(inside(zone, left / 640, top / 480) for zone in zones)


@pytest.mark.parametrize(("zones", "expected"), [([], [True, True]), ([LEFT_HALF], [True, False])])
def test_zones(zones: list[Polygon], expected: list[bool]) -> None:
    """A box counts by its centre; without zones all count."""
    boxes = boxes_of((100, 100, 400, 200), (300, 100, 400, 200))
    assert in_zones(boxes, zones, 640, 480).tolist() == expected
    assert in_zones(boxes_of(), zones, 640, 480).tolist() == []
