"""What a feed does with a frame, what it says of itself, and how often it wants to be looked at."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import pytest

from server.broadcast import Reader
from server.core.analyzer import Analyzer
from server.core.events import Event, State, Verdict
from server.core.frame import Picture
from server.core.history import Skipped
from server.core.regions import MASK_LUMA, Polygon
from server.core.schedule import IDLE_RATE
from server.core.watch import WatchSettings
from server.detector import Detector
from server.feed import Feed, FeedState, Message, Rates, Stats
from server.metrics import Metrics

from .support.journal import FakeJournal
from .support.looking import FakeBackend, begun, detecting, settled
from .support.waiting import eventually

LEFT: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
GREY = Picture.grey(64, 48)
"""The model sees a gun in every picture, from 22, 14 to 42, 24: its centre is the middle of the picture."""

NOTHING_COUNTS: Polygon = ((0, 0), (0.1, 0), (0.1, 0.1))
"""A zone that the gun is not in, so that nothing is suspected."""


@dataclass
class Watched:
    """A feed, and what is around it."""

    feed: Feed
    detector: Detector
    backend: FakeBackend
    metrics: Metrics
    journal: FakeJournal

    def dropped(self, cause: str) -> float:
        value = self.metrics.registry.get_sample_value("vigie_frames_dropped_total", {"kind": "camera", "cause": cause})
        return value or 0.0

    def show(self, moving: bool = True) -> None:
        """One more picture, captured now."""
        self.feed.publish(GREY, 0, time.monotonic(), moving=moving)

    async def look(self, moving: bool = True) -> None:
        """One more picture, and wait for the look at it."""
        before = self.feed.stats().frames_looked_at
        self.show(moving)
        await eventually(lambda: self.feed.stats().frames_looked_at > before)


@asynccontextmanager
async def watched(rates: Rates | None = None, watch: WatchSettings | None = None) -> AsyncIterator[Watched]:
    async with detecting() as (detector, backend):
        metrics, journal = Metrics(), FakeJournal()
        feed = Feed(
            "door",
            "camera",
            Analyzer("door", ("gun",), lambda unix: f"e{unix}"),
            detector,
            journal,
            metrics,
            rates or Rates(10, 30),
        )
        if watch:
            feed.configure(watch)
        detector.attach(feed)
        yield Watched(feed, detector, backend, metrics, journal)


def stats_of(reader: Reader[Message]) -> list[Stats]:
    """The figures that wait at a reader now."""
    return [message for message in reader._items if isinstance(message, Stats)]


# --- states ----------------------------------------------------------------------------------------------------------


async def test_a_change_of_state_is_told_at_once_and_only_once() -> None:
    async with watched() as all_of:
        feed = all_of.feed
        assert (feed.state, feed.reason, feed.next_try_at) == (FeedState.CONNECTING, None, None)
        with feed.messages.read(size=9) as reader:
            feed.become(FeedState.RETRYING, "connection refused", 1000.5)
            feed.become(FeedState.RETRYING, "connection refused", 1000.5)
            feed.become(FeedState.RETRYING, "connection refused", 1002.5)
            feed.become(FeedState.CONNECTING)
            told = [(stats.state, stats.reason, stats.next_try_at) for stats in stats_of(reader)]
        assert told == [
            (FeedState.RETRYING, "connection refused", 1000.5),
            (FeedState.RETRYING, "connection refused", 1002.5),
            (FeedState.CONNECTING, None, None),
        ]


async def test_since_is_when_the_state_began_not_when_its_reason_changed() -> None:
    async with watched() as all_of:
        feed = all_of.feed
        before = time.time()
        feed.become(FeedState.RETRYING, "one", 1.0)
        since = feed.since
        assert before <= since <= time.time()
        await asyncio.sleep(0.001)
        feed.become(FeedState.RETRYING, "another", 2.0)
        assert feed.stats().since == since
        feed.become(FeedState.CONNECTING)
        assert feed.stats().since > since


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FeedState.CONNECTING, FeedState.LIVE),
        (FeedState.STALLED, FeedState.LIVE),
        (FeedState.RETRYING, FeedState.LIVE),
        (FeedState.STOPPED, FeedState.STOPPED),
        (FeedState.ENDED, FeedState.ENDED),
    ],
)
async def test_a_picture_makes_a_feed_live_unless_it_is_over(before: FeedState, after: FeedState) -> None:
    async with watched() as all_of:
        feed = all_of.feed
        feed.become(before, "for some reason", 5.0)
        all_of.show()
        assert feed.state is after
        if after is FeedState.LIVE:
            assert (feed.reason, feed.next_try_at) == (None, None)


async def test_pauses_are_no_interval_of_frames() -> None:
    async with watched() as all_of:
        feed = all_of.feed
        now = time.monotonic() - 1000
        assert (feed.last_frame_at, feed.frame_interval) == (None, None)
        for n in range(5):
            feed.publish(GREY, 0, now + n / 10)
        feed.become(FeedState.STALLED)
        feed.publish(GREY, 0, now + 500)
        assert feed.last_frame_at == now + 500
        assert feed.frame_interval == pytest.approx(0.1)


async def test_viewers_stay_over_a_reconnect_and_a_change_of_size() -> None:
    async with watched() as all_of:
        feed = all_of.feed
        with feed.display.read(size=9) as reader:
            all_of.show()
            feed.become(FeedState.RETRYING, "gone", 1.0)
            feed.become(FeedState.CONNECTING)
            feed.publish(Picture.grey(32, 24), 1, time.monotonic())
            assert [(await reader.next()).picture.width for _ in range(2)] == [64, 32]
        assert (feed.stats().width, feed.stats().height) == (32, 24)


# --- what is watched -------------------------------------------------------------------------------------------------


async def test_masks_are_burned_in_and_what_was_seen_before_is_forgotten() -> None:
    async with watched() as all_of:
        feed = all_of.feed
        all_of.backend.hold()
        all_of.show()
        await eventually(begun(all_of.backend, 1))
        all_of.show()
        assert feed.newest is not None
        under_way = feed.prepare(GREY, 0.5)
        feed.configure(WatchSettings(masks=(LEFT,)))
        feed.publish_prepared(under_way, 1, 0.5)
        assert feed.newest is None
        assert not feed.mailbox, "what waits may show what is masked now"
        assert feed.stats().frames_dropped == 2
        prepared = feed.prepare(GREY, 1.0)
        assert (prepared.picture.y[:, :32] == MASK_LUMA).all()
        assert prepared.moving


async def test_what_is_seen_outside_of_the_zones_is_left_out() -> None:
    async with watched(Rates(1000, 1000), WatchSettings(zones=(NOTHING_COUNTS,))) as all_of:
        feed = all_of.feed
        await all_of.look()
        assert all_of.journal.newest() == []
        assert feed.suspicion is None
        feed.configure(WatchSettings(zones=(LEFT, ((0.5, 0), (1, 0), (1, 1), (0.5, 1)))))
        await all_of.look()
        assert [event.state for event in all_of.journal.newest()] == [State.SUSPECTED]


async def test_a_thread_that_prepares_meanwhile_sees_all_of_the_old_or_all_of_the_new() -> None:
    """One settings mask the left and the other the right: no picture has both masked, or none."""
    right: Polygon = ((0.5, 0), (1, 0), (1, 1), (0.5, 1))
    async with watched(watch=WatchSettings(masks=(LEFT,))) as all_of:
        feed = all_of.feed
        mixed: list[int] = []
        over = threading.Event()

        def prepare() -> None:
            while not over.is_set():
                y = feed.prepare(GREY, time.monotonic()).picture.y
                if (y[0, 0] == MASK_LUMA) == (y[0, -1] == MASK_LUMA):
                    mixed.append(1)

        thread = threading.Thread(target=prepare)
        thread.start()
        for n in range(200):
            feed.configure(WatchSettings(masks=(right if n % 2 else LEFT,)))
            await asyncio.sleep(0)
        over.set()
        thread.join(10)
        assert not mixed


# --- how often -------------------------------------------------------------------------------------------------------


async def test_the_rate_follows_what_happens() -> None:
    async with watched(watch=WatchSettings(zones=(NOTHING_COUNTS,), motion_gate=True)) as all_of:
        feed = all_of.feed
        all_of.show()
        assert feed.look_rate() == 10
        all_of.show(moving=False)
        assert feed.look_rate() == IDLE_RATE
        feed.configure(WatchSettings(look_rate=4, motion_gate=True))
        assert feed.look_rate() == IDLE_RATE
        all_of.show()
        assert feed.look_rate() == 4
        await all_of.look()
        assert feed.suspicion is State.SUSPECTED
        assert feed.look_rate() == 30
        all_of.show(moving=False)
        assert feed.look_rate() == 30, "a gun that lies still is looked at none the less"
        feed.configure(WatchSettings(look_rate=40))
        assert feed.look_rate() == 40


async def test_who_wants_less_than_the_rate_of_stillness_gets_no_more() -> None:
    async with watched(watch=WatchSettings(look_rate=0.1, motion_gate=True)) as all_of:
        all_of.show(moving=False)
        assert all_of.feed.look_rate() == 0.1


async def test_when_motion_begins_the_next_frame_is_looked_at_at_once() -> None:
    """Though by its rate its next look were due in a minute."""
    async with watched(Rates(1 / 60, 30), WatchSettings(zones=(NOTHING_COUNTS,), motion_gate=True)) as all_of:
        feed = all_of.feed
        await all_of.look(moving=False)
        all_of.show(moving=False)
        await settled()
        assert feed.mailbox, "not due for a while"
        await all_of.look(moving=True)
        assert feed.stats().frames_looked_at == 2
        assert feed.stats().skipped == Skipped(still=1)


async def test_the_gravest_open_event_is_told() -> None:
    async with watched(Rates(1000, 1000)) as all_of:
        feed = all_of.feed
        assert feed.stats().suspicion is None
        await all_of.look()
        assert feed.stats().suspicion is State.SUSPECTED
        for _ in range(3):
            await asyncio.sleep(0.08)  # the policy wants them apart
            await all_of.look()
        assert feed.suspicion is State.CONFIRMED
        feed.close("over")
        assert feed.suspicion is None


# --- figures ---------------------------------------------------------------------------------------------------------


async def test_every_frame_not_looked_at_has_a_cause() -> None:
    async with watched(Rates(0.5, 0.5), WatchSettings(zones=(NOTHING_COUNTS,), motion_gate=True)) as all_of:
        feed = all_of.feed
        await all_of.look()
        all_of.show()
        all_of.show()  # takes the place of one that was not due
        all_of.show(moving=False)  # of another
        assert feed.stats().skipped == Skipped(rate=2)
        all_of.show(moving=False)  # of one that was held back
        assert feed.stats().skipped == Skipped(rate=2, still=1)
        all_of.backend.hold()
        all_of.show(moving=True)  # is looked at at once
        await eventually(begun(all_of.backend, 2))
        all_of.detector.hurry("door")
        all_of.show()
        all_of.show()  # takes the place of one that only a worker was wanting for
        feed.lost(3)
        stats = feed.stats()
        assert stats.skipped == Skipped(rate=2, still=2, busy=1, lost=3)
        assert stats.frames_dropped == 8
        all_of.backend.open()
        await eventually(lambda: feed.stats().frames_looked_at == 3)
        assert feed.stats().frames_seen == 3 + stats.frames_dropped
        assert [all_of.dropped(cause) for cause in ("still", "rate", "busy", "lost")] == [2, 2, 1, 3]


async def test_moving_is_what_the_gate_said_of_a_live_feed() -> None:
    async with watched() as all_of:
        feed = all_of.feed
        assert not feed.stats().moving
        all_of.show()
        assert feed.stats().moving
        feed.become(FeedState.RETRYING, "gone", 1.0)
        assert not feed.stats().moving
        all_of.show(moving=False)
        assert not feed.stats().moving


async def test_ticks_make_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched() as all_of:
        feed = all_of.feed
        all_of.show()
        all_of.show(moving=False)
        feed.tick()
        assert feed.history() == []
        later = time.monotonic() + 11
        monkeypatch.setattr("server.feed.time.monotonic", lambda: later)
        feed.tick()
        (sample,) = feed.history()
        assert sample.state == "live"
        assert sample.moving == 0.5
        assert 0 < sample.frames_per_second <= 0.2


async def test_a_verdict_on_what_another_saw_under_this_name_is_not_told() -> None:
    """Sessions are numbered anew at each start: a note must not reach a stranger."""
    async with watched(Rates(1000, 1000)) as all_of:
        with all_of.feed.messages.read(100) as messages:
            await all_of.look()
            (own,) = all_of.journal.newest()
            all_of.feed.judged(replace(own, id="another", verdict=Verdict.FALSE, note="secret"))
            all_of.feed.judged(replace(own, verdict=Verdict.FALSE, note="a toy"))
            notes = [m.note for m in await drained(messages) if isinstance(m, Event)]
    assert notes == [None, "a toy"]


async def drained(reader: Reader[Message]) -> list[Message]:
    """What waits for a reader."""
    found = []
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.05):
                found.append(await reader.next())
    return found
