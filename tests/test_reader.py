"""Cameras through the registry: a thread for each source, its states, its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server import cameras as cameras_module
from server import reader as reader_module
from server.broadcast import Closed, Overflow, Reader
from server.cameras import Cameras, redacted
from server.config import CameraSettings
from server.core.frame import Picture
from server.core.policy import ConfirmationPolicy
from server.core.tracking import TrackerSettings
from server.detector import Detector
from server.feed import Feed, FeedState, Rates, Stats
from server.metrics import Metrics
from server.plugins import SourceFrame, SourceLost
from server.reader import source_kind
from server.store import EventStore

from .sources.clips import write_clip, write_sound
from .support.waiting import eventually
from .test_detector import FakeBackend

SECRET = "s3cr3t"


class FakeSource:
    """A source that gives pictures when told, in the thread of its reader."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.loop = False
        self.opened = 0
        self.closed = 0
        self.open_error: Exception | None = None
        self.error: Exception | None = None
        self.brightness = 0
        self.idle = threading.Event()
        """Set while it waits to be told, so that all it was told to show has been taken."""
        self._stopped = threading.Event()
        self._wake = threading.Condition()
        self._due = 0
        self._over = False

    def show(self, count: int = 1) -> None:
        """Give so many more pictures."""
        with self._wake:
            self.idle.clear()
            self._due += count
            self._wake.notify_all()

    def end(self, error: Exception | None = None) -> None:
        """End, or break off."""
        with self._wake:
            self._over, self.error = True, error
            self._wake.notify_all()

    def frames(self) -> Iterator[SourceFrame]:
        while True:
            with self._wake:
                if not self._due:
                    self.idle.set()
                self._wake.wait_for(lambda: self._due or self._over or self._stopped.is_set(), timeout=30)
                if self._stopped.is_set():
                    return
                if not self._due:
                    if self.error:
                        raise self.error
                    return
                self._due -= 1
            self.brightness += 1
            yield SourceFrame(Picture.grey(64, 48, self.brightness), 3000 * self.brightness)

    def stop(self) -> None:
        self._stopped.set()
        with self._wake:
            self._wake.notify_all()

    @contextmanager
    def open_source(self, url: str, *, loop: bool) -> Iterator[FakeSource]:
        self.url, self.loop = url, loop
        self.opened += 1
        if self.open_error:
            raise self.open_error
        try:
            yield self
        finally:
            self.closed += 1


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    """The one source that every camera of the test opens."""
    fake = FakeSource()
    monkeypatch.setattr(reader_module, "load", lambda family, kind: SimpleNamespace(open_source=fake.open_source))
    return fake


@asynccontextmanager
async def registry() -> AsyncIterator[Cameras]:
    metrics = Metrics()
    async with Detector(FakeBackend(), 1, 0.1, 0.6, metrics) as detector:
        await asyncio.wait_for(detector.ready.wait(), 20)
        async with Cameras(
            detector, EventStore(), metrics, ConfirmationPolicy(span_s=0), TrackerSettings(), Rates(100, 100)
        ) as cameras:
            yield cameras


def camera(url: str = "fake://here", name: str = "door", loop: bool = False) -> CameraSettings:
    return CameraSettings(name=name, url=url, loop=loop)


def source_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("source ")]


async def no_source_threads() -> None:
    """A thread says that it is done in its last line: give it the moment to return."""
    await eventually(lambda: not source_threads(), "the end of the threads", within_s=2)


async def drained(reader: Reader[Any]) -> None:
    """Read until the reader is closed, which raises."""
    while True:
        await reader.next()


async def state(feed: Feed, wanted: FeedState) -> None:
    await eventually(lambda: feed.state is wanted, f"state {wanted}")


async def test_a_camera_lives_and_ends(source: FakeSource) -> None:
    async with registry() as cameras:
        feed = cameras.add(camera(loop=True))
        assert feed.stats().state is FeedState.CONNECTING
        assert cameras.get("door") is feed
        assert cameras.cameras() == [feed]
        with feed.display.read(size=9) as display:
            source.show()
            frame = await asyncio.wait_for(display.next(), 20)
            assert (frame.feed, frame.sequence, frame.timestamp) == ("door", 0, 3000)
            assert feed.stats().state is FeedState.LIVE
            await eventually(lambda: feed.stats().frames_looked_at == 1)
            source.end()
            with pytest.raises(Closed, match="the camera ended"):
                await asyncio.wait_for(display.next(), 20)
        assert feed.stats().state is FeedState.ENDED
        assert feed.reason is None
        assert (source.url, source.loop, source.opened, source.closed) == ("fake://here", True, 1, 1)
        await no_source_threads()


