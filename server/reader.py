"""The thread boundary of a camera: one thread reads its source, the event loop gets its newest picture."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Callable
from urllib.parse import urlsplit

from .broadcast import Mailbox
from .config import CameraSettings
from .core.frame import Picture
from .feed import Feed
from .plugins import Source, SourceLost, kinds, load

log = logging.getLogger(__name__)

THREAD_GRACE_S = 3.0
"""How long a removed camera is waited for. A thread that is in the middle of opening a silent address needs longer: it
ends by the source's own time limit, tells nobody and holds up neither the registry nor the end of the process."""


class SourceReader:
    """Reads one source in a thread of its own and leaves each picture in a one-slot mailbox for the loop."""

    def __init__(self, feed: Feed, camera: CameraSettings) -> None:
        self._feed = feed
        self._camera = camera
        self._stopped = threading.Event()
        self._source: Source | None = None
        self._loop = asyncio.get_running_loop()
        self._arrived: Mailbox[tuple[Picture, int, float]] = Mailbox()
        self._told_dropped = 0
        self._done: asyncio.Future[str | None] = self._loop.create_future()

    async def run(self) -> str | None:
        """Until the source ends; returns why it failed, or None. Cancelled, it lets its thread end first."""
        thread = threading.Thread(target=self._read, name=f"source {self._camera.name}", daemon=True)
        thread.start()
        try:
            await asyncio.wait((self._done,))
            return self._done.result()
        finally:
            self._stopped.set()
            if self._source:
                self._source.stop()
            if not self._done.done():
                await asyncio.wait((self._done,), timeout=THREAD_GRACE_S)
            if not self._done.done():
                log.warning("camera %s: its reader still waits for the camera and ends later", self._camera.name)

    def _read(self) -> None:
        """In the source's thread."""
        reason: str | None = None
        try:
            with load("sources", source_kind(self._camera.url)).open_source(
                self._camera.url, loop=self._camera.loop
            ) as source:
                self._source = source
                if not self._stopped.is_set():
                    self._frames(source)
        except SourceLost as error:
            reason = str(error)
        except Exception as error:
            # Where, but not the words of the error: they may hold the URL with its password.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("camera %s: its reader broke by %s\n%s", self._camera.name, type(error).__name__, where)
            reason = f"its reader broke ({type(error).__name__})"
        self._call(self._finish, reason)

    def _frames(self, source: Source) -> None:
        for frame in source.frames():
            if self._stopped.is_set():
                return
            if self._arrived.put((frame.picture, frame.timestamp, time.monotonic())):
                self._call(self._deliver)

    def _call(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            self._stopped.set()

    def _deliver(self) -> None:
        """On the loop: pass on the newest picture, and how many it overtook."""
        arrived = self._arrived.take()
        if self._arrived.dropped > self._told_dropped:
            self._feed.lost(self._arrived.dropped - self._told_dropped)
            self._told_dropped = self._arrived.dropped
        if arrived and not self._stopped.is_set():
            self._feed.publish(*arrived)

    def _finish(self, reason: str | None) -> None:
        if not self._done.done():
            self._done.set_result(reason)


def source_kind(url: str) -> str:
    """The module that opens a URL: the one named after its scheme, else FFmpeg, which opens nearly all."""
    scheme = urlsplit(url).scheme
    return scheme if scheme in kinds("sources") else "ffmpeg"
