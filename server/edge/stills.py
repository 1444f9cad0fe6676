"""JPEGs of a camera: one encode for all who follow it, and one for all who ask for the same picture at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager

from ..broadcast import Broadcast, Closed, Reader
from ..core.drawing import Mark, mark_of
from ..core.frame import Frame
from ..feed import Feed
from ..metrics import Metrics
from .jpeg import JpegEncoder
from .shared import Shared

log = logging.getLogger(__name__)

NEVER = float("inf")


def marks_on(feed: Feed, frame: Frame, drawn: bool) -> list[Mark]:
    """What is drawn on a frame."""
    tracks = feed.tracks_at(frame.captured_at) if drawn else []
    return [mark_of(seen, frame.captured_at) for seen in tracks]


class Follower:
    """One who follows a camera, picture by picture."""

    def __init__(self, reader: Reader[bytes]) -> None:
        self._reader = reader
        self.due = NEVER
        """From when on a picture is wanted (monotonic s): who is still sending the last one is not encoded for."""

    async def next(self, due: float) -> bytes:
        """The newest JPEG, but not before ``due`` (monotonic s); raises :class:`Closed` when there will be none."""
        self.due = due
        try:
            while True:
                picture = await self._reader.next()
                if time.monotonic() >= due:
                    return picture
        finally:
            self.due = NEVER


class JpegVideo:
    """Encodes a feed's display path as JPEGs, drawn or clean, while somebody waits for one."""

    def __init__(self, feed: Feed, drawn: bool, pool: ThreadPoolExecutor, metrics: Metrics) -> None:
        self._pictures: Broadcast[bytes] = Broadcast()
        self._followers: set[Follower] = set()
        self._feed = feed
        self._drawn = drawn
        self._pool = pool
        self._metrics = metrics
        self._jpeg = JpegEncoder()

    @contextmanager
    def follow(self) -> Iterator[Follower]:
        """Follow for as long as the block runs. There is one slot: who is slow misses pictures and holds up nobody."""
        with self._pictures.read() as reader:
            follower = Follower(reader)
            self._followers.add(follower)
            try:
                yield follower
            finally:
                self._followers.discard(follower)

    async def run(self) -> None:
        """Encode until the feed ends."""
        loop = asyncio.get_running_loop()
        reason = "the server failed"
        try:
            with self._feed.display.read() as frames:
                while True:
                    frame = await frames.next()
                    begun = time.monotonic()
                    if all(follower.due > begun for follower in self._followers):
                        continue
                    marks = marks_on(self._feed, frame, self._drawn)
                    jpeg = await loop.run_in_executor(self._pool, self._jpeg.encode, frame.picture, marks)
                    self._metrics.stage_seconds.labels("encode").observe(time.monotonic() - begun)
                    self._pictures.send(jpeg)
        except Closed as closed:
            reason = str(closed)
        except Exception:
            log.exception("the JPEG encoder of feed %s broke", self._feed.name)
        finally:
            self._pictures.close(reason)


class Stills:
    """All JPEGs of cameras."""

    def __init__(self, pool: ThreadPoolExecutor, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._videos: Shared[tuple[Feed, bool], JpegVideo] = Shared()
        self._asked: dict[tuple[Feed, int, bool], asyncio.Future[bytes]] = {}

    def video(self, feed: Feed, drawn: bool) -> AbstractAsyncContextManager[JpegVideo]:
        """The one JPEG encoder of this feed and look, for as long as the block runs."""
        return self._videos.use((feed, drawn), lambda: JpegVideo(feed, drawn, self._pool, self._metrics))

    async def still(self, feed: Feed, frame: Frame, drawn: bool) -> bytes:
        """One frame of a feed as a JPEG. Whoever asks for it while it is made for another gets the same."""
        key = (feed, frame.sequence, drawn)
        if key not in self._asked:
            marks = marks_on(feed, frame, drawn)
            work = asyncio.get_running_loop().run_in_executor(self._pool, JpegEncoder().encode, frame.picture, marks)
            self._asked[key] = work
            work.add_done_callback(lambda _: self._asked.pop(key))
        return await asyncio.shield(self._asked[key])
