"""The thread boundary: one thread reads a source, the loop gets the newest picture, and the thread ends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from server import reader as reader_module
from server.addresses import ANYWHERE, AddressRule
from server.broadcast import Closed, Overflow, Reader
from server.config import CameraSettings
from server.core import backoff
from server.feed import FeedState, Stats
from server.plugins import SourceLost, Stop
from server.reader import request_of

from .sources.clips import write_clip, write_sound
from .support.fakes import CLIP, FakeSource, camera, install, no_source_threads, registry, source_threads
from .support.journal import FakeJournal
from .support.waiting import eventually

SECRET = "s3cr3t"


async def drained(reader: Reader[Any]) -> None:
    """Read until the reader is closed, which raises."""
    while True:
        await reader.next()


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    return install(FakeSource(), monkeypatch)


async def test_a_picture_reaches_the_viewer_and_the_model(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera(loop=True))).feed
        assert feed.state is FeedState.CONNECTING
        with feed.display.read(9) as display:
            source.show()
            frame = await asyncio.wait_for(display.next(), 20)
        assert (frame.feed, frame.sequence) == ("door", 0)
        assert feed.stats().state is FeedState.LIVE
        await eventually(lambda: feed.stats().frames_looked_at == 1)
    assert (source.requests[0].url, source.requests[0].loop, source.opened, source.closed) == (CLIP, True, 1, 1)


async def test_what_the_model_sees_is_told(source: FakeSource, tmp_path: Path) -> None:
    journal = FakeJournal()
    async with registry(tmp_path, journal=journal) as cameras:
        feed = (await cameras.add(camera())).feed
        for n in range(3):
            source.show()
            await eventually(lambda n=n: feed.stats().frames_looked_at == n + 1)  # type: ignore[misc]
        await eventually(lambda: journal.newest())
        (event,) = journal.newest()
        assert (event.feed, event.label, event.state, event.hits) == ("door", "gun", "confirmed", 3)
        await cameras.remove("door")
        (event,) = journal.newest()
        assert event.state == "ended"


@pytest.mark.parametrize("at", ["open", "read"])
async def test_a_reader_that_breaks_tells_no_secret_and_is_tried_again(
    at: str, source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    error = ValueError(f"cannot parse rtsp://admin:{SECRET}@camera/")
    async with registry(tmp_path) as cameras:
        if at == "open":
            source.open_error = error
        feed = (await cameras.add(camera(url=f"rtsp://admin:{SECRET}@127.0.0.1:1/"))).feed
        if at == "read":
            await eventually(lambda: source.opened)
            source.end(error)
        await eventually(lambda: feed.state is FeedState.RETRYING)
        assert feed.reason == "its reader broke (ValueError)"
        await eventually(lambda: source.opened >= 2)
    assert "its reader broke by ValueError" in caplog.text
    assert "fakes.py" in caplog.text, "where it broke"
    assert SECRET not in caplog.text


async def test_the_same_reason_does_not_fill_the_log(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backoff, "MOST_S", 0.02)
    source.open_error = SourceLost("nothing answers at this address")
    async with registry(tmp_path) as cameras:
        await cameras.add(camera())
        await eventually(lambda: source.opened > 8)
    assert caplog.text.count("nothing answers at this address") == 1


async def test_frames_that_overtake_each_other_are_counted(source: FakeSource, tmp_path: Path) -> None:
    """The loop is busy while the source goes on: the newest picture arrives, the others count as seen and lost."""
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        await eventually(lambda: source.opened)
        source.show(5)
        assert source.idle.wait(20)  # which holds up the loop, on purpose
        await eventually(lambda: feed.stats().frames_seen == 5)
        await eventually(lambda: feed.stats().frames_looked_at == 1)
        assert feed.stats().frames_dropped == 4
        assert feed.stats().skipped.lost == 4


async def test_removal_ends_the_thread_though_no_picture_comes(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        source.show()
        await eventually(lambda: feed.state is FeedState.LIVE)
        assert source_threads() == ["source door"]
        with feed.display.read() as display, feed.messages.read(99, Overflow.CLOSE) as messages:
            await asyncio.wait_for(cameras.remove("door"), 2)
            await no_source_threads()
            assert source.closed == 1
            assert cameras.get("door") is None
            for reader in (display, messages):
                with pytest.raises(Closed, match="the camera was removed"):
                    await asyncio.wait_for(drained(reader), 5)
        again = await cameras.add(camera())
        assert again.feed is not feed


async def test_leaving_the_registry_ends_all_threads(source: FakeSource, tmp_path: Path) -> None:
    source.holding = True
    before = threading.active_count()
    async with asyncio.timeout(10), registry(tmp_path) as cameras:
        for n in range(4):
            await cameras.add(camera(f"camera-{n}"))
        await eventually(lambda: len(source_threads()) == 4)
    await no_source_threads()
    await eventually(lambda: threading.active_count() <= before + 1, "the end of all but the loop's own pool")


async def test_a_thread_that_hangs_is_left_behind_and_said_so(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As one does that looks up a name at a silent name server. The camera goes on without it, and hears no more."""
    monkeypatch.setattr(reader_module, "THREAD_GRACE_S", 0.05)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        source.show()
        await eventually(lambda: feed.state is FeedState.LIVE)
        source.deaf = True
        await cameras.change("door", lambda settings: settings.model_copy(update={"enabled": False}))
        assert "ends later" in caplog.text
        assert feed.state is FeedState.STOPPED
        source.show(3)
        await no_source_threads()
        assert (feed.state, feed.stats().frames_seen) == (FeedState.STOPPED, 1), "what it sends late comes nowhere"


