"""Pictures that are coded here: how many, how large, and none of them late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import av
import pytest

from server.core.frame import Frame, Picture
from server.core.nal import parameter_sets
from server.evidence.encoder import MOST_RATE, TapeEncoder
from server.evidence.tape import Coded, Taping
from server.metrics import Metrics


class Slow(Executor):
    """Does its work when told."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []
        self.closed = False

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        if self.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.waiting.append(lambda: call(*arguments, **options))
        return Future()

    def work(self) -> None:
        """Do what waits."""
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()


def frame(at: float, width: int = 64, height: int = 48, luma: int = 100) -> Frame:
    return Frame(Picture.grey(width, height, luma), "door", 0, 0, 1000 + at, 0.0)


@pytest.fixture
def pool() -> Slow:
    return Slow()


@pytest.fixture
def taping() -> Taping:
    return Taping(1000)


@pytest.fixture
def encoder(taping: Taping, pool: Slow) -> TapeEncoder:
    return TapeEncoder(taping, 640, pool, Metrics())


def code(encoder: TapeEncoder, pool: Slow, *frames: Frame) -> None:
    for each in frames:
        encoder.offer(each)
        pool.work()


def kept(taping: Taping) -> list[Coded]:
    assert taping.tape
    return taping.tape.since(0)


def size_of(coded: Coded) -> tuple[int, int]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    (decoded,) = [*decoder.decode(av.Packet(coded.data)), *decoder.decode(None)]
    return decoded.width, decoded.height


@pytest.mark.parametrize(("rate", "least"), [(60, 14.5), (30, 14.5), (25, 14.5), (20, 14.0), (10, 9.9), (1, 1.0)])
def test_so_many_a_second_and_no_more(
    rate: int, least: float, encoder: TapeEncoder, pool: Slow, taping: Taping
) -> None:
    code(encoder, pool, *(frame(n / rate) for n in range(10 * rate)))
    assert least <= len(kept(taping)) / 10 <= MOST_RATE + 0.1


def test_a_key_frame_each_second_with_all_that_it_needs(encoder: TapeEncoder, pool: Slow, taping: Taping) -> None:
    code(encoder, pool, *(frame(n / 15) for n in range(46)))
    keys = [coded for coded in kept(taping) if coded.is_key]
    assert [round(coded.at - 1000, 2) for coded in keys] == [0, 1, 2, 3]
    for coded in keys:
        assert len(parameter_sets("h264", coded.data)) == 2
        assert size_of(coded) == (64, 48)


def test_one_picture_at_a_time_the_newest(encoder: TapeEncoder, pool: Slow, taping: Taping) -> None:
    for n in range(30):
        encoder.offer(frame(n / 15))
    assert len(pool.waiting) == 1
    pool.work()
    code(encoder, pool, frame(3))
    assert [coded.at for coded in kept(taping)] == [1000, 1003]


def test_what_is_wide_is_made_smaller_and_sides_are_even(encoder: TapeEncoder, pool: Slow, taping: Taping) -> None:
    code(encoder, pool, frame(0, 1280, 720))
    assert size_of(kept(taping)[-1]) == (640, 360)
    code(encoder, pool, frame(1, 99, 65))
    assert size_of(kept(taping)[-1]) == (98, 64)


def test_a_browser_that_sends_smaller_pictures_for_a_while_changes_nothing(
    encoder: TapeEncoder, pool: Slow, taping: Taping
) -> None:
    sizes = [(640, 480), (480, 360), (320, 240), (322, 240), (640, 480)]
    code(encoder, pool, *(frame(n, *size) for n, size in enumerate(sizes)))
    assert [size_of(coded) for coded in kept(taping)] == [(640, 480)] * 5
    code(encoder, pool, frame(9, 480, 640))
    assert [size_of(coded) for coded in kept(taping)] == [(480, 640)], "turned on its side it is another video"


def test_after_a_change_of_masks_nothing_refers_to_what_was_before(
    encoder: TapeEncoder, pool: Slow, taping: Taping
) -> None:
    code(encoder, pool, frame(0))
    encoder.offer(frame(0.1, luma=200))
    taping.mask(True, "the masks changed")
    pool.work()
    assert taping.tape is None, "what was on its way comes too late"
    code(encoder, pool, frame(0.2))
    assert [coded.is_key for coded in kept(taping)] == [True]


def test_a_picture_that_cannot_be_coded_is_passed_over(
    encoder: TapeEncoder, pool: Slow, taping: Taping, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("server.evidence.encoder.frame_of", lambda picture: 1 / 0)
        code(encoder, pool, frame(0))
    assert "cannot be coded" in caplog.text
    code(encoder, pool, frame(1))
    assert len(kept(taping)) == 1


def test_a_server_that_stops(encoder: TapeEncoder, pool: Slow) -> None:
    pool.closed = True
    encoder.offer(frame(0))
