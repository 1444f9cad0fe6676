"""The worker pool: fair, bounded, and not to be stopped by one bad look. The model is a fake that waits to be told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from server.broadcast import Mailbox
from server.core.detections import Detections
from server.core.frame import Frame, Picture
from server.detector import MOST_PICTURES_WAITING, Busy, Detector, Timing
from server.metrics import Metrics
from server.plugins import ModelInfo

from .support.waiting import eventually

SIZE = 64
RGB = np.zeros((48, 64, 3), np.uint8)


class FakeBackend:
    """A model that sees one gun in each picture. Once held, a look waits until it is let go. It remembers the
    brightness of each picture, by which a test knows which one it was."""

    def __init__(self) -> None:
        self.info = ModelInfo("fake", ("gun",), "fake", "none", size=SIZE)
        self.seconds = 0.0
        self.looks: list[int] = []
        self.at_once = self.most_at_once = 0
        self.fails: set[int] = set()
        self.closed = 0
        self._lock = threading.Lock()
        self._gate = threading.Semaphore(0)
        self._held = False

    def hold(self) -> None:
        """From now on each look waits for a :meth:`let`."""
        self._held = True

    def let(self, count: int = 1) -> None:
        """Let so many looks go on."""
        self._gate.release(count)

    def open(self) -> None:
        """Hold no look any more."""
        self._held = False
        self._gate.release(1000)

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        value = int(image[image.shape[0] // 2, image.shape[1] // 2, 0])
        with self._lock:
            self.looks.append(value)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self._held:
                assert self._gate.acquire(timeout=30)
            if self.seconds:
                time.sleep(self.seconds)
            if value in self.fails:
                raise RuntimeError("the model broke")
        finally:
            with self._lock:
                self.at_once -= 1
        return np.array([[32], [24], [20], [10], [0.9]], np.float32)

    def prepare(self, height: int, width: int) -> None:
        """Nothing to do."""

    def close(self) -> None:
        self.closed += 1


class FakeFeed:
    """A feed as the scheduler sees it, which remembers what came of its looks."""

    def __init__(self, name: str, detector: Detector, rate: float = 1000.0) -> None:
        self.name = name
        self.mailbox: Mailbox[Frame] = Mailbox()
        self.rate = rate
        self.seen: list[int] = []
        self.delays: deque[float] = deque(maxlen=2000)
        self.breaks = False
        self._detector = detector
        self._published = 0

    def publish(self) -> None:
        now = time.monotonic()
        self.mailbox.put(Frame(Picture.grey(64, 48), self.name, self._published, 0, now, 0.0))
        self._published += 1
        self._detector.wake()

    def look_rate(self) -> float:
        return self.rate

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        assert len(detections) == 1
        assert timing.total >= 0
        self.seen.append(frame.sequence)
        self.delays.append(time.monotonic() - frame.captured_at)
        if self.breaks:
            raise RuntimeError("the feed broke")


@asynccontextmanager
async def detecting(
    workers: int = 1, backend: FakeBackend | None = None
) -> AsyncIterator[tuple[Detector, FakeBackend]]:
    """A warm detector with a fake model, which is let go at the end."""
    backend = backend or FakeBackend()
    async with Detector(backend, workers, 0.25, 0.6, Metrics()) as detector:
        await asyncio.wait_for(detector.ready.wait(), 20)
        backend.looks.clear()
        try:
            yield detector, backend
        finally:
            backend.open()


def attach(detector: Detector, count: int) -> list[FakeFeed]:
    feeds = [FakeFeed(f"feed-{n}", detector) for n in range(count)]
    for feed in feeds:
        detector.attach(feed)
    return feeds


def begun(backend: FakeBackend, count: int) -> Callable[[], bool]:
    return lambda: len(backend.looks) >= count


def seen(feed: FakeFeed, *numbers: int) -> Callable[[], bool]:
    return lambda: feed.seen == list(numbers)


async def settled() -> None:
    """Let everything on the loop run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)


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


async def test_a_single_picture() -> None:
    async with detecting() as (detector, _):
        detections, timing = await detector.look_at(RGB, 0.25)
        assert detections.boxes.tolist() == [[22, 11, 42, 21]]
        assert timing.inference >= 0
        none, _ = await detector.look_at(RGB, 0.95)
        assert len(none) == 0


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


async def delays_under_load(
    feeds_count: int, frames_a_second: float, seconds: float
) -> tuple[float, Counter[str], int]:
    """Median delay, looks by feed and the most tasks at a time, with looks of 20 ms on two workers."""
    async with detecting(workers=2) as (detector, backend):
        backend.seconds = 0.02
        feeds = attach(detector, feeds_count)
        before, most = len(asyncio.all_tasks()), 0
        begin = time.monotonic()
        step = 1 / frames_a_second
        n = 0
        while (now := time.monotonic()) < begin + seconds:
            feed = feeds[n % feeds_count]
            feed.publish()
            most = max(most, len(asyncio.all_tasks()) - before)
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
        median, looks, tasks = await delays_under_load(feeds_count, 4 * capacity, 1.0)
        # 5 ms are for the loop of a busy test machine; a queue of one frame for each feed would cost 20 ms and more.
        if median <= 2 * idle + 0.005:
            break
    assert median <= 2 * idle + 0.005
    assert tasks <= 2
    assert min(looks.values()) >= 0.6 * max(looks.values())
