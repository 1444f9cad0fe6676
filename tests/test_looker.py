"""Another model in place of the one in use: without a look lost or done twice, and back when it is of no use."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from server.detector import Detector
from server.looker import TRIAL_LOOKS
from server.metrics import Metrics
from server.plugins import ModelError

from .support.looking import FakeBackend, FakeFeed, attach, begun, detecting, seen, settled
from .support.waiting import eventually

NAN = np.full((5, 1), np.nan, np.float32)


class Told:
    """What a swap tells."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed = 0

    def fail(self, reason: str) -> None:
        self.failed.append(reason)

    def succeed(self) -> None:
        self.passed += 1


async def swap(detector: Detector, backend: FakeBackend) -> Told:
    told = Told()
    await asyncio.wait_for(detector.swap(backend, told.fail, told.succeed), 20)
    return told


async def look(feed: FakeFeed) -> None:
    """Publish a picture and wait until it was looked at."""
    before = len(feed.seen)
    feed.publish()
    await eventually(lambda: len(feed.seen) > before)


async def test_the_new_model_looks_and_the_old_one_is_freed_after_its_trial() -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        await look(feed)
        new = FakeBackend("new")
        told = await swap(detector, new)
        assert detector.model.name == "new"
        assert detector.looker.on_trial
        for _ in range(TRIAL_LOOKS):
            assert (old.closed, told.passed) == (0, 0)
            await look(feed)
        await eventually(lambda: old.closed == 1)
        assert (told.passed, told.failed, new.closed) == (1, [], 0)
        assert not detector.looker.on_trial
        assert feed.models == ["fake", "new"]
        assert len(old.looks) == 1


async def test_it_is_warm_for_the_shapes_in_use_before_it_looks() -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        await look(feed)  # 64x48
        new = FakeBackend("new")
        await swap(detector, new)
        assert set(old.prepared) <= set(new.prepared)
        assert (64, 64) in new.prepared  # 64x48, letterboxed to the stride


async def test_looks_go_on_while_the_new_one_warms_up() -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        new = FakeBackend("new")
        new.hold()
        swapping = asyncio.create_task(detector.swap(new, Told().fail, Told().succeed))
        await eventually(begun(new, 1))
        await look(feed)
        assert (len(old.looks), detector.model.name) == (1, "fake")
        new.open()
        await asyncio.wait_for(swapping, 20)
        assert detector.model.name == "new"


