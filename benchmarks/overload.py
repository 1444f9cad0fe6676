"""Delay, memory and fairness when frames come four times faster than the pool can look at them."""

from __future__ import annotations

import asyncio
import heapq
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av

from server.config import DetectorSettings
from server.core.detections import Detections
from server.core.frame import Frame, Picture
from server.detector import Detector
from server.looker import Timing
from server.video import picture_of

from .detecting import BenchFeed, opened_detector
from .results import FIXTURES, Options, Result, Row, Unavailable, below, percentile

CLIP = FIXTURES / "gun-walk-720p.mp4"
FEEDS = (1, 4, 8)
IDLE_RATE = 5.0
OVERLOAD = 4
PICTURES = 32
SETTLING_S = 1.0
GROWTH = 1.05
"""Memory counts as flat when the end of the last round is within 5 % of the end of the first."""


class TimedFeed(BenchFeed):
    """Keeps all its delays, frame received to boxes ready, in s."""

    keep = False

    def __init__(self, name: str, detector: Detector, rate: float) -> None:
        super().__init__(name, detector, rate)
        self.delays: list[float] = []

    def looked(self, frame: Frame, detections: Detections, timing: Timing) -> None:
        """See :meth:`server.feed.Feed.looked`."""
        super().looked(frame, detections, timing)
        if self.keep:
            self.delays.append(time.monotonic() - frame.captured_at)


@dataclass(slots=True)
class Condition:
    """What several rounds of one load gave: delays in s, looks of each feed a round, frames pushed a second."""

    delays: list[float] = field(default_factory=list)
    looks: list[list[int]] = field(default_factory=list)
    pushed: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)


def run(options: Options) -> Result:
    """See docs/performance.md."""
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Result:
    rounds, seconds = (1, 4.0) if options.quick else (4, 15.0)
    pictures = _pictures()
    idle = Condition()
    loaded = {count: Condition() for count in FEEDS}
    async with opened_detector() as opened:
        detector = opened.detector
        capacity = await _capacity(detector, pictures, 2.0 if options.quick else 5.0)
        print(f"   the pool manages {capacity:.1f} looks a second")
        for number in range(rounds):
            await _round(detector, pictures, 1, IDLE_RATE, seconds, idle)
            for count, condition in loaded.items():
                await _round(detector, pictures, count, OVERLOAD * capacity / count, seconds, condition)
            print(f"   round {number + 1}: " + ", ".join(f"{n}: {_ms(c, 50):.0f} ms" for n, c in loaded.items()))
    return Result(
        "overload",
        _rows(idle, loaded),
        {
            "clip": CLIP.name,
            "rounds": rounds,
            "round_s": seconds,
            "idle_frames_per_second": IDLE_RATE,
            "overload": OVERLOAD,
            "pool_looks_per_second": capacity,
        },
        {
            str(name): {
                "frames_per_second": condition.pushed,
                "looks_of_each_feed": condition.looks,
                "delay_ms": {str(share): _ms(condition, share) for share in (5, 25, 50, 75, 95, 99)},
                "resident_mb": condition.resident_mb,
            }
            for name, condition in [("idle", idle), *loaded.items()]
        },
    )


