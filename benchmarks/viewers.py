"""What viewers of one camera cost the server: the first pays drawing and encoding, each other only its packets."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from .results import FIXTURES, ROOT, Options, Result, Row, below, median_of
from .serving import ServerProcess, running_server

CLIP = FIXTURES / "people-720p.mp4"
RATE = 15
VIEWERS = (0, 1, 5, 20)
MANY = VIEWERS[-1]
WAYS = {"whep": "WHEP player", "page": "page with data channel"}
NO_LOOKS = {"VIGIE_DETECTOR__LOOK_RATE": "0.01", "VIGIE_DETECTOR__SUSPICIOUS_RATE": "0.01"}
FRAMES = 90
CLIP_S = FRAMES / RATE
"""A window is as long as the clip or twice as long: the encoder works harder at some parts of it than at others."""

SETTLING_S = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """A window with so many viewers: cores that the server used, its event loop's part of them, and pictures that a
    viewer got for each of the camera's."""

    viewers: int
    cores: float
    loop: float
    share: float
    packets_per_second: float


class Watchers:
    """The process of the viewers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def be(self, count: int) -> dict[str, Any]:
        """So many viewers there are now; gives what each has got so far."""
        assert self._process.stdin
        assert self._process.stdout
        print(count, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the viewers broke: see their message above")
        return dict(json.loads(line))


def run(options: Options) -> Result:
    """See docs/performance.md."""
    rounds, window_s = (2, CLIP_S) if options.quick else (5, 2 * CLIP_S)
    rows: list[Row] = []
    data: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "camera.mp4"
        _make_clip(clip)
        cameras = json.dumps([{"name": "camera", "url": str(clip), "loop": True}])
        for way, name in WAYS.items():
            steps: list[Step] = []
            for _ in range(rounds):
                with running_server(VIGIE_CAMERAS=cameras, **NO_LOOKS) as server, _watchers(server, way) as watchers:
                    time.sleep(SETTLING_S)
                    steps += [_step(server, watchers, count, window_s) for count in VIEWERS]
            found = _rows(name, steps)
            print("\n".join(f"   {row.name}: {row.value:.3f} {row.unit}" for row in found if row.value is not None))
            rows += found
            data[way] = [[s.viewers, s.cores, s.loop, s.share, s.packets_per_second] for s in steps]
    settings = {"picture": "1280x720", "frames_per_second": RATE, "rounds": rounds, "window_s": window_s}
    return Result("viewers", rows, settings, data)


def _rows(name: str, steps: list[Step]) -> list[Row]:
    cores = {count: [step.cores for step in steps if step.viewers == count] for count in VIEWERS}
    first = [one - none for one, none in zip(cores[1], cores[0], strict=True)]
    others = [many - one for many, one in zip(cores[MANY], cores[1], strict=True)]
    loop = {count: [step.loop for step in steps if step.viewers == count] for count in (1, MANY)}
    by_loop = [many - one for many, one in zip(loop[MANY], loop[1], strict=True)]
    share = statistics.median(step.share for step in steps if step.viewers == MANY)
    return [
        *(median_of(f"{name}: {count} viewers", cores[count], "cores") for count in VIEWERS),
        median_of(f"{name}: the first adds", first, "cores"),
        median_of(f"{name}: the other {MANY - 1} add together", others, "cores"),
        median_of(f"{name}: of that, the event loop, which sends the packets", by_loop, "cores"),
        below(
            f"{name}: the other {MANY - 1} over the first",
            statistics.median(others) / statistics.median(first),
            1.0,
            "x",
            note=f"each of {MANY} got {share:.0%} of the pictures",
        ),
    ]


def _step(server: ServerProcess, watchers: Watchers, count: int, window_s: float) -> Step:
    watchers.be(count)
    time.sleep(SETTLING_S)
    before, seen = watchers.be(count), server.counts().seen
    used, by_loop, begun = server.cpu_s(), server.loop_cpu_s(), time.monotonic()
    time.sleep(window_s)
    seconds = time.monotonic() - begun
    cores, loop = (server.cpu_s() - used) / seconds, (server.loop_cpu_s() - by_loop) / seconds
    after, seen = watchers.be(count), server.counts().seen - seen
    got = [b - a for a, b in zip(before["pictures"], after["pictures"], strict=True)]
    packets = sum(after["packets"]) - sum(before["packets"])
    return Step(count, cores, loop, statistics.mean(got) / seen if got else 1.0, packets / seconds)


@contextmanager
def _watchers(server: ServerProcess, way: str) -> Iterator[Watchers]:
    command = [sys.executable, "-m", "benchmarks.watchers", server.url, "camera", "burned_in", way]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Watchers(process)
    finally:
        process.kill()
        process.wait()


def _make_clip(path: Path) -> None:
    """The clip at the usual rate of an IP camera."""
    with av.open(str(CLIP)) as clip, av.open(str(path), "w") as camera:
        out = camera.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        out.width, out.height, out.pix_fmt, out.time_base = 1280, 720, "yuv420p", Fraction(1, RATE)
        for number, frame in enumerate(islice(clip.decode(video=0), FRAMES)):
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            camera.mux(out.encode(frame))
        camera.mux(out.encode(None))
