"""A server in a process of its own, as a user starts it, and what it costs by /proc."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .results import ROOT, Unavailable

TICKS = os.sysconf("SC_CLK_TCK")
STOP_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Counts:
    """Frames that arrived, frames looked at, pictures encoded."""

    seen: float
    looked_at: float
    encoded: float


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Processor seconds used so far, by all its threads."""
        fields = self._stat().split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def loop_cpu_s(self) -> float:
        """Processor seconds used so far by its first thread, which runs the event loop: packets go out there."""
        stat = Path(f"/proc/{self.pid}/task/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS

    def resident_mb(self) -> float:
        """Memory it holds now."""
        return int(self._stat().split()[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def counts(self) -> Counts:
        """What it has counted so far, by its own /metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text = answer.read().decode()

        def total(name: str) -> float:
            return sum(float(value) for value in re.findall(rf"^{name}.* (\S+)$", text, re.M))

        return Counts(
            total("vigie_frames_seen_total"),
            total("vigie_frames_looked_at_total"),
            total('vigie_stage_seconds_count\\{stage="encode"\\}'),
        )

    def _stat(self) -> str:
        # The name in brackets may hold spaces; what follows it begins with field 3 of proc(5).
        return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]


@contextmanager
def running_server(**environment: str) -> Iterator[ServerProcess]:
    """A server on a free port for as long as the block runs; ``environment`` holds VIGIE_* settings."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "server", "--port", "0", "--data-dir", data]
        variables = {**os.environ, "VIGIE_LOG_LEVEL": "WARNING", **environment}
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            found = re.search(r"http://\S+", process.stdout.readline())
            if not found:
                raise Unavailable("the server did not start: see its message above")
            yield ServerProcess(found[0], process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
