"""The thread boundary of a camera: one thread reads its source, the event loop gets its newest picture."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from .addresses import AddressRule
from .broadcast import Mailbox
from .config import CameraSettings
from .core.mediaclock import MediaClock
from .core.watch import Prepared
from .feed import Feed, FeedState
from .plugins import PATIENCE_S, PacketTap, SourceLost, SourceRequest, Stop, load

log = logging.getLogger(__name__)

WATCH_S = 0.25
STALLED_FRAMES = 5
LEAST_STALL_S, MOST_STALL_S = 2.0, 6.0
"""A camera is stalled when so many of its usual frames are missing, but not before the one and at the latest after the
other."""

THREAD_GRACE_S = 2.0
"""How long the thread of a camera is waited for. It ends in a tenth of a second, unless it looks up a host name at a
name server that is silent: then it ends by that look-up's own time limit and tells nobody."""


@dataclass(frozen=True, slots=True)
class Run:
    """How one reading of a source ended: why it broke off (None: the source was over), and how long it was live (s)."""

    reason: str | None
    live_s: float


class SourceReader:
    """Reads one source in a thread of its own and leaves each picture in a one-slot mailbox for the loop."""

    def __init__(self, feed: Feed, camera: CameraSettings, clock: MediaClock, rule: AddressRule) -> None:
        self._feed = feed
        self._camera = camera
        self._clock = clock
        self._rule = rule
        self._stop = Stop()
        self._loop = asyncio.get_running_loop()
        self._arrived: Mailbox[tuple[Prepared, int, float]] = Mailbox()
        self._told_dropped = 0
        self._opened_at: float | None = None
        self._first_at: float | None = None
        self._done: asyncio.Future[str | None] = self._loop.create_future()
        self.codec: str | None = None

    async def run(self) -> Run:
        """Until the source ends, breaks off or is silent for too long. Cancelled, it lets its thread end first."""
        thread = threading.Thread(target=self._read, name=f"source {self._camera.name}", daemon=True)
        thread.start()
        try:
            reason = await self._watch()
        finally:
            await self._end()
            if self._done.done():
                thread.join()  # it has said its last word and returns at once
        return Run(reason, time.monotonic() - self._first_at if self._first_at else 0.0)

    async def _watch(self) -> str | None:
        """Look at the frame clock: what gives no picture is stalled, then given up."""
        begun = time.monotonic()
        while True:
            await asyncio.wait((self._done,), timeout=WATCH_S)
            if self._done.done():
                return self._done.result()
            now = time.monotonic()
            since = self._opened_at or begun
            if self._first_at is not None and self._feed.last_frame_at is not None:
                since = max(since, self._feed.last_frame_at)
                tell_stall(self._feed, now)
            if now - since > PATIENCE_S + WATCH_S:
                if self._opened_at is None:
                    return "it did not answer in time"
                return f"it sent no picture for {PATIENCE_S:.0f} s"

    async def _end(self) -> None:
        self._stop.set()
        if not self._done.done():
            await asyncio.wait((self._done,), timeout=THREAD_GRACE_S)
        if not self._done.done():
            log.warning("camera %s: its reader still waits for a name to be looked up and ends later", self._feed.name)

    def _read(self) -> None:
        """In the source's thread."""
        reason: str | None = None
        camera = self._camera
        tap = self._feed.tap()
        try:
            request = request_of(camera, self._stop, self._rule, tap)
            with load("sources", camera.kind).open_source(request) as source:
                self.codec = source.codec
                self._opened_at = time.monotonic()
                for frame in source.frames():
                    now = time.monotonic()
                    if self._stop.is_set():
                        break
                    if tap and frame.tape_time is not None:
                        tap.shown(frame.tape_time, now)
                    prepared = self._feed.prepare(frame.picture, now)
                    if self._arrived.put((prepared, frame.timestamp, now)):
                        self._call(self._deliver)
        except SourceLost as error:
            reason = str(error)
        except Exception as error:
            # Where, but not the words of the error: they may hold the URL with its password.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("camera %s: its reader broke by %s\n%s", camera.name, type(error).__name__, where)
            reason = f"its reader broke ({type(error).__name__})"
        finally:
            if tap:
                tap.end()
        self._call(self._finish, reason)

    def _call(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            self._stop.set()

    def _deliver(self) -> None:
        """On the loop: pass on the newest picture, and how many it overtook."""
        arrived = self._arrived.take()
        if self._arrived.dropped > self._told_dropped:
            self._feed.lost(self._arrived.dropped - self._told_dropped)
            self._told_dropped = self._arrived.dropped
        if arrived and not self._stop.is_set():
            prepared, timestamp, at = arrived
            if self._first_at is None:
                self._first_at = at
            self._feed.publish_prepared(prepared, self._clock.at(timestamp, at), at)

    def _finish(self, reason: str | None) -> None:
        if not self._done.done():
            self._done.set_result(reason)


def tell_stall(feed: Feed, now: float) -> None:
    """Make a feed stalled when pictures came and no longer do; ``now`` in monotonic seconds."""
    if feed.last_frame_at is None or feed.state not in (FeedState.LIVE, FeedState.STALLED):
        return
    missing = now - feed.last_frame_at
    if missing > min(max(STALLED_FRAMES * (feed.frame_interval or 0.0), LEAST_STALL_S), MOST_STALL_S):
        feed.become(FeedState.STALLED, f"no picture for {missing:.0f} s")


def request_of(camera: CameraSettings, stop: Stop, rule: AddressRule, tap: PacketTap | None = None) -> SourceRequest:
    """What to ask the kind of a camera to open."""
    return SourceRequest(
        url=camera.url,
        stop=stop,
        username=camera.username,
        password=camera.password.get_secret_value() if camera.password else None,
        transport=camera.transport,
        loop=camera.loop,
        resolve=rule.resolve,
        redirects=rule.everything,
        tap=tap,
    )