def _rows(idle: Condition, loaded: dict[int, Condition]) -> list[Row]:
    rows = [
        Row("idle: frame to boxes, median", _ms(idle, 50), "ms", note=f"one feed at {IDLE_RATE:g} frames/s"),
        Row("idle: frame to boxes, 95th percentile", _ms(idle, 95), "ms"),
    ]
    for count, condition in loaded.items():
        name = f"{count} feed{'s' * (count > 1)} at {OVERLOAD}x"
        rows.append(Row(f"{name}: median", _ms(condition, 50), "ms"))
        rows.append(Row(f"{name}: 95th percentile", _ms(condition, 95), "ms"))
        rows.append(below(f"{name}: median over idle", _ms(condition, 50) / _ms(idle, 50), 2, "x"))
        rows.append(below(f"{name}: 95th percentile over idle", _ms(condition, 95) / _ms(idle, 95), 2, "x"))
        if count > 1:
            shares = [count * looks / sum(each) for each in condition.looks for looks in each]
            spread = min(shares), max(shares)
            rows.append(Row(f"{name}: looks of one feed over its fair share", percentile(shares, 50), "x", spread))
    last = loaded[FEEDS[-1]].resident_mb
    rows.append(Row("memory after the first round of 8 feeds", last[0], "MB"))
    rows.append(Row("memory after the last round of 8 feeds", last[-1], "MB"))
    if len(last) > 1:
        rows.append(below("memory, last round over first", last[-1] / last[0], GROWTH, "x"))
    return rows


async def _capacity(detector: Detector, pictures: Sequence[Picture], seconds: float) -> float:
    """Looks a second of the pool when every feed always has a new frame."""
    condition = Condition()
    await _round(detector, pictures, 2 * DetectorSettings().workers, 200.0, seconds, condition)
    if not condition.delays:
        raise Unavailable(f"not one look was done within {seconds:g} s: something else has the machine to itself")
    return sum(condition.looks[0]) / seconds


async def _round(
    detector: Detector, pictures: Sequence[Picture], count: int, rate: float, seconds: float, into: Condition
) -> None:
    """Push frames into ``count`` feeds at ``rate`` each. They ask for as many looks, so that the pool is the bound."""
    feeds = [TimedFeed(f"feed-{number}", detector, rate) for number in range(count)]
    stop = threading.Event()
    loop = asyncio.get_running_loop()
    pusher = threading.Thread(target=_push, args=(feeds, pictures, rate, loop, stop))
    for feed in feeds:
        detector.attach(feed)
    pusher.start()
    await asyncio.sleep(SETTLING_S)
    before = [feed.stats().frames_seen for feed in feeds]
    for feed in feeds:
        feed.keep = True
    await asyncio.sleep(seconds)
    for feed in feeds:
        feed.keep = False
    pushed = sum(feed.stats().frames_seen - seen for feed, seen in zip(feeds, before, strict=True))
    into.resident_mb.append(_resident_mb())
    stop.set()
    await asyncio.to_thread(pusher.join)
    for feed in feeds:
        detector.detach(feed.name)
        feed.close("the round ended")
    into.delays += [delay for feed in feeds for delay in feed.delays]
    into.looks.append([len(feed.delays) for feed in feeds])
    into.pushed.append(pushed / seconds)
    await asyncio.sleep(SETTLING_S / 2)


def _push(
    feeds: Sequence[TimedFeed],
    pictures: Sequence[Picture],
    rate: float,
    loop: asyncio.AbstractEventLoop,
    stop: threading.Event,
) -> None:
    """Frames at their times, spread evenly. A thread, as sources have one: the loop's own lateness counts."""
    begun = time.monotonic()
    due = [(begun + number / rate / len(feeds), number, 0) for number in range(len(feeds))]
    while not stop.is_set():
        at, number, sequence = due[0]
        if (wait := at - time.monotonic()) > 0 and stop.wait(wait):
            return
        picture = pictures[(sequence + 5 * number) % len(pictures)]
        loop.call_soon_threadsafe(feeds[number].publish, picture, round(sequence * 90_000 / rate), time.monotonic())
        heapq.heapreplace(due, (max(at + 1 / rate, time.monotonic() - 1), number, sequence + 1))


def _pictures() -> list[Picture]:
    """Pictures spread over the clip, decoded beforehand: decoding is measured in looks.py."""
    with av.open(str(CLIP)) as container:
        frames = list(container.decode(video=0))
    return [picture_of(frame).copy() for frame in frames[:: max(1, len(frames) // PICTURES)]]


def _ms(condition: Condition, share: float) -> float:
    return percentile(condition.delays, share) * 1000


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
