"""The motion gate: it opens for a person, and stays closed over noise, lamps and daylight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from io import BytesIO

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.core.frame import Picture, Plane
from server.core.motion import FEWEST_ROWS, LINGER_S, LONGEST_GAP_S, MotionGate, shrunk
from server.core.regions import Masks, Polygon

from .builders import FIXTURES

WIDTH, HEIGHT = 640, 360
PERSON = HEIGHT // 30, HEIGHT // 10
"""Width and height of a person far away, in pixels."""

LEFT: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))

Change = Callable[[float, NDArray[np.float32]], None]
"""Changes a picture of luma, (height, width) float32, in place to what it is at a time in seconds."""


def clip(name: str) -> Iterator[Plane]:
    """The luma of a clip, picture by picture."""
    with av.open(str(FIXTURES / f"{name}.mp4")) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="yuv420p")[: frame.height], np.uint8)


@cache
def room() -> NDArray[np.float32]:
    """A room in which nothing moves."""
    return np.asarray(cv2.resize(next(clip("people-720p")), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)


@cache
def noises() -> list[NDArray[np.float32]]:
    """Noise of a sensor, sigma 3, again and again."""
    chance = np.random.default_rng(0)
    return [chance.normal(0, 3, (HEIGHT, WIDTH)).astype(np.float32) for _ in range(13)]


def still(at: float, picture: NDArray[np.float32]) -> None:
    """Nothing changes."""


def film(seconds: float, fps: float, change: Change = still, since: float = 0.0) -> Iterator[tuple[Plane, float]]:
    """The room with noise, and with something that changes from ``since`` seconds on."""
    for n in range(round(seconds * fps)):
        picture = room() + noises()[n % 13]
        if n / fps >= since:
            change(n / fps - since, picture)
        yield np.clip(picture, 0, 255).astype(np.uint8), n / fps


def opened(gate: MotionGate, pictures: Iterable[tuple[Plane, float]]) -> list[bool]:
    return [gate.sees_motion(luma, at) for luma, at in pictures]


def person(speed: float = 2.8, contrast: float = 25, left: float = -1.0, top: int = 150) -> Change:
    """Somebody walks in from the left, by default, ``speed`` times his own width a second: 1.4 m/s."""
    width, height = PERSON

    def change(at: float, picture: NDArray[np.float32]) -> None:
        start = (left + speed * at) * width
        columns = np.arange(WIDTH)
        cover = np.clip(np.minimum(columns + 1, start + width) - np.maximum(columns, start), 0, 1)
        picture[top : top + height] += (contrast * cover).astype(np.float32)

    return change


def blinking(period_s: float, lit_s: float) -> Change:
    def change(at: float, picture: NDArray[np.float32]) -> None:
        if at % period_s < lit_s:
            picture[100:120, 300:320] += 80

    return change


def clock(at: float, picture: NDArray[np.float32]) -> None:
    """The seconds of a clock that the camera writes into its picture."""
    digits = np.random.default_rng(int(at)).integers(0, 2, (6, 5)).repeat(2, 0).repeat(2, 1)
    picture[10:22, 20:30] = 20 + 200 * digits


# --- what must open it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [5, 15, 25, 30, 60])
@pytest.mark.parametrize("contrast", [25, -25])
@pytest.mark.parametrize("left", [-1.0, 20.3])
def test_a_person_who_begins_to_walk_opens_it_at_once(fps: int, contrast: float, left: float) -> None:
    """Within two pictures at 15 a second or fewer, within two fifteenths of a second at more; walking in or setting
    off."""
    quiet = person(0, contrast, left)
    walks = person(2.8, contrast, left)

    def change(at: float, picture: NDArray[np.float32]) -> None:
        (quiet if at < 4 else walks)(max(at - 4, 0), picture)

    told = opened(MotionGate(), film(5, fps, change))
    assert not any(told[3 * fps : 4 * fps + 1])
    assert any(told[4 * fps + 1 : 4 * fps + max(round(2 / 15 * fps), 2) + 1])


@given(st.integers(0, HEIGHT - 40), st.floats(0, 38), st.sampled_from([1, 10, 15, 50]))
@settings(deadline=None, max_examples=15)
def test_it_stays_open_while_somebody_walks_anywhere_at_any_rate(top: int, left: float, fps: int) -> None:
    change = person(left=left, top=top)
    told = opened(MotionGate(), film(5, fps, change))
    assert all(told)


@pytest.mark.parametrize(
    ("name", "fps"), [("gun-walk-720p", 25), ("people-720p", 25), ("gun-pan", 30), ("gun-flash", 30)]
)
def test_it_is_open_throughout_real_clips_in_which_something_moves(name: str, fps: int) -> None:
    assert all(opened(MotionGate(), ((luma, n / fps) for n, luma in enumerate(clip(name)))))


def test_a_person_who_passes_a_lamp_opens_it() -> None:
    gate = MotionGate()
    lamp, walks = blinking(0.5, 0.25), person(left=20, top=100)

    def change(at: float, picture: NDArray[np.float32]) -> None:
        lamp(at, picture)
        if at >= 70:
            walks(at - 70, picture)

    told = opened(gate, film(72, 10, change))
    assert not any(told[600:700])
    assert any(told[700:703])


def test_the_first_picture_a_new_size_and_a_long_silence_count_as_motion() -> None:
    gate = MotionGate()
    luma = room().astype(np.uint8)
    small = np.ascontiguousarray(luma[::2, ::2])
    calm = LINGER_S + 0.5
    assert gate.sees_motion(luma, 10.0)
    assert not gate.sees_motion(luma, 10 + calm)
    assert gate.sees_motion(small, 10 + 2 * calm)
    assert not gate.sees_motion(small, 10 + 3 * calm)
    assert gate.sees_motion(small, 10 + 3 * calm + LONGEST_GAP_S + 0.1)
    assert gate.sees_motion(small, 0.0), "a clock that goes back is a new start"


def test_it_lingers() -> None:
    def flash(at: float, picture: NDArray[np.float32]) -> None:
        if at < 0.2:
            picture[100:200, 100:200] += 60

    told = opened(MotionGate(), film(9, 10, flash, since=4))
    assert not any(told[25:40])
    assert all(told[40:60])
    assert not any(told[70:])


def test_a_light_switched_on_opens_it_for_some_seconds() -> None:
    def light(at: float, picture: NDArray[np.float32]) -> None:
        picture *= 1.8

    told = opened(MotionGate(), film(20, 10, light, since=4))
    assert all(told[40:60])
    assert not any(told[160:])


# --- what must not ---------------------------------------------------------------------------------------------------


def share_closed(told: list[bool], fps: float) -> float:
    """Without the beginning, which counts as motion."""
    return 1 - float(np.mean(told[round(2 * fps) :]))


@pytest.mark.parametrize("fps", [1, 5, 15, 30, 60])
def test_noise_of_the_sensor_does_not_open_it(fps: int) -> None:
    assert share_closed(opened(MotionGate(), film(max(8, 20 / fps), fps)), fps) > 0.99


@pytest.mark.parametrize("bits_per_second", [80_000, 200_000, 600_000])
def test_compression_does_not_keep_it_open(bits_per_second: int) -> None:
    """A noisy still, 15 pictures a second, a key frame every 30. In the first ten seconds it learns."""
    fps = 15
    stored = BytesIO()
    with av.open(stored, "w", format="mp4") as container:
        options = {"preset": "veryfast", "g": "30", "keyint_min": "30", "sc_threshold": "0", "bf": "0"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", bits_per_second
        for luma, _ in film(30, fps):
            whole = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            whole[:HEIGHT] = luma
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, "yuv420p")))
        container.mux(stream.encode(None))
    stored.seek(0)
    with av.open(stored, "r") as container:
        pictures = [frame.to_ndarray(format="yuv420p")[:HEIGHT] for frame in container.decode(video=0)]
    told = opened(MotionGate(), ((np.asarray(luma, np.uint8), n / fps) for n, luma in enumerate(pictures)))
    assert share_closed(told[8 * fps :], fps) > 0.95


@pytest.mark.parametrize("change", [blinking(0.5, 0.25), blinking(2, 0.2), clock], ids=["lamp", "beacon", "clock"])
def test_a_small_spot_that_never_rests_is_let_be_in_a_minute(change: Change) -> None:
    told = opened(MotionGate(), film(80, 10, change))
    assert any(told[30:400]), "at first it counts"
    assert not any(told[600:])


def test_a_busy_place_is_never_let_be() -> None:
    """People to and fro for two minutes in a quarter of the picture: more than a spot."""

    def change(at: float, picture: NDArray[np.float32]) -> None:
        for n in range(6):
            person(left=(10 + 6 * n + 3 * np.sin(at + n)), speed=0, top=40 + 40 * n)(at, picture)

    told = opened(MotionGate(), film(120, 5, change))
    assert all(told)


@pytest.mark.parametrize("seconds", [60, 300])
def test_daylight_that_fades_does_not_open_it(seconds: float) -> None:
    def dusk(at: float, picture: NDArray[np.float32]) -> None:
        picture *= 1 - 0.5 * min(at / seconds, 1)

    assert share_closed(opened(MotionGate(), film(30, 5, dusk)), 5) > 0.99


# --- where -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "opens"), [(5, True), (40, False)])
def test_only_motion_in_a_zone_counts(left: float, opens: bool) -> None:
    told = opened(MotionGate([LEFT]), film(7, 10, person(left=left), since=4))
    assert any(told[30:]) == opens


@pytest.mark.parametrize(("left", "opens"), [(5, False), (40, True)])
def test_nothing_behind_a_mask_counts(left: float, opens: bool) -> None:
    masks, grey = Masks([LEFT]), Picture.grey(WIDTH, HEIGHT)
    film_masked = (
        (masks.burn(Picture(luma, grey.u, grey.v)).y, at) for luma, at in film(7, 10, person(left=left), since=4)
    )
    assert any(opened(MotionGate(), film_masked)[30:]) == opens


@given(st.integers(1, 900), st.integers(1, 900))
@settings(deadline=None, max_examples=50)
def test_every_size_has_cells_and_they_are_means(width: int, height: int) -> None:
    luma = np.random.default_rng(0).integers(16, 236, (height, width + 9), np.uint8)[:, :width]
    cells = shrunk(luma)
    rows, columns = cells.shape
    side = height // rows if rows < columns else width // columns
    assert min(rows, columns) >= min(FEWEST_ROWS, height, width)
    assert min(rows, columns) < 2 * FEWEST_ROWS
    means = luma[: rows * side, : columns * side].reshape(rows, side, columns, side).mean(axis=(1, 3))
    np.testing.assert_allclose(cells, means, atol=2)
    gate = MotionGate([LEFT])
    assert gate.sees_motion(luma, 0)
    assert not gate.sees_motion(luma, 3)