async def test_a_look_in_flight_ends_on_the_old_one() -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        old.hold()
        feed.publish()
        await eventually(begun(old, 1))
        await swap(detector, FakeBackend("new"))
        await swap(detector, FakeBackend("newer"))  # whose trial is on: the first one may go, once its look is done
        await settled()
        assert old.closed == 0
        old.open()
        await eventually(seen(feed, 0))
        await eventually(lambda: old.closed == 1)
        assert feed.models == ["fake"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (NAN, "it gave what is no number"),
        (np.zeros((6, 1), np.float32), r"it gave (6, 1), not (5, anchors)"),
        (np.zeros((5, 0), np.float32), r"it gave (5, 0), not (5, anchors)"),
        (np.full((5, 1), 7, np.float32), "its scores are from 7 to 7, not from 0 to 1"),
        (None, "the model broke"),
    ],
)
async def test_one_that_fails_is_taken_back_and_the_look_is_done_by_the_old_one(
    output: NDArray[np.float32] | None, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        new = FakeBackend("new")
        told = await swap(detector, new)
        await look(feed)
        new.output = output
        if output is None:
            new.fails = set(range(256))
        await look(feed)
        await look(feed)
        assert feed.seen == [0, 1, 2]
        assert told.failed == [reason]
        assert told.passed == 0
        assert detector.model.name == "fake"
        assert feed.models == ["new", "fake"]
        assert len(old.looks) == 2
        await eventually(lambda: new.closed == 1)
        assert old.closed == 0
        assert reason in caplog.text


async def test_two_looks_that_fail_at_once_take_it_back_once() -> None:
    async with detecting(workers=2) as (detector, _):
        feeds = attach(detector, 2)
        new = FakeBackend("new")
        told = await swap(detector, new)
        new.looks.clear()
        new.output = NAN
        new.hold()
        for feed in feeds:
            feed.publish()
        await eventually(begun(new, 2))
        new.open()
        await eventually(lambda: all(feed.seen == [0] for feed in feeds))
        assert told.failed == ["it gave what is no number"]
        await eventually(lambda: new.closed == 1)


async def test_a_single_picture_is_looked_at_again_too() -> None:
    async with detecting() as (detector, _):
        new = FakeBackend("new")
        told = await swap(detector, new)
        new.output = NAN
        detections, _ = await detector.look_at(np.zeros((48, 64, 3), np.uint8), 0.25)
        assert len(detections) == 1
        assert told.failed


async def test_after_its_trial_nothing_is_taken_back() -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        new = FakeBackend("new")
        told = await swap(detector, new)
        for _ in range(TRIAL_LOOKS):
            await look(feed)
        new.fails = set(range(256))
        with pytest.raises(RuntimeError, match="the model broke"):
            await detector.look_at(np.zeros((48, 64, 3), np.uint8), 0.25)
        assert told.failed == []
        await eventually(lambda: old.closed == 1)


@pytest.mark.parametrize("broken", [True, False])
async def test_one_that_fails_while_it_warms_up_never_looks(broken: bool) -> None:
    async with detecting() as (detector, old):
        (feed,) = attach(detector, 1)
        new = FakeBackend("new")
        if broken:
            new.fails = set(range(256))
        else:
            new.output = NAN
        with pytest.raises(ModelError, match="It cannot look at a picture"):
            await swap(detector, new)
        await eventually(lambda: new.closed == 1)
        await look(feed)
        assert (len(old.looks), detector.model.name) == (1, "fake")


async def test_a_class_keeps_its_number_whichever_model_sees_it() -> None:
    async with detecting() as (detector, _):
        (feed,) = attach(detector, 1)
        await look(feed)
        new = FakeBackend("new", ("knife", "gun"))
        await swap(detector, new)
        await look(feed)
        new.kind = 1
        await look(feed)
        assert [detector.labels[number] for number in feed.classes] == ["gun", "knife", "gun"]
        assert feed.classes[0] == feed.classes[2]


async def test_closing_in_a_trial_frees_both() -> None:
    old, new = FakeBackend(), FakeBackend("new")
    async with Detector(old, 1, 0.25, 0.6, Metrics()) as detector:
        await asyncio.wait_for(detector.ready.wait(), 20)
        told = await swap(detector, new)
    assert (old.closed, new.closed, told.passed) == (1, 1, 1)


async def test_twenty_swaps_under_load_cost_no_look() -> None:
    """Four feeds whose every picture is due. A look takes 4 ms, as a fast model's does."""
    async with detecting(workers=2) as (detector, first):
        first.seconds = 0.004
        feeds = attach(detector, 4)
        done: list[float] = []
        over = False

        async def run(feed: FakeFeed) -> None:
            while not over:
                await look(feed)
                done.append(time.monotonic())

        runs = [asyncio.create_task(run(feed)) for feed in feeds]
        await eventually(lambda: len(done) > 100)
        backends = [first]
        for number in range(20):
            backends.append(FakeBackend(f"model {number}"))
            backends[-1].seconds = 0.004
            await swap(detector, backends[-1])
            count = len(done)
            await eventually(lambda count=count: len(done) > count + 20)  # type: ignore[misc]
        over = True
        await asyncio.wait_for(asyncio.gather(*runs), 20)
        for feed in feeds:
            assert feed.seen == list(range(len(feed.seen)))  # none lost, none twice
            assert feed.models[-1] == "model 19"
        await eventually(lambda: [backend.closed for backend in backends] == [1] * 19 + [0, 0])
