"""What one stream costs the server: processor time in each mode, the model's share of it, and memory over minutes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from .results import ROOT, Options, Result, Row, below, median_of
from .serving import ServerProcess, running_server

MODES = {"burned_in": "burned in", "overlay": "overlay", "websocket": "WebSocket, burned in"}
NO_LOOKS = {"VIGIE_DETECTOR__LOOK_RATE": "0.01", "VIGIE_DETECTOR__SUSPICIOUS_RATE": "0.01"}
"""One look at the start and then none: what is left is the cost of the video alone."""

SETTLING_S = 6.0
"""The visitor decodes its clip and connects, and bit rates settle."""

GROWTH = 1.05
"""Memory counts as flat when the last tenth of the run is within 5 % of the second tenth."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a visit cost: cores used in each window, looks a second, and what the visitor counted."""

    cores: list[float]
    looks_per_second: float
    resident_mb: list[float]
    visitor: dict[str, Any]


def run(options: Options) -> Result:
    """See docs/performance.md."""
    windows, window_s = (3, 2.0) if options.quick else (6, 5.0)
    minutes = options.minutes or (0.3 if options.quick else 2.0)
    rows: list[Row] = []
    data: dict[str, Any] = {}
    with running_server() as server:
        time.sleep(3)
        idle = _windows(server, windows, window_s)[0]
        rows.append(median_of("no visitor", idle, "cores"))
        data["no visitor"] = idle
    for mode, name in MODES.items():
        with running_server() as server:
            usual = _visit(server, mode, windows, window_s)
        with running_server(**NO_LOOKS) as server:
            video = _visit(server, mode, windows, window_s)
        rows += _rows(name, usual, video)
        data[mode] = {"with looks": _data(usual), "without looks": _data(video)}
        print(f"   {name}: {rows[-3].value:.2f} cores, without looks {rows[-2].value:.2f}")
    rows += _memory(minutes, data)
    settings = {"picture": "640x480", "frames_per_second": 30, "windows": windows, "window_s": window_s}
    return Result("streams", rows, {**settings, "minutes": minutes}, data)


def _rows(name: str, usual: Cost, video: Cost) -> list[Row]:
    total = median_of(f"{name}: one visitor", usual.cores, "cores", f"{usual.looks_per_second:.1f} looks/s")
    without = median_of(f"{name}: the same without looks", video.cores, "cores")
    assert total.value is not None
    assert without.value is not None
    share = 100 * (1 - without.value / total.value)
    return [total, without, Row(f"{name}: share of looking", share, "%")]


def _memory(minutes: float, data: dict[str, Any]) -> list[Row]:
    """One burned-in visitor for so long."""
    window_s = minutes * 60 / 20
    with running_server() as server:
        cost = _visit(server, "burned_in", 20, window_s)
    data["memory"] = _data(cost)
    resident = cost.resident_mb
    # The first tenth is left out: buffers and the encoder's own memory fill up in it.
    early, late = sum(resident[2:4]) / 2, sum(resident[-2:]) / 2
    return [
        Row("memory with one burned-in visitor, early", early, "MB"),
        Row(f"memory with one burned-in visitor, after {minutes:g} min", late, "MB"),
        below("memory, end over early", late / early, GROWTH, "x"),
    ]


def _visit(server: ServerProcess, mode: str, windows: int, window_s: float) -> Cost:
    seconds = 2 * SETTLING_S + windows * window_s
    command = [sys.executable, "-m", "benchmarks.visitor", server.url, mode, str(seconds)]
    visitor = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(SETTLING_S)
        looks, begun = server.counts().looked_at, time.monotonic()
        cores, resident = _windows(server, windows, window_s)
        rate = (server.counts().looked_at - looks) / (time.monotonic() - begun)
        told, _ = visitor.communicate(timeout=seconds + 60)
    finally:
        visitor.kill()
        visitor.wait()
    if visitor.returncode:
        raise RuntimeError(f"the visitor in mode {mode} broke: see its message above")
    return Cost(cores, rate, resident, json.loads(told))


def _windows(server: ServerProcess, windows: int, window_s: float) -> tuple[list[float], list[float]]:
    """Cores used in each window, and memory in MB at the end of each."""
    cores, resident = [], []
    for _ in range(windows):
        used, begun = server.cpu_s(), time.monotonic()
        time.sleep(window_s)
        cores.append((server.cpu_s() - used) / (time.monotonic() - begun))
        resident.append(server.resident_mb())
    return cores, resident


def _data(cost: Cost) -> dict[str, Any]:
    return {
        "cores": cost.cores,
        "looks_per_second": cost.looks_per_second,
        "resident_mb": cost.resident_mb,
        "visitor": cost.visitor,
    }
