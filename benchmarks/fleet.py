"""A fleet of cameras by real RTSP: looks at each, their delay, what it costs; and Ultralytics with the same streams."""

from __future__ import annotations

import asyncio
import json
import math
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.config import BUNDLED_MODEL, DetectorSettings
from tests.support.rtsp import Mount, RtspServer, available, rtsp_server

from .fleet_clips import HEIGHT, NOISE, RATE, WIDTH, clips_in, urls_of
from .results import Options, Result, Row, Unavailable, below, median_of, percentile
from .serving import ServerProcess, running_server

AIM = 8
SETTLING_S = 6.0
LIVE_WITHIN_S = 30.0
P95_MS = 500.0


@dataclass(slots=True)
class Condition:
    """What the rounds of one load gave; a list with one entry a round, or with one a camera in each round."""

    cameras: int
    busy: int
    busy_looks: list[float] = field(default_factory=list)
    still_looks: list[float] = field(default_factory=list)
    median_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    rtsp_cores: list[float] = field(default_factory=list)
    skipped: list[dict[str, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the tables have it."""
        moving = f"{self.busy} busy" if self.busy else "nobody moving"
        return f"{self.cameras} camera{'s' * (self.cameras > 1)}, {moving}"


def run(options: Options) -> Result:
    """See docs/performance.md."""
    if not available():
        raise Unavailable("there is no RTSP server on this machine: see tests/rtsp-server.sh")
    return asyncio.run(_measure(options))


async def _measure(options: Options) -> Result:
    rounds, seconds = (1, 8.0) if options.quick else (3, 15.0)
    counts = (1, AIM) if options.quick else (1, 4, AIM)
    conditions = [Condition(count, busy) for count in counts for busy in sorted({0, max(1, count // 4)})]
    others: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clips = await asyncio.to_thread(clips_in, folder / "clips")
        mounts = {f"/{n}/{name}": Mount(path) for name, path in clips.items() for n in range(AIM)}
        rtsp = await stack.enter_async_context(rtsp_server(mounts))
        server = stack.enter_context(running_server())
        other = _other_side(options, rtsp, folder)
        stack.callback(_end, other)
        for number in range(rounds):
            for condition in conditions:
                await asyncio.to_thread(_round, server, rtsp, condition, seconds)
            print(f"   round {number + 1}: {conditions[-1].name}: p95 {conditions[-1].p95_ms[-1]:.0f} ms", flush=True)
            others.append(await asyncio.to_thread(_other_round, other, seconds))
            print(f"   Ultralytics: {others[-1]['looks'] / others[-1]['seconds']:.1f} looks/s", flush=True)
    rows = [row for condition in conditions for row in _rows(condition)]
    full = next(each for each in conditions if each.cameras == AIM and each.busy)
    target = below(f"{full.name}: 95th percentile, median of the rounds", statistics.median(full.p95_ms), P95_MS)
    delays = [1000 * delay for answer in others for delay in answer.pop("delays")]
    rates = [answer["looks"] / answer["seconds"] / AIM for answer in others]
    rows += [
        target,
        median_of(f"Ultralytics, the same {AIM}: looks at each camera", rates, "looks/s"),
        Row(f"Ultralytics, the same {AIM}: frame to boxes, median", percentile(delays, 50), "ms"),
        Row(f"Ultralytics, the same {AIM}: frame to boxes, 95th percentile", percentile(delays, 95), "ms"),
        median_of(f"Ultralytics, the same {AIM}: processor", [answer["cores"] for answer in others], "cores"),
    ]
    return Result(
        "fleet",
        rows,
        {
            "picture": f"{WIDTH}x{HEIGHT}",
            "frames_per_second": RATE,
            "noise": NOISE,
            "rounds": rounds,
            "round_s": seconds,
            "look_rate": DetectorSettings().look_rate,
        },
        {**{each.name: _data(each) for each in conditions}, "ultralytics": others},
    )


def _round(server: ServerProcess, rtsp: RtspServer, condition: Condition, seconds: float) -> None:
    """Add the cameras, watch them for so long, remove them."""
    clips = urls_of(condition.cameras, condition.busy)
    names = [f"camera-{number}" for number in range(condition.cameras)]
    for number, (name, clip) in enumerate(zip(names, clips, strict=True)):
        _ask(server, "POST", "", {"name": name, "url": rtsp.url(f"/{number}/{clip}")})
    end = time.monotonic() + LIVE_WITHIN_S
    while any(camera["state"] != "live" for camera in _cameras(server).values()):
        if time.monotonic() > end:
            raise Unavailable(f"not all cameras were live within {LIVE_WITHIN_S:g} s")
        time.sleep(0.1)
    time.sleep(SETTLING_S)
    players = ServerProcess(server.url, rtsp.pid)
    early = _look_times(server)
    before, begun, cpu, playing = _cameras(server), time.monotonic(), server.cpu_s(), players.cpu_s()
    time.sleep(seconds)
    after, took, late = _cameras(server), time.monotonic() - begun, _look_times(server)
    condition.cores.append((server.cpu_s() - cpu) / took)
    condition.rtsp_cores.append((players.cpu_s() - playing) / took)
    condition.resident_mb.append(server.resident_mb())
    for name, clip in zip(names, clips, strict=True):
        frames, earlier = after[name]["frames"], before[name]["frames"]
        looks = (frames["looked_at"] - earlier["looked_at"]) / took
        (condition.busy_looks if clip.startswith("busy") else condition.still_looks).append(looks)
        condition.frames.append((frames["seen"] - earlier["seen"]) / took)
    looked = {edge: late[edge] - early[edge] for edge in late}
    condition.median_ms.append(1000 * _share_within(looked, 0.5))
    condition.p95_ms.append(1000 * _share_within(looked, 0.95))
    causes = after[names[0]]["frames"]["skipped"]
    condition.skipped.append(
        {
            cause: sum(after[n]["frames"]["skipped"][cause] - before[n]["frames"]["skipped"][cause] for n in names)
            for cause in causes
        }
    )
    for name in names:
        _ask(server, "DELETE", f"/{name}")


def _look_times(server: ServerProcess) -> dict[float, float]:
    """How many looks so far, at whatever camera, took at most so many seconds from the frame to its boxes."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        found = re.findall(r'^vigie_look_seconds_bucket\{le="(\S+)"\} (\S+)$', answer.read().decode(), re.M)
    return {float(edge): float(count) for edge, count in found}


def _share_within(counts: dict[float, float], share: float) -> float:
    """The time (s) within which this share of the looks was done, evenly between the edges of the histogram."""
    wanted = share * counts[math.inf]
    edge_before = count_before = 0.0
    for edge, count in sorted(counts.items()):
        if count >= wanted:
            part = (wanted - count_before) / (count - count_before) if count > count_before else 0.0
            return edge_before + part * (edge - edge_before) if math.isfinite(edge) else math.inf
        edge_before, count_before = edge, count
    return math.nan


def _rows(condition: Condition) -> list[Row]:
    name = condition.name
    rows = [
        median_of(f"{name}: pictures a second of a camera", condition.frames, "/s"),
        *([median_of(f"{name}: looks at a busy one", condition.busy_looks, "looks/s")] if condition.busy_looks else []),
        *(
            [median_of(f"{name}: looks at a still one", condition.still_looks, "looks/s")]
            if condition.still_looks
            else []
        ),
        median_of(f"{name}: frame to boxes, median", condition.median_ms, "ms"),
        median_of(f"{name}: frame to boxes, 95th percentile", condition.p95_ms, "ms"),
        median_of(f"{name}: processor", condition.cores, "cores"),
        median_of(f"{name}: memory", condition.resident_mb, "MB"),
    ]
    return rows


def _data(condition: Condition) -> dict[str, Any]:
    return {
        "busy_looks_per_second": condition.busy_looks,
        "still_looks_per_second": condition.still_looks,
        "frames_per_second": condition.frames,
        "delay_median_ms": condition.median_ms,
        "delay_p95_ms": condition.p95_ms,
        "cores": condition.cores,
        "rtsp_server_cores": condition.rtsp_cores,
        "resident_mb": condition.resident_mb,
        "skipped": condition.skipped,
    }


def _other_side(options: Options, rtsp: RtspServer, folder: Path) -> subprocess.Popen[str]:
    """Ultralytics in a process of its own, asleep between its rounds, with the eight URLs of the fullest load."""
    python = options.ultralytics_python
    streams = folder / "list.streams"
    clips = urls_of(AIM, AIM // 4)
    streams.write_text("\n".join(rtsp.url(f"/{n}/{clip}") for n, clip in enumerate(clips)) + "\n", encoding="utf-8")
    settings = DetectorSettings()
    command: list[str | Path] = [python, Path(__file__).with_name("fleet_ultralytics.py"), options.pt or BUNDLED_MODEL]
    command += [streams, str(settings.weak_confidence), str(settings.nms_iou)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)


def _other_round(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):
        print(seconds, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise Unavailable("Ultralytics ended without an answer: see its message above")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def _cameras(server: ServerProcess) -> dict[str, dict[str, Any]]:
    return {camera["name"]: camera for camera in _ask(server, "GET", "")["cameras"]}


def _ask(server: ServerProcess, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server.url}/api/v1/cameras{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.loads(answer.read() or b"{}"))
