"""A camera that does as it is told, and a registry for it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server import probe as probe_module
from server import reader as reader_module
from server.addresses import AddressRule
from server.cameras import Cameras
from server.catalogue import Catalogue
from server.config import CameraSettings, FleetSettings
from server.core.frame import Picture
from server.core.policy import ConfirmationPolicy
from server.core.tracking import TrackerSettings
from server.detector import Detector
from server.feed import Rates, Witness
from server.journal import Journal
from server.metrics import Metrics
from server.plugins import SourceFrame, SourceLost, SourceRequest

from .journal import FakeJournal
from .looking import FakeBackend
from .waiting import eventually

TOKEN = "the-token-of-this-server"
CLIP = "/somewhere/clip.mp4"
"""The URL of the fake: of a kind that is asked for at no address."""


class FakeSource:
    """Every source of a test: gives pictures when told, in the thread of its reader. The timestamps and the brightness
    of a stream begin anew each time it is opened."""

    codec = "fake"

    def __init__(self) -> None:
        self.requests: list[SourceRequest] = []
        self.closed = 0
        self.open_error: Exception | None = None
        self.size = (64, 48)
        self.deaf = False
        """Hear no stop, as a look-up at a silent name server does not."""
        self.holding = False
        """Hang while opening, until :meth:`let` or a stop."""
        self.idle = threading.Event()
        """Set while it waits to be told, so that all it was told to show has been taken."""
        self._wake = threading.Condition()
        self._due = 0
        self._over = False
        self._error: Exception | None = None

    @property
    def opened(self) -> int:
        """How many times."""
        return len(self.requests)

    def show(self, count: int = 1) -> None:
        """Give so many more pictures."""
        with self._wake:
            self.idle.clear()
            self._due += count
            self._wake.notify_all()

    def end(self, error: Exception | None = None) -> None:
        """End, or break off."""
        with self._wake:
            self._over, self._error = True, error
            self._wake.notify_all()

    def let(self) -> None:
        """Open what hangs."""
        with self._wake:
            self.holding = False
            self._wake.notify_all()

    def frames(self) -> Iterator[SourceFrame]:
        request = self.requests[-1]
        shown = 0
        while True:
            with self._wake:
                if not self._due:
                    self.idle.set()
                self._wait(lambda: self._due or self._over, request)
                if request.stop.is_set() and not self.deaf:
                    return
                if not self._due:
                    if self._error:
                        raise self._error
                    return
                self._due -= 1
            shown += 1
            yield SourceFrame(Picture.grey(*self.size, shown), 3000 * shown)

    @contextmanager
    def open_source(self, request: SourceRequest) -> Iterator[FakeSource]:
        with self._wake:
            self.requests.append(request)
            self._over, self._error = False, None
        with request.stop.calling(self._hear):
            with self._wake:
                self._wait(lambda: not self.holding, request)
            if request.stop.is_set():
                raise SourceLost("it was stopped")
            if self.open_error:
                raise self.open_error
            try:
                yield self
            finally:
                self.closed += 1

    def _wait(self, condition: Any, request: SourceRequest) -> None:
        self._wake.wait_for(lambda: condition() or (request.stop.is_set() and not self.deaf), timeout=30)

    def _hear(self) -> None:
        with self._wake:
            self._wake.notify_all()


def install(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    """Let every camera and probe of the test open this source."""
    kind = SimpleNamespace(open_source=source.open_source)
    for module in (reader_module, probe_module):
        monkeypatch.setattr(module, "load", lambda family, name: kind)
    return source


@asynccontextmanager
async def registry(
    folder: Path,
    declared: Sequence[CameraSettings] = (),
    rule: AddressRule | None = None,
    journal: Journal | None = None,
    witnesses: Callable[[str, str], Sequence[Witness]] = lambda name, kind: (),
    **fleet: Any,
) -> AsyncIterator[Cameras]:
    """A registry with a fake model, which keeps its cameras in ``folder``."""
    metrics = Metrics()
    async with Detector(FakeBackend(), 1, 0.1, 0.6, metrics) as detector:
        await asyncio.wait_for(detector.ready.wait(), 20)
        async with Cameras(
            detector,
            journal or FakeJournal(),
            metrics,
            ConfirmationPolicy(span_s=0),
            TrackerSettings(),
            Rates(100, 100),
            Catalogue(folder, declared),
            FleetSettings(**{"schemes": ("file", "rtsp", "http", "whip"), **fleet}),
            rule or AddressRule(loopback=True),
            TOKEN,
            witnesses,
        ) as cameras:
            cameras.open_all(())
            yield cameras


def camera(name: str = "door", url: str = CLIP, **settings: Any) -> CameraSettings:
    """A camera that asks for every picture to be looked at."""
    return CameraSettings(**{"name": name, "url": url, "motion_gate": False, **settings})


def source_threads() -> list[str]:
    """The threads that read a source now."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("source ")]


async def no_source_threads() -> None:
    """A thread says that it is done in its last line: give it the moment to return."""
    await eventually(lambda: not source_threads(), "the end of the threads", within_s=2)


def kept(folder: Path) -> list[str]:
    """The names that the next start would open."""
    return [settings.name for settings, _ in Catalogue(folder, ()).cameras()]


@contextmanager
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until the event is set."""
    writes = threading.Event()
    real = os.fsync

    def slowly(descriptor: int) -> None:
        writes.wait(20)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slowly)
    yield writes
    writes.set()
