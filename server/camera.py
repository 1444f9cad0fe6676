"""The life of one camera: connecting, live, stalled, retrying, and again, without end."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from .addresses import AddressRule
from .aside import aside
from .config import CameraSettings
from .core.backoff import Backoff
from .core.mediaclock import MediaClock
from .core.watch import WatchSettings
from .feed import Feed, FeedState
from .logs import about
from .plugins import SourceLost
from .reader import WATCH_S, Run, SourceReader, tell_stall
from .urls import PUSHED, address_of, knock

log = logging.getLogger(__name__)

PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443, "http": 80, "https": 443}
ON_NETWORK = ("rtsp", "rtmp", "http")
KNOCK_EVERY_S = 2.0
AFTER_KNOCK_S = 0.2
"""For a camera that serves one connection at a time: it must have seen the knock go."""

KNOCK_S = 1.5
STOPPED, REMOVED, CHANGED = "the camera was stopped", "the camera was removed", "the settings of the camera changed"


class Push:
    """Somebody's right to send the pictures of a camera. ``over`` gets a reason when it ends from this side."""

    def __init__(self, feed: Feed, clock: MediaClock) -> None:
        self.feed = feed
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._clock = clock

    def timestamp(self, pts: int) -> int:
        """A publisher's timestamp (90 kHz) on the clock of the camera, which goes on over all its publishers."""
        return self._clock.at(pts, time.monotonic())

    def end(self, reason: str) -> None:
        """Let it end."""
        if not self.over.done():
            self.over.set_result(reason)


class Camera:
    """A camera: its settings, its feed, and the task that keeps the one coming to the other."""

    def __init__(self, settings: CameraSettings, feed: Feed, rule: AddressRule, origin: str) -> None:
        self.settings = settings
        self.feed = feed
        self.rule = rule
        self.origin = origin
        """Where its settings come from: ``settings``, ``api``, or ``push`` for one that exists by a push alone."""
        self.push: Push | None = None
        self.pushed_away = asyncio.Event()
        self.pushed_away.set()
        self._clock = MediaClock()
        self._reader: SourceReader | None = None
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._configure()

    @property
    def codec(self) -> str | None:
        """What its video is coded in, once that is known."""
        return self._reader.codec if self._reader else None

    def start(self) -> None:
        """Begin, as the settings say."""
        if not self.settings.enabled:
            self.feed.become(FeedState.STOPPED)
        elif self.settings.kind == PUSHED:
            self._wait_for_push()
        else:
            self.feed.become(FeedState.CONNECTING)  # at once: an answer may tell the state before the task begins
            self._task = asyncio.create_task(self._run(), name=f"camera {self.feed.name}")

    async def change(self, settings: CameraSettings, rule: AddressRule) -> None:
        """Take on other settings. The stream is opened again only if it is another; its viewers stay in any case."""
        same = settings.same_stream(self.settings) and rule == self.rule
        if not same:
            await self.end(STOPPED if not settings.enabled else CHANGED)
        self.settings, self.rule = settings, rule
        self._configure()
        if not same:
            self._clock.restart()
            self.start()

    async def try_now(self) -> None:
        """Do not wait for the next try, or begin anew what is over."""
        if self.feed.state in (FeedState.RETRYING, FeedState.ENDED):
            await self.end(CHANGED)
            self.start()

    async def end(self, reason: str) -> None:
        """Read no more; the feed stays. Waits for the thread or the publisher to go."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._reader = None
        if self.push:
            self.push.end(reason)
            await self.pushed_away.wait()

    def open_push(self) -> Push:
        """Let a publisher begin."""
        self._clock.restart()
        self.push = Push(self.feed, self._clock)
        self.pushed_away.clear()
        self.feed.become(FeedState.CONNECTING, "a publisher connects")
        self._watcher = asyncio.create_task(self._watch_push(), name=f"push {self.feed.name}")
        return self.push

    def close_push(self) -> None:
        """The publisher has gone."""
        if self._watcher:
            self._watcher.cancel()
            self._watcher = None
        self.push = None
        self.pushed_away.set()
        self._wait_for_push()

    async def _watch_push(self) -> None:
        """Say so when pictures no longer come; who serves the publisher ends it in time."""
        while True:
            await asyncio.sleep(WATCH_S)
            tell_stall(self.feed, time.monotonic())

    def _wait_for_push(self) -> None:
        self.feed.become(FeedState.CONNECTING, f"waits for video at /whip/{self.feed.name}")

    def _configure(self) -> None:
        of = self.settings
        self.feed.configure(WatchSettings(of.zones, of.masks, of.look_rate, of.motion_gate))

    async def _run(self) -> None:
        with about(camera=self.feed.name):
            await self._read_on()

    async def _read_on(self) -> None:
        backoff = Backoff()
        told: str | None = None
        while True:
            self.feed.become(FeedState.CONNECTING)
            self._reader = SourceReader(self.feed, self.settings, self._clock, self.rule)
            try:
                run = await self._reader.run()
            except Exception:  # no more threads, or a fault of ours: neither may leave the camera unwatched for good
                log.exception("camera %s cannot be read", self.feed.name)
                run = Run("its reader broke", 0.0)
            self._clock.restart()
            if run.reason is None:
                log.info("camera %s ended", self.feed.name)
                self.feed.become(FeedState.ENDED)
                return
            backoff.lived(run.live_s)
            wait = backoff.next(random.random())
            if run.reason != told or run.live_s:  # the same reason every half minute would fill the log
                log.warning("camera %s: %s; it is tried again", self.feed.name, run.reason)
                told = run.reason
            self.feed.become(FeedState.RETRYING, run.reason, time.time() + wait)
            await self._wait(wait)

    async def _wait(self, seconds: float) -> None:
        """Wait for the next try. A camera that nothing listened at is tried at once when something does again, so that
        a long back-off never adds to the time it is back."""
        until = time.monotonic() + seconds
        away = not await self._listens()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, KNOCK_EVERY_S * random.uniform(0.8, 1.0)))
            if away and await self._listens():
                await asyncio.sleep(AFTER_KNOCK_S)
                return

    async def _listens(self) -> bool:
        """Whether somebody listens where the camera is: connects and hangs up. Where that cannot be told in time, as
        when a name server is silent, one is taken to, so that the camera is not asked for again and again."""
        if self.settings.kind not in ON_NETWORK:
            return True
        url, rule = self.settings.url, self.rule

        def connect() -> None:
            host, port = address_of(url, PORTS)
            knock(rule.resolve(host, port), port, KNOCK_S)

        try:
            async with asyncio.timeout(2 * KNOCK_S):
                await aside(connect, f"knock {self.feed.name}")
        except SourceLost:
            return False
        except TimeoutError:
            pass
        return True
