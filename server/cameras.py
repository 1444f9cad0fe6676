"""The one registry of feeds: everyone else asks it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from .config import CameraSettings
from .core.analyzer import Analyzer
from .core.identifiers import uuid7
from .core.policy import ConfirmationPolicy
from .core.tracking import TrackerSettings
from .detector import Detector
from .feed import Feed, FeedState, Rates
from .metrics import Metrics
from .reader import SourceReader
from .store import EventStore

log = logging.getLogger(__name__)


class Cameras:
    """Owns all feeds: cameras, which a thread reads, and sessions, into which the edge publishes."""

    def __init__(
        self,
        detector: Detector,
        store: EventStore,
        metrics: Metrics,
        policy: ConfirmationPolicy,
        tracker: TrackerSettings,
        rates: Rates,
    ) -> None:
        self.detector = detector
        self.store = store
        self.metrics = metrics
        self._rates = rates
        self._policy = policy
        self._tracker = tracker
        self._feeds: dict[str, Feed] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._urls: dict[str, str] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._sessions = 0

    async def __aenter__(self) -> Self:
        self._ticker = asyncio.create_task(self._tick(), name="ticker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        await asyncio.gather(*(self.remove(name) for name in list(self._readers)))

    def get(self, name: str) -> Feed | None:
        """The camera of this name."""
        feed = self._feeds.get(name)
        return feed if feed and name in self._readers else None

    def cameras(self) -> list[Feed]:
        """All cameras, in the order they were added; browser sessions are not among them."""
        return [feed for name, feed in self._feeds.items() if name in self._readers]

    def url(self, name: str) -> str:
        """A camera's URL as it may be shown."""
        return self._urls[name]

    def add(self, camera: CameraSettings) -> Feed:
        """Open a camera; its state tells how that went. Raises ValueError when the name is taken."""
        feed = self._enter(camera.name, "camera")
        self._urls[camera.name] = redacted(camera.url)
        self._readers[camera.name] = asyncio.create_task(self._read(feed, camera), name=f"camera {camera.name}")
        return feed

    async def remove(self, name: str) -> None:
        """Close a camera and wait for its thread to end."""
        reader = self._readers.pop(name)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        del self._urls[name]
        self._leave(self._feeds[name], "the camera was removed")

    @asynccontextmanager
    async def session(self, kind: str) -> AsyncIterator[Feed]:
        """A feed for one browser session, for as long as the block runs."""
        self._sessions += 1
        while (name := f"{kind}-{self._sessions:04x}") in self._feeds:  # a camera may be called so
            self._sessions += 1
        feed = self._enter(name, kind)
        try:
            yield feed
        finally:
            self._leave(feed, "the session ended")

    def _enter(self, name: str, kind: str) -> Feed:
        if name in self._feeds:
            raise ValueError(f"There is already a feed named {name}.")
        analyzer = Analyzer(
            name, self.detector.model.labels, lambda unix: uuid7(unix, os.urandom(10)), self._policy, self._tracker
        )
        feed = self._feeds[name] = Feed(name, kind, analyzer, self.detector, self.store, self.metrics, self._rates)
        self.detector.attach(feed)
        self.metrics.feeds.labels(kind).inc()
        return feed

    def _leave(self, feed: Feed, reason: str) -> None:
        self.detector.detach(feed.name)
        feed.close(reason)
        del self._feeds[feed.name]
        self.metrics.feeds.labels(feed.kind).dec()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            for feed in list(self._feeds.values()):
                feed.tick()

    async def _read(self, feed: Feed, camera: CameraSettings) -> None:
        """Follow one camera until it ends, fails or is removed; who removes it tells its readers."""
        feed.reason = await SourceReader(feed, camera).run()
        feed.state = FeedState.FAILED if feed.reason else FeedState.ENDED
        if feed.reason:
            log.warning("camera %s failed: %s", feed.name, feed.reason)
        else:
            log.info("camera %s ended", feed.name)
        feed.display.close(f"the camera {feed.state}")
        feed.tick()


def redacted(url: str) -> str:
    """A URL as it may be shown: without user, password or query, which may all hold a secret.

    All up to the last ``@`` goes, for a password may hold any sign: rather a host too few than a secret too many.
    """
    return re.sub(r"\?.*$", "?...", re.sub(r"(?<=://).*@", "", url, flags=re.DOTALL), flags=re.DOTALL)
