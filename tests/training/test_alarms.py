"""Alarms on clips, by a model that is told what to see."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from server.core.detections import Detections
from server.core.frame import Picture
from server.core.policy import ConfirmationPolicy
from server.core.tracking import TrackerSettings
from server.video import picture_of
from training.alarms import LEAD_S, SIGHT_S, TRAIL_S, Alarms, Clip, carried, coded, hourly_bound, watch, zoomed
from training.cutouts import Cutout

RATE = 10.0
BLACK = np.zeros((72, 128, 3), np.uint8)
WHITE = np.full((72, 128, 3), 255, np.uint8)
Rgb = NDArray[np.uint8]


def sees_white(picture: Picture) -> Detections:
    """A model for which what is light is a gun."""
    if picture.y.mean() < 100:
        return Detections.none()
    return Detections(np.array([[30, 20, 60, 40]], np.float32), np.array([0.8], np.float32), np.zeros(1, np.int32))


def camera(rgb: Rgb) -> Picture:
    """A picture as a camera gives it."""
    return picture_of(av.VideoFrame.from_ndarray(rgb, "rgb24"))


def shown(clip: Clip) -> list[NDArray[np.int32]]:
    """The luma of each picture of a made clip."""
    return [picture.y.astype(np.int32) for picture in clip.pictures]


def watched(pictures: list[Rgb], sight: tuple[float, float] | None) -> Alarms:
    return watch(
        Clip("clip", map(camera, pictures), sight), sees_white, ["gun"], RATE, ConfirmationPolicy(), TrackerSettings()
    )


def test_a_gun_in_sight_is_confirmed_by_the_third_look() -> None:
    told = watched([BLACK] * 10 + [WHITE] * 20 + [BLACK] * 10, (1.0, 3.0))
    assert told.seconds == pytest.approx(4.0)
    assert told.delay == pytest.approx(0.2)
    assert told.false_alarms == 0


def test_one_flash_is_no_alarm() -> None:
    told = watched([BLACK] * 10 + [WHITE] + [BLACK] * 20, None)
    assert told.confirmed_at == ()


def test_an_alarm_without_a_gun_is_false() -> None:
    told = watched([BLACK] * 5 + [WHITE] * 10 + [BLACK] * 5, None)
    assert (told.false_alarms, told.delay) == (1, None)


def test_an_alarm_before_the_gun_is_false_and_the_gun_is_missed() -> None:
    told = Alarms("clip", 10, (5.0, 7.0), (2.0,))
    assert (told.false_alarms, told.delay) == (1, None)


def test_an_alarm_just_after_the_gun_is_late_not_false() -> None:
    told = Alarms("clip", 10, (5.0, 7.0), (7.3,))
    assert told.false_alarms == 0
    assert told.delay == pytest.approx(2.3)


def test_of_two_alarms_in_sight_the_first_tells_the_delay() -> None:
    assert Alarms("clip", 10, (5.0, 7.0), (5.5, 6.5)).delay == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("count", "bound"),
    # Exact Poisson upper bounds (Garwood, 1936), one-sided 95 %.
    [(0, 2.9957), (1, 4.7439), (2, 6.2958), (10, 16.9622)],
)
def test_the_bound_of_a_rate_is_that_of_poisson(count: int, bound: float) -> None:
    assert hourly_bound(count, 1.0) == pytest.approx(bound, abs=1e-3)
    assert hourly_bound(count, 2.0) == pytest.approx(bound / 2, abs=1e-3)


def test_the_bound_of_nothing_looked_at_is_infinite() -> None:
    assert hourly_bound(0, 0.0) == float("inf")


def test_a_zoomed_clip_shows_the_photograph_when_it_says_so() -> None:
    clip = zoomed("clip", WHITE, BLACK, RATE)
    light = [picture.mean() > 100 for picture in shown(clip)]
    assert clip.sight == (LEAD_S, LEAD_S + SIGHT_S)
    assert light == [False] * round(LEAD_S * RATE) + [True] * round(SIGHT_S * RATE) + [False] * round(TRAIL_S * RATE)


def test_a_carried_gun_is_there_when_it_is_said_to_be_and_moves() -> None:
    scene = np.full((720, 1280, 3), 200, np.uint8)
    gun = Cutout("gun.png", np.dstack([np.zeros((40, 80, 3), np.uint8), np.full((40, 80), 255, np.uint8)]), True)
    clip = carried("clip", [scene], gun, 96, RATE, 1)
    pictures = shown(clip)
    assert len(pictures) == round((LEAD_S + SIGHT_S + TRAIL_S) * RATE)
    differs = [bool((np.abs(picture - pictures[0]) > 40).any()) for picture in pictures]
    begun, ended = round(LEAD_S * RATE), round((LEAD_S + SIGHT_S) * RATE)
    assert differs == [begun <= number < ended for number in range(len(pictures))]
    places = [np.argwhere(np.abs(pictures[n] - pictures[0]) > 40).mean(axis=0) for n in (begun, ended - 1)]
    assert np.linalg.norm(places[1] - places[0]) > 50


def test_a_coded_clip_has_lost_what_a_camera_loses_and_no_picture() -> None:
    noise = np.random.default_rng(0).integers(100, 156, (72, 128, 3), np.uint8)
    pictures = list(coded([BLACK, noise, noise, WHITE], RATE))
    assert [round(float(picture.y.mean()), -1) for picture in pictures] == [20, 130, 130, 240]
    lost = np.abs(pictures[2].y.astype(np.int32) - camera(noise).y.astype(np.int32)).mean()
    assert 1 < lost < 10


def test_made_clips_are_the_same_each_time() -> None:
    scene = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    gun = Cutout("gun.png", np.dstack([np.zeros((40, 80, 3), np.uint8), np.full((40, 80), 255, np.uint8)]), True)
    scene = scene[..., ::-1]  # a view, as pictures that were read are
    one, two = (shown(carried("clip", [scene], gun, 48, RATE, 3)) for _ in range(2))
    assert np.array_equal(one[15], two[15])
    assert np.array_equal(one[0], two[0]), "the gun of the one is not in the scene of the other"
