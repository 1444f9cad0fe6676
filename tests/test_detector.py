"""The worker pool: bounded, and not to be stopped by one bad look. The model is a fake that waits to be told."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from server.detector import MOST_PICTURES_WAITING, Busy, Detector
from server.metrics import Metrics

from .support.looking import FakeBackend, attach, begun, detecting, seen, settled
from .support.waiting import eventually

RGB = np.zeros((48, 64, 3), np.uint8)


async def test_a_frame_is_looked_at_once() -> None:
    async with detecting() as (detector, backend):
        (feed,) = attach(detector, 1)
        feed.publish()
        await eventually(seen(feed, 0))
        await settled()
        assert len(backend.looks) == 1


async def test_it_is_ready_only_when_the_model_is_warm() -> None:
    backend = FakeBackend()
    backend.hold()
    async with Detector(backend, 1, 0.25, 0.6, Metrics()) as detector:
        await eventually(begun(backend, 1))
        assert not detector.ready.is_set()
        backend.open()
        await asyncio.wait_for(detector.ready.wait(), 20)
    assert not detector.ready.is_set()


async def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    async with detecting() as (detector, backend):
        (feed,) = attach(detector, 1)
        backend.hold()
        feed.publish()
        await eventually(begun(backend, 1))
        for _ in range(5):
            feed.publish()
        backend.open()
        await eventually(seen(feed, 0, 5))
        assert feed.mailbox.dropped == 4


async def test_one_look_in_flight_for_each_feed() -> None:
    async with detecting(workers=4) as (detector, backend):
        one, other = attach(detector, 2)
        one.rate = 1e9  # always due
        backend.hold()
        for _ in range(5):
            one.publish()
            await settled()
        await eventually(begun(backend, 1))
        other.publish()
        await eventually(begun(backend, 2))
        await settled()
        assert (backend.at_once, len(backend.looks)) == (2, 2)
        backend.open()
        await eventually(lambda: one.seen == [0, 4] and other.seen == [0])
        assert backend.most_at_once == 2


async def test_no_more_looks_at_once_than_workers() -> None:
    async with detecting(workers=2) as (detector, backend):
        feeds = attach(detector, 5)
        backend.hold()
        for feed in feeds:
            feed.publish()
        await eventually(begun(backend, 2))
        await settled()
        assert len(backend.looks) == 2
        backend.open()
        await eventually(lambda: all(feed.seen for feed in feeds))
        assert backend.most_at_once == 2


async def test_a_single_picture() -> None:
    async with detecting() as (detector, _):
        detections, timing = await detector.look_at(RGB, 0.25)
        assert detections.boxes.tolist() == [[22, 11, 42, 21]]
        assert timing.inference >= 0
        none, _ = await detector.look_at(RGB, 0.95)
        assert len(none) == 0


async def test_too_many_pictures_are_refused_at_once() -> None:
    async with detecting() as (detector, backend):
        backend.hold()
        first = asyncio.create_task(detector.look_at(RGB, 0.25))
        await eventually(begun(backend, 1))
        asks = [asyncio.create_task(detector.look_at(RGB, 0.25)) for _ in range(MOST_PICTURES_WAITING)]
        await settled()
        with pytest.raises(Busy):
            await detector.look_at(RGB, 0.25)
        backend.open()
        assert len(await asyncio.gather(first, *asks)) == MOST_PICTURES_WAITING + 1
        await detector.look_at(RGB, 0.25)


async def test_a_caller_that_left_costs_no_look() -> None:
    async with detecting() as (detector, backend):
        backend.hold()
        first, left, last = (asyncio.create_task(detector.look_at(RGB, 0.25)) for _ in range(3))
        await eventually(begun(backend, 1))
        left.cancel()
        backend.open()
        await asyncio.gather(first, last)
        assert len(backend.looks) == 2


async def test_a_look_that_fails_is_one_look_less(caplog: pytest.LogCaptureFixture) -> None:
    async with detecting() as (detector, backend):
        broken, sound = attach(detector, 2)
        value = 130
        backend.fails = set(range(256))
        broken.publish()
        await eventually(begun(backend, 1))
        await eventually(lambda: "a look at feed feed-0 failed" in caplog.text)
        assert broken.seen == []
        with pytest.raises(RuntimeError, match="the model broke"):
            await detector.look_at(np.full((48, 64, 3), value, np.uint8), 0.25)
        backend.fails = set()
        sound.publish()
        broken.publish()
        await eventually(lambda: sound.seen == [0] and broken.seen == [1])
        assert len(await detector.look_at(RGB, 0.25)) == 2
        assert not detector.scheduler.done()


async def test_a_feed_that_breaks_over_its_outcome_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with detecting() as (detector, _):
        (feed,) = attach(detector, 1)
        feed.breaks = True
        feed.publish()
        await eventually(seen(feed, 0))
        feed.breaks = False
        feed.publish()
        await eventually(seen(feed, 0, 1))
        assert "a look at feed feed-0 failed" in caplog.text


async def test_a_feed_that_left_during_its_look_hears_nothing() -> None:
    async with detecting() as (detector, backend):
        gone, stays = attach(detector, 2)
        backend.hold()
        gone.publish()
        await eventually(begun(backend, 1))
        detector.detach("feed-0")
        detector.detach("feed-0")
        backend.open()
        stays.publish()
        await eventually(seen(stays, 0))
        gone.publish()
        await settled()
        assert gone.seen == []
        assert len(backend.looks) == 2


async def test_a_new_feed_of_the_same_name_does_not_get_the_look_of_the_old() -> None:
    async with detecting(workers=2) as (detector, backend):
        (old,) = attach(detector, 1)
        backend.hold()
        old.publish()
        await eventually(begun(backend, 1))
        detector.detach("feed-0")
        (new,) = attach(detector, 1)
        new.publish()
        backend.open()
        await eventually(seen(new, 0))
        await settled()
        assert old.seen == []


async def test_close_waits_for_looks_in_flight_and_answers_who_waits() -> None:
    threads_before = set(threading.enumerate())
    backend = FakeBackend()
    detector = Detector(backend, 1, 0.25, 0.6, Metrics())
    await detector.__aenter__()
    await asyncio.wait_for(detector.ready.wait(), 20)
    (feed,) = attach(detector, 1)
    backend.looks.clear()
    backend.hold()
    feed.publish()
    await eventually(begun(backend, 1))
    waiting = asyncio.create_task(detector.look_at(RGB, 0.25))
    await settled()
    closing = asyncio.create_task(detector.__aexit__(None, None, None))
    await settled()
    assert not closing.done()
    assert backend.closed == 0
    backend.open()
    await asyncio.wait_for(closing, 20)
    assert backend.closed == 1
    await asyncio.wait((waiting,), timeout=20)
    assert waiting.cancelled()
    assert not set(threading.enumerate()) - threads_before


async def test_close_during_the_warm_up() -> None:
    backend = FakeBackend()
    backend.hold()
    detector = Detector(backend, 1, 0.25, 0.6, Metrics())
    await detector.__aenter__()
    await eventually(begun(backend, 1))
    backend.open()
    await asyncio.wait_for(detector.__aexit__(None, None, None), 20)
    assert backend.closed == 1
