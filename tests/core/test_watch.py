"""What is watched: masks before motion, motion only where it counts."""

from __future__ import annotations

import numpy as np

from server.core.frame import Picture
from server.core.regions import MASK_LUMA, Polygon
from server.core.watch import Watch, WatchSettings

from .builders import random_picture

LEFT: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))


def lit(left: int, top: int = 0) -> Picture:
    """A grey picture with a bright square."""
    picture = Picture.grey(320, 180)
    picture.y[top : top + 60, left : left + 60] = 220
    return picture


def moves(watch: Watch, left: int) -> bool:
    """Whether a square that appears there is motion, when all has been still for long enough."""
    assert not watch.prepare(Picture.grey(320, 180), 3.0).moving
    return watch.prepare(lit(left), 3.1).moving


def begun(settings: WatchSettings) -> Watch:
    watch = Watch(settings)
    assert watch.prepare(Picture.grey(320, 180), 0.0).moving, "the first picture counts as motion"
    return watch


def test_by_default_the_picture_itself_is_watched_and_always_moves() -> None:
    picture = random_picture(64, 48)
    watch = Watch(WatchSettings())
    for at in range(4):
        prepared = watch.prepare(picture, float(at))
        assert prepared.picture is picture
        assert prepared.moving


def test_masks_are_burned_in_whether_there_is_a_gate_or_not() -> None:
    for gate in (False, True):
        burned = Watch(WatchSettings(masks=(LEFT,), motion_gate=gate)).prepare(lit(0), 0.0).picture
        assert (burned.y[:, :160] == MASK_LUMA).all()
        np.testing.assert_array_equal(burned.y[:, 170:], lit(0).y[:, 170:])


def test_motion_counts_in_zones_and_not_behind_masks() -> None:
    assert moves(begun(WatchSettings(motion_gate=True)), 10)
    assert moves(begun(WatchSettings(motion_gate=True, zones=(LEFT,))), 10)
    assert not moves(begun(WatchSettings(motion_gate=True, zones=(LEFT,))), 240)
    assert not moves(begun(WatchSettings(motion_gate=True, masks=(LEFT,))), 10)
    assert moves(begun(WatchSettings(motion_gate=True, masks=(LEFT,))), 240)
    assert not moves(begun(WatchSettings(motion_gate=True, zones=(LEFT,), masks=(LEFT,))), 10)
