"""The life of one camera: connecting, live, stalled, retrying, and again; over changes of its settings."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from server import camera as camera_module
from server import reader as reader_module
from server.addresses import AddressRule
from server.broadcast import Overflow, Reader
from server.config import CameraSettings
from server.core import backoff
from server.core.frame import Frame
from server.feed import Feed, FeedState, Stats
from server.plugins import SourceLost

from .support.fakes import FakeSource, camera, install, no_source_threads, registry
from .support.waiting import eventually

SECRET = "s3cr3t"
SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, look at the clock often."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.04)
    monkeypatch.setattr(reader_module, "WATCH_S", 0.02)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    return install(FakeSource(), monkeypatch)


async def state(feed: Feed, wanted: FeedState) -> None:
    await eventually(lambda: feed.state is wanted, f"state {wanted}")


async def next_frame(display: Reader[Frame]) -> Frame:
    return await asyncio.wait_for(display.next(), 20)


async def told(messages: Reader[Any], count: int) -> list[tuple[str, str | None]]:
    """The states of the next so many statistics, each once."""
    states: list[tuple[str, str | None]] = []
    while len(states) < count:
        message = await asyncio.wait_for(messages.next(), 20)
        if isinstance(message, Stats) and states[-1:] != [(message.state, message.reason)]:
            states.append((message.state, message.reason))
    return states


async def test_connecting_live_retrying_and_again(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera())
        feed = one.feed
        with feed.display.read(9) as display, feed.messages.read(99, Overflow.CLOSE) as messages:
            source.show()
            await next_frame(display)
            before = time.time()
            source.end(SourceLost("it closed the connection"))
            await eventually(lambda: source.opened == 2)
            source.show()
            await next_frame(display)
            assert await told(messages, 4) == [
                (FeedState.LIVE, None),
                (FeedState.RETRYING, "it closed the connection"),
                (FeedState.CONNECTING, None),
                (FeedState.LIVE, None),
            ]
        assert (feed.state, feed.reason, feed.next_try_at) == (FeedState.LIVE, None, None)
        assert before - 1 < feed.since < time.time() + 1
        assert source.closed == 1
        assert one.codec == "fake"


async def test_while_retrying_it_is_told_when_the_next_try_is(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 8.0)
    source.open_error = SourceLost("nothing listens at this address and port")
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        await state(feed, FeedState.RETRYING)
        assert feed.next_try_at
        assert 3 < feed.next_try_at - time.time() <= 8
        assert feed.stats().next_try_at == feed.next_try_at
        assert feed.reason == "nothing listens at this address and port"
        await asyncio.wait_for(cameras.remove("door"), 2)  # does not wait for the next try


async def test_the_waits_grow_while_it_is_away(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    real = backoff.Backoff.next

    def note(self: backoff.Backoff, chance: float) -> float:
        asked.append(real(self, 1.0))
        return 0.0

    monkeypatch.setattr(backoff.Backoff, "next", note)
    source.open_error = SourceLost("away")
    async with registry(tmp_path) as cameras:
        await cameras.add(camera())
        await eventually(lambda: len(asked) >= 5)
    assert asked[:5] == [0.04, 0.08, 0.16, 0.32, 0.64]


async def test_timestamps_grow_over_reconnects_and_numbers_go_on(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        frames: list[Frame] = []
        with feed.display.read(9) as display:
            for round_ in range(3):
                await eventually(lambda n=round_ + 1: source.opened == n)  # type: ignore[misc]
                for _ in range(3):
                    source.show()
                    frames.append(await next_frame(display))
                source.end(SourceLost("it closed the connection"))
    assert [frame.sequence for frame in frames] == list(range(9))
    steps = [after.timestamp - before.timestamp for before, after in pairwise(frames)]
    assert all(step > 0 for step in steps)
    assert [steps[n] for n in (0, 1, 3, 4, 6, 7)] == [3000] * 6, "within a stream its own clock counts"
    for n in (2, 5):
        passed = frames[n + 1].captured_at - frames[n].captured_at
        assert steps[n] == pytest.approx(passed * 90_000, abs=200), "between two streams the time that passed does"


async def test_silence_is_stalled_then_given_up(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "LEAST_STALL_S", 0.1)
    monkeypatch.setattr(reader_module, "PATIENCE_S", 0.5)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        await eventually(lambda: source.opened)
        source.show()
        await state(feed, FeedState.STALLED)
        assert feed.reason
        assert feed.reason.startswith("no picture for ")
        source.show()
        await state(feed, FeedState.LIVE)
        assert feed.reason is None
        assert source.opened == 1, "a pause is no break"
        await eventually(lambda: source.opened == 2)
        assert source.closed == 1


async def test_opened_but_never_a_picture_is_given_up(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "PATIENCE_S", 0.1)
    monkeypatch.setattr(backoff, "FIRST_S", 9.0)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        await state(feed, FeedState.RETRYING)
        assert feed.reason
        assert "sent no picture" in feed.reason
        await no_source_threads()


async def test_a_camera_that_does_not_answer_is_given_up(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "PATIENCE_S", 0.1)
    monkeypatch.setattr(backoff, "FIRST_S", 9.0)
    source.holding = True
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        await state(feed, FeedState.RETRYING)
        assert feed.reason == "it did not answer in time"
        await no_source_threads()


async def test_what_is_played_once_has_ended(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera())
        source.show(2)
        await eventually(lambda: one.feed.stats().frames_seen == 2)
        source.end()
        await state(one.feed, FeedState.ENDED)
        assert (one.feed.reason, source.closed) == (None, 1)
        await no_source_threads()
        await cameras.start("door")  # plays it again
        await eventually(lambda: source.opened == 2)
        source.show()
        await state(one.feed, FeedState.LIVE)


async def test_a_start_does_not_wait_for_the_next_try(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 20.0)
    source.open_error = SourceLost("away")
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        await state(feed, FeedState.RETRYING)
        source.open_error = None
        await cameras.start("door")
        source.show()
        await eventually(lambda: source.opened == 2)
        await state(feed, FeedState.LIVE)


# --- a port that comes back ------------------------------------------------------------------------------------------


async def test_a_port_that_comes_back_is_tried_at_once(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 60.0)
    monkeypatch.setattr(camera_module, "KNOCK_EVERY_S", 0.05)
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))  # and nobody listens
        source.open_error = SourceLost("nothing listens at this address and port")
        async with registry(tmp_path) as cameras:
            feed = (await cameras.add(camera(url=f"rtsp://127.0.0.1:{place.getsockname()[1]}/live"))).feed
            await state(feed, FeedState.RETRYING)
            source.open_error = None
            place.listen()
            await eventually(lambda: source.opened == 2, "the next try", within_s=5)


async def test_a_camera_that_answers_and_refuses_waits_its_time(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one with a wrong password would be asked ten times a second, and lock the account."""
    monkeypatch.setattr(backoff, "FIRST_S", 60.0)
    monkeypatch.setattr(camera_module, "KNOCK_EVERY_S", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as place:
        source.open_error = SourceLost("it refused the user name or the password")
        async with registry(tmp_path) as cameras:
            one = await cameras.add(camera(url=f"rtsp://127.0.0.1:{place.getsockname()[1]}/live"))
            await state(one.feed, FeedState.RETRYING)
            assert await one._listens()
            waits = asyncio.create_task(one._wait(0.3))
            await waits
            assert source.opened == 1


async def test_a_look_up_that_hangs_holds_nobody_up(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server is silent: adding, changing, removing go on, and nothing of it is left in the loop's pool."""
    answers = threading.Event()
    asked: list[str] = []

    def hangs(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        answers.wait(20)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr("server.cameras.LOOK_UP_S", 0.1)
    monkeypatch.setattr(camera_module, "KNOCK_S", 0.05)
    source.open_error = SourceLost("the host name gate.example is not known")
    try:
        async with registry(tmp_path) as cameras:
            one = await asyncio.wait_for(cameras.add(camera(url="rtsp://gate.example/live")), 5)
            await eventually(lambda: len(asked) >= 2, "a knock")
            assert await asyncio.wait_for(one._listens(), 5), "not knocked at any more"
            pool = [t.name for t in threading.enumerate() if t.name.startswith("asyncio")]
            assert all("look" not in name for name in pool)
            await asyncio.wait_for(cameras.remove("door"), 2)
    finally:
        answers.set()
    await eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith(("knock", "look-up"))])


# --- changes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"masks": (SQUARE,)},
        {"zones": (SQUARE,)},
        {"look_rate": 3.0},
        {"labels": ("yard",)},
        {"motion_gate": True},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_is_not_the_stream_changes_without_opening_it_again(
    change: dict[str, Any], source: FakeSource, tmp_path: Path
) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera())
        with one.feed.display.read(9) as display:
            source.show()
            await next_frame(display)
            await cameras.change("door", lambda settings: settings.model_copy(update=change))
            assert one.feed.state is FeedState.LIVE
            source.show()
            frame = await next_frame(display)
        assert (source.opened, source.closed) == (1, 0)
        for field, value in change.items():
            assert getattr(one.settings, field) == value
        if "masks" in change:
            assert frame.picture.y[24, 32] != frame.picture.y[1, 1], "the mask is burned in from the next picture on"
        if "look_rate" in change:
            assert one.feed.look_rate() == 3.0 or one.feed.suspicion