async def test_what_the_model_sees_is_told(source: FakeSource) -> None:
    async with registry() as cameras:
        feed = cameras.add(camera())
        for n in range(3):
            source.show()
            await eventually(lambda n=n: feed.stats().frames_looked_at == n + 1)  # type: ignore[misc]
        await eventually(lambda: cameras.store.newest(5))
        (event,) = cameras.store.newest(5)
        assert (event.feed, event.label, event.state, event.hits) == ("door", "gun", "confirmed", 3)
        await cameras.remove("door")
        (event,) = cameras.store.newest(5)
        assert event.state == "ended"


async def test_a_source_that_cannot_be_opened_has_failed_with_the_reason(source: FakeSource) -> None:
    source.open_error = SourceLost("connection refused")
    async with registry() as cameras:
        feed = cameras.add(camera())
        await state(feed, FeedState.FAILED)
        assert feed.reason == "connection refused"
        assert feed.stats().reason == "connection refused"
        await no_source_threads()


async def test_a_source_that_breaks_off_has_failed_with_the_reason(source: FakeSource) -> None:
    async with registry() as cameras:
        feed = cameras.add(camera())
        source.show()
        await state(feed, FeedState.LIVE)
        source.end(SourceLost("connection reset by peer"))
        await state(feed, FeedState.FAILED)
        assert feed.reason == "connection reset by peer"
        assert source.closed == 1


async def test_a_reader_that_breaks_tells_no_secret(source: FakeSource, caplog: pytest.LogCaptureFixture) -> None:
    source.open_error = ValueError(f"cannot parse rtsp://admin:{SECRET}@camera/")
    async with registry() as cameras:
        feed = cameras.add(camera(f"rtsp://admin:{SECRET}@camera/"))
        await state(feed, FeedState.FAILED)
        assert feed.reason == "its reader broke (ValueError)"
        assert cameras.url("door") == "rtsp://camera/"
    assert "its reader broke" in caplog.text
    assert SECRET not in caplog.text


async def test_frames_that_overtake_each_other_are_counted(source: FakeSource) -> None:
    """The loop is busy while the source goes on: the newest picture arrives, the others count as seen and dropped."""
    async with registry() as cameras:
        feed = cameras.add(camera())
        await eventually(lambda: source.opened)
        source.show(5)
        assert source.idle.wait(20)  # which holds up the loop, on purpose
        await eventually(lambda: feed.stats().frames_seen == 5)
        await eventually(lambda: feed.stats().frames_looked_at == 1)
        assert feed.stats().frames_dropped == 4


async def test_removal_ends_the_thread_though_no_picture_comes(source: FakeSource) -> None:
    async with registry() as cameras:
        feed = cameras.add(camera())
        source.show()
        await state(feed, FeedState.LIVE)
        assert source_threads() == ["source door"]
        with feed.display.read() as display, feed.messages.read(9, Overflow.CLOSE) as messages:
            await asyncio.wait_for(cameras.remove("door"), 5)
            await no_source_threads()
            assert source.closed == 1
            assert cameras.get("door") is None
            for reader in (display, messages):
                with pytest.raises(Closed, match="the camera was removed"):
                    await asyncio.wait_for(drained(reader), 5)
        again = cameras.add(camera())
        assert again is not feed


async def test_leaving_the_registry_ends_all_threads(source: FakeSource) -> None:
    before = threading.active_count()
    async with registry() as cameras:
        for n in range(4):
            cameras.add(camera(name=f"camera-{n}"))
        await eventually(lambda: len(source_threads()) == 4)
    await no_source_threads()
    await eventually(lambda: threading.active_count() <= before)


async def test_a_thread_that_hangs_is_given_up_and_said_so(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reader_module, "THREAD_GRACE_S", 0.05)
    hangs = threading.Event()
    monkeypatch.setattr(source, "stop", lambda: None)
    async with registry() as cameras:
        feed = cameras.add(camera())
        source.show()
        await state(feed, FeedState.LIVE)
        await cameras.remove("door")
        assert "its reader still waits for the camera" in caplog.text
    hangs.set()
    source.end()
    await no_source_threads()