async def test_a_thread_that_outlives_the_loop_ends(
    source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "THREAD_GRACE_S", 0.05)
    source.deaf = True

    async def serve() -> None:
        async with registry(tmp_path) as cameras:
            await cameras.add(camera())
            await eventually(lambda: source.opened)

    await asyncio.to_thread(lambda: asyncio.run(serve()))
    source.show(2)
    await no_source_threads()


async def test_once_a_second_the_figures_are_told(source: FakeSource, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera())).feed
        with feed.messages.read(9) as messages:
            feed.tick()
            stats = await asyncio.wait_for(messages.next(), 5)
        assert isinstance(stats, Stats)
        assert (stats.state, stats.frames_seen, stats.delay) == (FeedState.CONNECTING, 0, None)


def test_a_request_has_all_that_the_settings_say_and_shows_no_password() -> None:
    settings = CameraSettings(name="a", url=f"rtsp://bob:{SECRET}@camera/1?token=x", transport="udp", loop=True)
    stop = Stop()
    request = request_of(settings, stop, ANYWHERE)
    assert (request.url, request.username, request.password) == ("rtsp://camera/1?token=x", "bob", SECRET)
    assert (request.transport, request.loop, request.stop) == ("udp", True, stop)
    assert SECRET not in repr(request) + repr(settings) + str(settings)
    resolve = request_of(settings, stop, AddressRule()).resolve
    assert resolve
    with pytest.raises(SourceLost, match="not among those"):
        resolve("127.0.0.1", 80)


# --- with real files -------------------------------------------------------------------------------------------------


async def test_a_clip_is_watched_to_its_end(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=9)
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera(url=str(clip)))
        await eventually(lambda: one.feed.state is FeedState.ENDED)
        stats = one.feed.stats()
        assert (stats.width, stats.height, stats.frames_seen) == (64, 48, 9)
        assert one.codec == "h264"
        await eventually(lambda: one.feed.stats().frames_looked_at + one.feed.stats().frames_dropped == 9)


async def test_a_clip_in_a_loop_goes_on_until_it_is_removed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=4, fps=60)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera(url=str(clip), loop=True))).feed
        await eventually(lambda: feed.stats().frames_seen > 10)
        assert feed.state is FeedState.LIVE
        await asyncio.wait_for(cameras.remove("door"), 2)
        await no_source_threads()


def not_a_video(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("This is no video.")
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "none.mp4", "there is no such file"),
        (lambda folder: folder / ("a" * 500), "there is no such file"),
        (lambda folder: write_sound(folder / "sound.m4a"), "it sends no video, only sound"),
        (not_a_video, "what it sends is not video that can be read"),
    ],
    ids=["missing", "too long a name", "sound", "text"],
)
async def test_a_file_that_is_no_video_is_tried_again(make: object, reason: str, tmp_path: Path) -> None:
    assert callable(make)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera(url=str(make(tmp_path))))).feed
        await eventually(lambda: feed.state is FeedState.RETRYING)
        assert feed.reason == reason
        await no_source_threads()


async def test_a_file_that_comes_later_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera(url=str(tmp_path / "late.mp4")))).feed
        await eventually(lambda: feed.state is FeedState.RETRYING)
        write_clip(tmp_path / "late.tmp.mp4").rename(tmp_path / "late.mp4")
        await eventually(lambda: feed.state is FeedState.ENDED)
        assert feed.stats().frames_seen == 6
