"""What a benchmark gives back: options in, rows and raw data out, and the machine it ran on."""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
QUICK_RESULTS = ROOT / "data" / "benchmarks"
FIXTURES = ROOT / "tests" / "fixtures"

QUIET_CORES = 0.15
"""With more cores than this busy just before the start, something else was running and the figures are marked."""

PACKAGES = ("aiohttp", "aiortc", "av", "numpy", "onnxruntime", "opencv-python-headless", "openvino", "playwright")


class Unavailable(Exception):
    """A benchmark cannot run here; the message says what is missing."""


@dataclass(frozen=True)  # no slots: the command line reads the default off the class
class Options:
    """What the command line asked for. ``minutes``: length of the long runs; None is each benchmark's own default."""

    quick: bool = False
    minutes: float | None = None
    pt: Path | None = None
    ultralytics_python: Path = ROOT / ".venv-train" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure, its spread, and where the issue set one, its target."""

    name: str
    value: float | None
    unit: str = ""
    spread: tuple[float, float] | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(slots=True)
class Result:
    """All that one benchmark found. ``data`` holds every single measurement behind the rows."""

    name: str
    rows: list[Row]
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def run_one(name: str, options: Options) -> Result:
    """Run one benchmark in this process."""
    result = importlib.import_module(f"{__package__}.{name}").run(options)
    assert isinstance(result, Result)
    return result


def at_least(name: str, value: float, least: float, unit: str = "x", **more: Any) -> Row:
    """A row that meets its target from ``least`` up."""
    return Row(name, value, unit, target=f"at least {least:g}", met=value >= least, **more)


def below(name: str, value: float, most: float, unit: str = "ms", **more: Any) -> Row:
    """A row that meets its target up to ``most``."""
    return Row(name, value, unit, target=f"at most {most:g}", met=value <= most, **more)


def median_of(name: str, values: Sequence[float], unit: str, note: str = "") -> Row:
    """The median of rounds, with the least and the greatest of them as its spread."""
    return Row(name, statistics.median(values), unit, (min(values), max(values)), note=note)


def percentile(values: Sequence[float], share: float) -> float:
    """``share`` in percent; not a number when there are no values, which then stands in the table as it is."""
    return float(np.percentile(values, share)) if len(values) else float("nan")


def machine() -> dict[str, Any]:
    """The machine as far as it explains the figures."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def busy_cores(seconds: float = 2.0) -> float:
    """How many cores are busy while this process waits; what a hypervisor takes away counts as busy."""
    before = _busy_seconds()
    time.sleep(seconds)
    return (_busy_seconds() - before) / seconds


def _busy_seconds() -> float:
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def save(result: Result, folder: Path, *, options: Options, busy: float) -> Path:
    """Write a result as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    document = {
        "benchmark": result.name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "cores_busy_before": round(busy, 2),
        "machine": machine(),
        "settings": result.settings,
        "rows": [asdict(row) for row in result.rows],
        "data": result.data,
    }
    path.write_text(json.dumps(_rounded(document), indent=1) + "\n", encoding="utf-8")
    return path


def _rounded(value: Any) -> Any:
    """Six digits are more than any of this repeats to, and keep the files readable."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
