"""The detector as the server opens it, for the benchmarks that need no server around it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.config import DetectorSettings
from server.core.analyzer import Analyzer
from server.detector import Detector
from server.feed import Feed, Rates
from server.metrics import Metrics
from server.plugins import load
from tests.support.journal import FakeJournal


@dataclass(frozen=True, slots=True)
class Opened:
    """A detector, warm, with the settings it runs with."""

    detector: Detector
    settings: DetectorSettings


@asynccontextmanager
async def opened_detector() -> AsyncIterator[Opened]:
    """A detector with default settings for as long as the block runs."""
    settings = DetectorSettings()
    with tempfile.TemporaryDirectory() as cache:
        backend = load("inference", settings.backend).open_model(
            settings.model,
            workers=settings.workers,
            cache_dir=Path(cache),
            device=settings.device,
            precision=settings.precision,
        )
        async with Detector(
            backend, settings.workers, settings.weak_confidence, settings.nms_iou, Metrics()
        ) as detector:
            await detector.ready.wait()
            yield Opened(detector, settings)


class BenchFeed(Feed):
    """A feed as the server has it, that asks for ``rate`` looks a second."""

    def __init__(self, name: str, detector: Detector, rate: float) -> None:
        analyzer = Analyzer(name, detector.model.labels, lambda _: name)
        super().__init__(name, "camera", analyzer, detector, FakeJournal(), Metrics(), Rates(rate, rate))