@pytest.mark.parametrize(
    "change",
    [
        {"url": "/somewhere/else.mp4"},
        {"transport": "udp"},
        {"loop": True},
        {"username": "bob"},
        {"password": SECRET},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_another_stream_is_opened_and_the_viewers_stay(
    change: dict[str, Any], source: FakeSource, tmp_path: Path
) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera())
        with one.feed.display.read(9) as display:
            source.show()
            first = await next_frame(display)
            source.size = (32, 24)
            await cameras.change("door", lambda settings: CameraSettings(**{**dict(settings), **change}))
            assert (source.opened, source.closed) in ((1, 1), (2, 1)), "the old one is closed first"
            await eventually(lambda: source.opened == 2)
            source.show()
            frame = await next_frame(display)
        assert cameras.get("door") is one.feed
        assert (frame.picture.width, frame.picture.height) == (32, 24)
        assert frame.timestamp > first.timestamp
        request = source.requests[-1]
        assert (request.url, request.transport, request.loop, request.username, request.password) == (
            one.settings.url,
            one.settings.transport,
            one.settings.loop,
            one.settings.username,
            change.get("password"),
        )


async def test_stop_and_start(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        with feed.display.read(9) as display:
            source.show()
            await next_frame(display)
            await cameras.change("door", lambda settings: settings.model_copy(update={"enabled": False}))
            assert (feed.state, feed.reason, source.closed) == (FeedState.STOPPED, None, 1)
            await no_source_threads()
            await cameras.change("door", lambda settings: settings.model_copy(update={"look_rate": 2.0}))
            assert (feed.state, source.opened) == (FeedState.STOPPED, 1)
            await cameras.start("door")
            assert feed.state is FeedState.CONNECTING
            await eventually(lambda: source.opened == 2)
            source.show()
            await next_frame(display)


async def test_a_change_while_it_is_being_opened(source: FakeSource, tmp_path: Path) -> None:
    source.holding = True
    async with registry(tmp_path) as cameras:
        await cameras.add(camera())
        await eventually(lambda: source.opened == 1)
        change = cameras.change("door", lambda settings: settings.model_copy(update={"loop": True}))
        await asyncio.wait_for(change, 2)
        await eventually(lambda: source.opened == 2)
        assert source.requests[0].stop.is_set()
        assert not source.requests[1].stop.is_set()
        await asyncio.wait_for(cameras.remove("door"), 2)
        await no_source_threads()


async def test_the_rule_is_that_of_the_camera(source: FakeSource, tmp_path: Path) -> None:
    """What the settings file says may be anywhere; what the API makes of it may not."""
    declared = (camera("mine", "http://169.254.1.1/"),)
    async with registry(tmp_path, declared, rule=AddressRule()) as cameras:
        await eventually(lambda: source.opened)
        resolve = source.requests[0].resolve
        assert resolve
        assert resolve("169.254.1.1", 80) == "169.254.1.1"
        await cameras.change("mine", lambda settings: settings.model_copy(update={"url": "http://10.9.8.7/video"}))
        await eventually(lambda: source.opened == 2)
        resolve = source.requests[1].resolve
        assert resolve
        with pytest.raises(SourceLost, match="not among those"):
            resolve("169.254.1.1", 80)
