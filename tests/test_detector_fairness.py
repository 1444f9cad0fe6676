"""The worker pool shared by many feeds: fair, in time, and never slower for being asked for more than there is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import numpy as np
import pytest

from .support.looking import attach, begun, detecting, seen, settled
from .support.waiting import eventually

RGB = np.zeros((48, 64, 3), np.uint8)


@pytest.mark.parametrize("workers", [1, 2])
async def test_feeds_take_turns(workers: int) -> None:
    """Under overload, whoever publishes most gets no more than the others."""
    async with detecting(workers) as (detector, backend):
        feeds = attach(detector, 5)
        backend.hold()
        for n in range(40):
            for feed in feeds:
                feed.publish()
            feeds[0].publish()
            feeds[0].publish()
            await eventually(begun(backend, n + 1))
            backend.let()
            await eventually(lambda n=n: sum(len(feed.seen) for feed in feeds) == n + 1)  # type: ignore[misc]
        counts = [len(feed.seen) for feed in feeds]
        assert sum(counts) == 40
        assert max(counts) - min(counts) <= 1


async def test_under_overload_a_feed_that_wants_twice_as_much_gets_twice_as_much() -> None:
    async with detecting() as (detector, backend):
        feeds = attach(detector, 4)
        for feed in feeds:
            feed.rate = 1e6
        feeds[0].rate = 2e6
        backend.hold()
        for n in range(40):
            for feed in feeds:
                feed.publish()
            await eventually(begun(backend, n + 1))
            backend.let()
            await eventually(lambda n=n: sum(len(feed.seen) for feed in feeds) == n + 1)  # type: ignore[misc]
        counts = [len(feed.seen) for feed in feeds]
        assert counts[0] == pytest.approx(16, abs=2)
        assert max(counts[1:]) - min(counts[1:]) <= 1


async def test_a_feed_is_not_looked_at_more_often_than_it_wants() -> None:
    async with detecting() as (detector, backend):
        (feed,) = attach(detector, 1)
        feed.rate = 0.001
        feed.publish()
        await eventually(seen(feed, 0))
        feed.publish()
        await settled()
        assert len(backend.looks) == 1
        feed.rate = 1000.0
        detector.wake()
        await eventually(seen(feed, 0, 1))


async def test_a_feed_that_is_not_due_yet_is_looked_at_when_it_is() -> None:
    """With nothing else to wake the scheduler."""
    async with detecting() as (detector, _):
        (feed,) = attach(detector, 1)
        feed.rate = 5
        feed.publish()
        await eventually(seen(feed, 0))
        begin = time.monotonic()
        feed.publish()
        await eventually(seen(feed, 0, 1))
        assert time.monotonic() - begin >= 0.1


async def test_pictures_and_feeds_do_not_starve_each_other() -> None:
    """With both always waiting, looks go to and fro between them."""
    async with detecting() as (detector, backend):
        (feed,) = attach(detector, 1)
        backend.hold()
        asks = {asyncio.create_task(detector.look_at(RGB, 0.25)) for _ in range(10)}
        feed.publish()
        for n in range(12):
            await eventually(begun(backend, n + 1))
            feed.publish()
            backend.let()
            await eventually(lambda n=n: len(feed.seen) + sum(a.done() for a in asks) == n + 1)  # type: ignore[misc]
        assert (len(feed.seen), sum(ask.done() for ask in asks)) == (6, 6)
        backend.open()
        await asyncio.gather(*asks)


async def test_a_feed_that_hurries_goes_before_all_others() -> None:
    """Something began to move: its next frame is due at once, however rarely it was looked at."""
    async with detecting() as (detector, backend):
        hasty, *others = feeds = attach(detector, 4)
        hasty.rate = 0.001
        for feed in feeds:
            feed.publish()
        await eventually(lambda: all(feed.seen for feed in feeds))
        backend.hold()
        for feed in others:
            feed.publish()
        await eventually(begun(backend, 5))
        hasty.publish()
        await settled()
        assert not detector.is_due("feed-0")
        detector.hurry("feed-0")
        assert detector.is_due("feed-0")
        backend.let(2)
        await eventually(seen(hasty, 0, 1))
        assert sum(len(feed.seen) for feed in others) == 4
        hasty.publish()
        backend.open()
        await eventually(lambda: all(feed.seen == [0, 1] for feed in others))
        await settled()
        assert hasty.seen == [0, 1], "once"
        detector.hurry("nobody")


async def test_what_a_frame_waits_for_is_known() -> None:
    """A look is due, or it is not yet."""
    async with detecting() as (detector, backend):
        feed, other = attach(detector, 2)
        assert not detector.is_due("feed-0"), "no frame waits"
        assert not detector.is_due("nobody")
        backend.hold()
        other.publish()
        await eventually(begun(backend, 1))
        feed.publish()
        await settled()
        assert detector.is_due("feed-0"), "only the worker is wanting"
        backend.open()
        await eventually(seen(feed, 0))
        feed.rate = 0.001
        feed.publish()
        await settled()
        assert not detector.is_due("feed-0")


async def test_a_feed_that_wakes_is_not_held_to_the_price_of_its_sleep() -> None:
    """Four times more is wanted than there is. A look while nothing moved must not cost the next ones their turn."""
    async with detecting() as (detector, backend):
        feeds = attach(detector, 4)
        sleeper = feeds[0]
        for feed in feeds:
            feed.rate = 1e6
        sleeper.rate = 0.5
        sleeper.publish()
        await eventually(seen(sleeper, 0))
        sleeper.rate = 1e6
        backend.hold()
        for n in range(40):
            for feed in feeds:
                feed.publish()
            await eventually(begun(backend, n + 2))
            backend.let()
            await eventually(lambda n=n: sum(len(feed.seen) for feed in feeds) == n + 2)  # type: ignore[misc]
        counts = [len(feed.seen) for feed in feeds]
        assert max(counts) - min(counts) <= 5


async def delays_under_load(
    feeds_count: int, frames_a_second: float, seconds: float
) -> tuple[float, Counter[str], int]:
    """Median delay, looks by feed and the most of them in flight, with looks of 20 ms on two workers."""
    async with detecting(workers=2) as (detector, backend):
        backend.seconds = 0.02
        feeds = attach(detector, feeds_count)
        most = 0
        begin = time.monotonic()
        step = 1 / frames_a_second
        n = 0
        while (now := time.monotonic()) < begin + seconds:
            feed = feeds[n % feeds_count]
            feed.publish()
            most = max(most, sum(task.get_name() == "look" for task in asyncio.all_tasks()))
            n += 1
            await asyncio.sleep(max(begin + n * step - now, 0))
        delays = [delay for feed in feeds for delay in feed.delays]
        assert sum(feed.mailbox.dropped + len(feed.seen) for feed in feeds) >= n - 2 * feeds_count
        return float(np.median(delays)), Counter({feed.name: len(feed.seen) for feed in feeds}), most


@pytest.mark.parametrize("feeds_count", [1, 4, 8])
async def test_overload_costs_looks_and_not_delay(feeds_count: int) -> None:
    """Four times more frames than looks: the delay from frame to boxes stays within twice that of an idle machine."""
    capacity = min(feeds_count, 2) / 0.02
    for _ in range(3):  # another program may take the machine for a second; a queue would show every time
        idle, _, _ = await delays_under_load(1, 10, 0.6)
        median, looks, in_flight = await delays_under_load(feeds_count, 4 * capacity, 1.0)
        # 5 ms are for the loop of a busy test machine; a queue of one frame for each feed would cost 20 ms and more.
        if median <= 2 * idle + 0.005:
            break
    assert median <= 2 * idle + 0.005
    assert 1 <= in_flight <= 2
    assert min(looks.values()) >= 0.6 * max(looks.values())
