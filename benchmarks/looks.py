"""Looks a second of the whole path, decoding to boxes: Vigie against Ultralytics' ``predict(stream=True)``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import av

from server.broadcast import Mailbox
from server.config import BUNDLED_MODEL, DetectorSettings
from server.core.detections import Detections
from server.core.frame import Frame
from server.feed import Feed
from server.looker import Timing
from server.playing import Playback
from server.plugins import SourceLost, Stop

from .detecting import BenchFeed, Opened, opened_detector
from .results import FIXTURES, Options, Result, Row, Unavailable, at_least, median_of

CLIP = FIXTURES / "gun-walk-720p.mp4"
PAUSE_S = 0.5
"""Between rounds: threads that spin for work of one side must not slow the other."""

UNLIMITED = 1e6
"""Looks a second that the feeds ask for: the pool is the bound."""


class TakenMailbox(Mailbox[Frame]):
    """Tells when its frame was taken, so that the next is decoded in time and none is decoded in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.room = threading.Semaphore()

    def take(self) -> Frame | None:
        """See :meth:`server.broadcast.Mailbox.take`."""
        frame = super().take()
        if frame is not None:
            self.room.release()
        return frame


class CountingFeed(BenchFeed):
    """Counts its looks, and those that saw something."""

    counting = False
    looks = seen = 0

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        """See :meth:`server.feed.Feed.looked`."""
        super().looked(frame, detections, timing)
        self.looks += self.counting
        self.seen += self.counting and bool(len(detections))


class VigieSide:
    """The real detector, and for each worker one feed that always has a new frame of the clip."""

    def __init__(self, opened: Opened) -> None:
        self._detector = opened.detector
        self._workers = opened.settings.workers

    async def round(self, seconds: float) -> tuple[int, int, float]:
        """Looks, those that saw something, and the seconds they took."""
        feeds = [self._feed(f"clip-{number}") for number in range(self._workers)]
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        threads = [threading.Thread(target=_decode, args=(feed, loop, stop)) for feed in feeds]
        for feed in feeds:
            self._detector.attach(feed)
        for thread in threads:
            thread.start()
        await asyncio.sleep(0.5)
        for feed in feeds:
            feed.counting = True
        begun = time.perf_counter()
        await asyncio.sleep(seconds)
        for feed in feeds:
            feed.counting = False
        took = time.perf_counter() - begun
        stop.set()
        for feed, thread in zip(feeds, threads, strict=True):
            self._detector.detach(feed.name)
            _room(feed).release()
            await asyncio.to_thread(thread.join)
        return sum(feed.looks for feed in feeds), sum(feed.seen for feed in feeds), took

    def _feed(self, name: str) -> CountingFeed:
        feed = CountingFeed(name, self._detector, UNLIMITED)
        feed.mailbox = TakenMailbox()
        return feed


class UltralyticsSide:
    """Ultralytics in a process of its own, asleep between its rounds."""

    def __init__(self, python: Path, model: Path, threads: str) -> None:
        settings = DetectorSettings()
        command: list[str | Path] = [python, Path(__file__).with_name("looks_ultralytics.py"), model, CLIP, threads]
        numbers = [str(settings.weak_confidence), str(settings.nms_iou), "640"]
        self._process = subprocess.Popen(
            [*command, *numbers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tempfile.gettempdir()
        )

    def round(self, seconds: float) -> dict[str, Any]:
        """Its answer to one round; see looks_ultralytics.py."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            print(seconds, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable("Ultralytics ended without an answer: see its message above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait(timeout=30)


def run(options: Options) -> Result:
    """See docs/performance.md."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Result:
    rounds, seconds = (2, 2.0) if options.quick else (7, 8.0)
    python = options.ultralytics_python
    rates: dict[str, list[float]] = {}
    seen: dict[str, list[float]] = {}
    sides: dict[str, Any] = {}
    others: dict[str, UltralyticsSide] = {}
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(opened_detector())
        for name, model, threads in _ultralytics_sides(options, opened.settings.workers):
            others[name] = UltralyticsSide(python, model, threads)
            stack.callback(others[name].close)
            sides[name] = await asyncio.to_thread(others[name].round, 1.0)
        everyone: list[tuple[str, VigieSide | UltralyticsSide]] = [("Vigie", VigieSide(opened)), *others.items()]
        for number in range(rounds):
            # Each side begins a round as often as the others.
            for name, side in everyone[number % len(everyone) :] + everyone[: number % len(everyone)]:
                await asyncio.sleep(PAUSE_S)
                if isinstance(side, VigieSide):
                    looks, with_boxes, took = await side.round(seconds)
                else:
                    answer = await asyncio.to_thread(side.round, seconds)
                    looks, with_boxes, took = answer["looks"], answer["seen"], answer["seconds"]
                rates.setdefault(name, []).append(looks / took)
                seen.setdefault(name, []).append(with_boxes / looks)
            print(f"   round {number + 1}: " + ", ".join(f"{name} {all_[-1]:.1f}" for name, all_ in rates.items()))
    for answer in sides.values():
        for key in ("looks", "seen", "seconds"):
            del answer[key]
    settings = opened.settings
    return Result(
        "looks",
        list(_rows(rates, options)),
        {
            "clip": CLIP.name,
            "rounds": rounds,
            "round_s": seconds,
            "vigie": {
                "backend": settings.backend,
                "workers": settings.workers,
                "feeds": settings.workers,
            },
            "confidence": settings.weak_confidence,
            "nms_iou": settings.nms_iou,
            "ultralytics": sides,
        },
        {"looks_per_second": rates, "share_of_pictures_with_boxes": seen},
    )


def _ultralytics_sides(options: Options, cores: int) -> Iterator[tuple[str, Path, str]]:
    if options.pt:
        if not options.pt.is_file():
            raise Unavailable(f"--pt: there is no file {options.pt.name}")
        yield ".pt", options.pt, "default"
        yield ".pt, all cores", options.pt, str(cores)
    else:
        print("   no --pt given: the comparison with PyTorch weights is left out")
    yield "ONNX", BUNDLED_MODEL, "default"


def _rows(rates: dict[str, list[float]], options: Options) -> Iterator[Row]:
    for name, values in rates.items():
        yield median_of(f"{name if name.startswith('Vigie') else f'Ultralytics {name}'}", values, "looks/s")
    for name, least in ((".pt", 2.0), (".pt, all cores", 2.0), ("ONNX", 1.2)):
        if name not in rates:
            yield Row(
                f"Vigie over Ultralytics {name}", None, target=f"at least {least:g}", note="no weights were given"
            )
            continue
        # Rounds next to each other saw the same machine: each ratio is taken within one.
        ratios = [a / b for a, b in zip(rates["Vigie"], rates[name], strict=True)]
        spread = median_of("", ratios, "x").spread
        yield at_least(f"Vigie over Ultralytics {name}", statistics.median(ratios), least, spread=spread)


def _decode(feed: Feed, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
    """Decode the clip over and over, one frame ahead of the detector. In the feed's own thread."""
    room, timestamp = _room(feed), 0
    while True:
        # Not as a file, which would play at its own speed; so its end looks like a camera's.
        with av.open(str(CLIP)) as container, contextlib.suppress(SourceLost):
            for frame in Playback(container, Stop()).frames():
                room.acquire()
                if stop.is_set():
                    return
                timestamp += 3000
                loop.call_soon_threadsafe(feed.publish, frame.picture, timestamp, time.monotonic())


def _room(feed: Feed) -> threading.Semaphore:
    assert isinstance(feed.mailbox, TakenMailbox)
    return feed.mailbox.room