async def test_a_name_is_given_once(source: FakeSource) -> None:
    async with registry() as cameras:
        cameras.add(camera())
        with pytest.raises(ValueError, match="already a feed named door"):
            cameras.add(camera())


async def test_sessions_are_no_cameras_and_have_names_of_their_own(source: FakeSource) -> None:
    async with registry() as cameras:
        cameras.add(camera(name="webcam-0001"))
        async with cameras.session("webcam") as one, cameras.session("webcam") as other:
            assert len({one.name, other.name, "webcam-0001"}) == 3
            assert cameras.get(one.name) is None
            assert [feed.name for feed in cameras.cameras()] == ["webcam-0001"]
            with one.messages.read() as messages:
                pass
        assert len(cameras.detector._seats) == 1
        assert messages.dropped == 0


async def test_once_a_second_the_figures_are_told(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    async with registry() as cameras:
        feed = cameras.add(camera())
        with feed.messages.read(9) as messages:
            feed.tick()
            stats = await asyncio.wait_for(messages.next(), 5)
            assert isinstance(stats, Stats)
            assert (stats.state, stats.frames_seen, stats.delay) == (FeedState.CONNECTING, 0, None)


# --- with real files -------------------------------------------------------------------------------------------------


async def test_a_clip_is_watched_to_its_end(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=9)
    async with registry() as cameras:
        feed = cameras.add(camera(str(clip)))
        await state(feed, FeedState.ENDED)
        stats = feed.stats()
        assert (stats.width, stats.height, stats.frames_seen) == (64, 48, 9)
        await eventually(lambda: feed.stats().frames_looked_at + feed.stats().frames_dropped == 9)


async def test_a_clip_in_a_loop_goes_on_until_it_is_removed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=4, fps=60)
    async with registry() as cameras:
        feed = cameras.add(camera(str(clip), loop=True))
        await eventually(lambda: feed.stats().frames_seen > 10)
        assert feed.state is FeedState.LIVE
        await asyncio.wait_for(cameras.remove("door"), 10)
        await no_source_threads()


def not_a_video(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("This is no video.")
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "none.mp4", "there is no such file"),
        (lambda folder: write_sound(folder / "sound.m4a"), "it has no video stream"),
        (not_a_video, "invalid data found when processing input"),
    ],
    ids=["missing", "sound", "text"],
)
async def test_a_file_that_is_no_video_has_failed(make: object, reason: str, tmp_path: Path) -> None:
    assert callable(make)
    async with registry() as cameras:
        feed = cameras.add(camera(str(make(tmp_path))))
        await state(feed, FeedState.FAILED)
        assert feed.reason == reason
        await no_source_threads()


async def test_a_camera_that_is_not_there_has_failed_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    async with registry() as cameras:
        feed = cameras.add(camera(f"rtsp://admin:{SECRET}@127.0.0.1:1/live?token={SECRET}"))
        await state(feed, FeedState.FAILED)
        assert feed.reason
        assert SECRET not in feed.reason
        assert cameras.url("door") == "rtsp://127.0.0.1:1/live?..."
    assert "camera door failed" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}@camera:554/live", "rtsp://camera:554/live"),
        (f"rtsp://{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}@{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}/{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}?{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}\n{SECRET}@camera/live", "rtsp://camera/live"),
        (f"http://camera/live?user=admin&password={SECRET}", "http://camera/live?..."),
        (f"http://camera/live?a={SECRET}\n{SECRET}", "http://camera/live?..."),
        ("/dev/video0", "/dev/video0"),
        ("/home/a@b/clip.mp4", "/home/a@b/clip.mp4"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert cameras_module.redacted is redacted


@pytest.mark.parametrize(
    ("url", "kind"),
    [("rtsp://camera/1", "ffmpeg"), ("clip.mp4", "ffmpeg"), ("/dev/video0", "ffmpeg"), ("C:\\clip.mp4", "ffmpeg")],
)
def test_which_source_opens_a_url(url: str, kind: str) -> None:
    assert source_kind(url) == kind


def test_a_source_of_its_own_is_named_after_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "kinds", lambda family: ["ffmpeg", "whep"])
    assert source_kind("whep://camera/1") == "whep"
