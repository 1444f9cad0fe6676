"""The picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.frame import Picture

from .builders import random_picture, strided

SIDES = st.integers(1, 65)


@given(SIDES, SIDES)
def test_chroma_of_odd_sides_is_rounded_up(width: int, height: int) -> None:
    picture = Picture.grey(width, height, 40)
    assert (picture.width, picture.height) == (width, height)
    assert picture.u.shape == picture.v.shape == ((height + 1) // 2, (width + 1) // 2)
    assert (picture.y == 40).all()
    assert (picture.u == 128).all()
    assert (picture.v == 128).all()


@pytest.mark.parametrize("chroma", [(2, 3), (3, 2), (4, 4), (2, 2)])
def test_planes_must_fit_together(chroma: tuple[int, int]) -> None:
    good, bad = np.zeros((3, 3), np.uint8), np.zeros(chroma, np.uint8)
    with pytest.raises(ValueError, match="chroma planes of 5x5"):
        Picture(np.zeros((5, 5), np.uint8), good, bad)
    with pytest.raises(ValueError, match="chroma planes of 5x5"):
        Picture(np.zeros((5, 5), np.uint8), bad, good)


def test_a_copy_has_memory_of_its_own() -> None:
    picture = strided(random_picture(7, 5))
    for plane in (picture.y, picture.u, picture.v):
        plane.flags.writeable = False
    copy = picture.copy()
    for plane, original in ((copy.y, picture.y), (copy.u, picture.u), (copy.v, picture.v)):
        np.testing.assert_array_equal(plane, original)
        plane[...] = 0
        assert original.any()
