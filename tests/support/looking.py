"""A detector with a model that waits to be told, and feeds that remember what came of their looks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from server.broadcast import Mailbox
from server.core.detections import Detections
from server.core.frame import Frame, Picture
from server.detector import Detector
from server.looker import Timing
from server.metrics import Metrics
from server.plugins import ModelInfo

SIZE = 64


class FakeBackend:
    """A model that sees one gun in each picture. Once held, a look waits until it is let go. It remembers the
    brightness of each picture, by which a test knows which one it was."""

    def __init__(self, name: str = "fake", labels: tuple[str, ...] = ("gun",)) -> None:
        self.info = ModelInfo(name, labels, "fake", "none", size=SIZE)
        self.kind = 0
        """The number of the class it sees."""
        self.output: NDArray[np.float32] | None = None
        """What it gives in place of that."""
        self.prepared: list[tuple[int, int]] = []
        self.seconds = 0.0
        self.looks: list[int] = []
        self.at_once = self.most_at_once = 0
        self.fails: set[int] = set()
        self.closed = 0
        self._lock = threading.Lock()
        self._gate = threading.Semaphore(0)
        self._held = False

    def hold(self) -> None:
        """From now on each look waits for a :meth:`let`."""
        self._held = True

    def let(self, count: int = 1) -> None:
        """Let so many looks go on."""
        self._gate.release(count)

    def open(self) -> None:
        """Hold no look any more."""
        self._held = False
        self._gate.release(1000)

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        value = int(image[image.shape[0] // 2, image.shape[1] // 2, 0])
        with self._lock:
            self.looks.append(value)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self._held:
                assert self._gate.acquire(timeout=30)
            if self.seconds:
                time.sleep(self.seconds)
            if value in self.fails:
                raise RuntimeError("the model broke")
        finally:
            with self._lock:
                self.at_once -= 1
        if self.output is not None:
            return self.output
        scores = [[0.9 if kind == self.kind else 0.0] for kind in range(len(self.info.labels))]
        return np.array([[32], [24], [20], [10], *scores], np.float32)

    def prepare(self, height: int, width: int) -> None:
        self.prepared.append((height, width))

    def close(self) -> None:
        self.closed += 1


class FakeFeed:
    """A feed as the scheduler sees it, which remembers what came of its looks."""

    def __init__(self, name: str, detector: Detector, rate: float = 1000.0) -> None:
        self.name = name
        self.mailbox: Mailbox[Frame] = Mailbox()
        self.rate = rate
        self.seen: list[int] = []
        self.models: list[str] = []
        self.classes: list[int] = []
        self.delays: deque[float] = deque(maxlen=2000)
        self.breaks = False
        self._detector = detector
        self._published = 0

    def publish(self) -> None:
        now = time.monotonic()
        self.mailbox.put(Frame(Picture.grey(64, 48), self.name, self._published, 0, now, 0.0))
        self._published += 1
        self._detector.wake()

    def look_rate(self) -> float:
        return self.rate

    def looked_by(self, model: ModelInfo) -> None:
        self.models.append(model.name)

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        assert len(detections) == 1
        assert timing.total >= 0
        self.seen.append(frame.sequence)
        self.classes.append(int(detections.classes[0]))
        self.delays.append(time.monotonic() - frame.captured_at)
        if self.breaks:
            raise RuntimeError("the feed broke")


@asynccontextmanager
async def detecting(
    workers: int = 1, backend: FakeBackend | None = None
) -> AsyncIterator[tuple[Detector, FakeBackend]]:
    """A warm detector with a fake model, which is let go at the end."""
    backend = backend or FakeBackend()
    async with Detector(backend, workers, 0.25, 0.6, Metrics()) as detector:
        await asyncio.wait_for(detector.ready.wait(), 20)
        backend.looks.clear()
        try:
            yield detector, backend
        finally:
            backend.open()


def attach(detector: Detector, count: int) -> list[FakeFeed]:
    feeds = [FakeFeed(f"feed-{n}", detector) for n in range(count)]
    for feed in feeds:
        detector.attach(feed)
    return feeds


def begun(backend: FakeBackend, count: int) -> Callable[[], bool]:
    return lambda: len(backend.looks) >= count


def seen(feed: FakeFeed, *numbers: int) -> Callable[[], bool]:
    return lambda: feed.seen == list(numbers)


async def settled() -> None:
    """Let everything on the loop run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)
