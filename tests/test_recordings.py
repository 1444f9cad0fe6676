"""What is kept of what the model saw: from the first detection to the end of the last."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from server import recordings
from server.core.analyzer import Analyzer
from server.core.detections import Detections
from server.core.frame import Picture
from server.core.policy import ConfirmationPolicy
from server.core.replay import Replay, replay
from server.recordings import LONGEST_S, MOST_WAITING, EpisodeKeeper, EpisodeWriter, recording_of
from server.store.database import Database
from server.store.episodes import Episode, Episodes

from .core.builders import box_around, detections_of, frame_at
from .support.waiting import eventually

UNIX = 1_700_000_000.0
PICTURE = Picture.grey(640, 480)


class FakeEpisodes(Episodes):
    """Remembers what it is given, or refuses it."""

    def __init__(self) -> None:
        self.kept: list[Episode] = []
        self.error: Exception | None = None
        self.tries = 0
        self.free = asyncio.Event()
        self.free.set()

    async def add(self, episode: Episode) -> None:
        self.tries += 1
        await self.free.wait()
        if self.error:
            raise self.error
        self.kept.append(episode)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "WRITE_EVERY_S", 0.02)


@asynccontextmanager
async def writing(episodes: Episodes) -> AsyncIterator[EpisodeWriter]:
    async with EpisodeWriter(episodes, lambda: "yolo", ("gun",)) as writer:
        yield writer


def looking(keeper: EpisodeKeeper, feed: str = "door") -> Callable[[float, bool], None]:
    """Lets a feed have a look that sees a gun or nothing, and its keeper hear of it."""
    analyzer = Analyzer(feed, ("gun",), str)

    def look(at: float, seen: bool) -> None:
        detections = detections_of(box_around(320, 240)) if seen else Detections.none()
        keeper.looked(analyzer.observe(frame_at(at, picture=PICTURE, feed=feed), detections, at))

    return look


async def test_an_episode_is_from_the_first_detection_until_three_seconds_without_any() -> None:
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        for n in range(100):
            look(1000 + n / 10, 10 <= n < 30 or n == 40)
        await eventually(lambda: episodes.kept)
        (episode,) = episodes.kept
        recording = recording_of(episode)
        assert (episode.camera, episode.width, episode.height, episode.model) == ("door", 640, 480, "yolo")
        assert episode.began == pytest.approx(UNIX + 1001)
        assert episode.ended == pytest.approx(UNIX + 1007.0), "the misses at its end belong to it"
        assert [len(one.scores) for one in recording.looks] == [1] * 20 + [0] * 10 + [1] + [0] * 30
        assert recording.looks[0].at == 0
        (event,) = replay(recording, ConfirmationPolicy())
        assert event.confirmed_at == pytest.approx(UNIX + 1001.2)


async def test_a_feed_that_sees_nothing_keeps_nothing() -> None:
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        for n in range(100):
            look(n / 10, False)
    assert episodes.tries == 0


async def test_an_episode_of_a_feed_that_is_looked_at_no_more_ends_by_itself() -> None:
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        look(1.0, True)  # long ago by the clock of the machine
        await eventually(lambda: episodes.kept)


async def test_each_feed_has_its_own_and_the_end_of_a_feed_ends_it() -> None:
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        keepers = {name: writer.keeper(name) for name in ("door", "yard")}
        for name, keeper in keepers.items():
            looking(keeper, name)(1e9, True)
        assert not episodes.kept
        keepers["door"].close("the camera was removed")
        await eventually(lambda: episodes.kept)
        assert [one.camera for one in episodes.kept] == ["door"]
    assert [one.camera for one in episodes.kept] == ["door", "yard"], "the end of the server ends the others"


async def test_a_long_episode_is_cut_and_goes_on_in_the_next() -> None:
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        for n in range(1500):
            look(1e6 + n / 10, n % 7 != 0)
    first, second, third = (recording_of(one) for one in episodes.kept)
    assert max(recording.looks[-1].at for recording in (first, second, third)) <= LONGEST_S
    assert sum(len(recording.looks) for recording in (first, second, third)) == 1499, (
        "all but the miss before the first"
    )
    run = Replay("door", ("gun",), (ConfirmationPolicy(),))
    for recording in (first, second, third):
        for _ in run.play(recording):
            pass
    run.close()
    (event,) = run.events(0)
    assert event.looks == 1499, "as if it had never been cut"


async def test_a_look_that_is_no_later_than_the_one_before_is_left_out() -> None:
    """Or the whole episode could not be read."""
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        for at in (1e6, 1e6 + 0.1, 1e6 + 0.1, 1e6 + 0.05, 1e6 + 0.2):
            look(at, True)
    assert [one.at for one in recording_of(episodes.kept[0]).looks] == pytest.approx([0, 0.1, 0.2])


async def test_an_episode_of_very_much_is_cut_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MOST_SIZE", 20)
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        for n in range(25):
            look(1e6 + n / 10, True)
    assert [len(recording_of(one).looks) for one in episodes.kept] == [10, 10, 5]


async def test_so_much_waits_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MOST_WAITING_SIZE", 50)
    episodes = FakeEpisodes()
    async with writing(episodes) as writer:
        for number in range(4):
            keeper = writer.keeper("door")
            look = looking(keeper)
            for n in range(10):
                look(1e6 + number * 100 + n / 10, True)
            keeper.close("it ended")
        assert writer.dropped == 2
    assert [round(one.began - UNIX - 1e6) for one in episodes.kept] == [200, 300]


async def test_no_picture_is_kept() -> None:
    async with writing(FakeEpisodes()) as writer:
        keeper = writer.keeper("door")
        frame = frame_at(1e9, picture=Picture.grey(640, 480))
        gone = weakref.ref(frame.picture.y)
        keeper.looked(Analyzer("door", ("gun",), str).observe(frame, detections_of(box_around(9, 9)), 1e9))
        del frame
        gc.collect()
        assert gone() is None


async def test_a_database_that_is_away_is_waited_for() -> None:
    episodes = FakeEpisodes()
    episodes.error = OSError("the database is away")
    async with writing(episodes) as writer:
        looking(writer.keeper("door"))(1.0, True)
        await eventually(lambda: episodes.tries > 2)
        episodes.error = None
        await eventually(lambda: episodes.kept)
        assert writer.dropped == 0


async def test_one_that_cannot_be_kept_is_told_and_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    episodes = FakeEpisodes()
    episodes.error = ValueError("no such column")
    async with writing(episodes) as writer:
        looking(writer.keeper("door"))(1.0, True)
        await eventually(lambda: writer.dropped)
        episodes.error = None
        looking(writer.keeper("yard"), "yard")(1.0, True)
        await eventually(lambda: episodes.kept)
    assert [one.camera for one in episodes.kept] == ["yard"]
    assert "1 episodes were not kept: no such column" in caplog.text


async def test_of_too_many_the_oldest_go_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    episodes = FakeEpisodes()
    episodes.free.clear()
    async with writing(episodes) as writer:
        with caplog.at_level(logging.WARNING):
            for number in range(MOST_WAITING + 11):
                keeper = writer.keeper(f"feed-{number}")
                looking(keeper, f"feed-{number}")(1e9, True)
                keeper.close("it ended")
                if number == 0:
                    await eventually(lambda: episodes.tries)
            assert writer.dropped == 10
            episodes.free.set()
            await eventually(lambda: len(episodes.kept) == MOST_WAITING + 1)
            await eventually(lambda: caplog.records)
    assert [one.camera for one in episodes.kept] == ["feed-0", *(f"feed-{n}" for n in range(11, MOST_WAITING + 11))]
    assert [record.message for record in caplog.records] == [
        "10 episodes were not kept: the database does not take them in time"
    ]


async def test_a_database_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "LAST_WRITES_S", 0.05)
    episodes = FakeEpisodes()
    episodes.free.clear()
    async with asyncio.timeout(10), writing(episodes) as writer:
        looking(writer.keeper("door"))(1e9, True)
        looking(writer.keeper("yard"), "yard")(1e9, True)
    assert writer.dropped == 2


async def test_through_a_real_database(database: Database) -> None:
    episodes = Episodes(database)
    async with writing(episodes) as writer:
        look = looking(writer.keeper("door"))
        for n in range(10):
            look(1e6 + n / 10, True)
    (episode,) = [one async for one in episodes.select()]
    (event,) = replay(recording_of(episode), ConfirmationPolicy())
    assert event.hits == 10
