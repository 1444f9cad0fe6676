"""A real Vigie in a process of its own, for what connects to one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_S = 90.0


@dataclass(frozen=True, slots=True)
class Vigie:
    """Where it is, and its settings file, by which its command line makes tokens."""

    url: str
    config: Path

    def token(self, *options: str) -> str:
        """A new token, made as somebody at its machine would."""
        command = [sys.executable, "-m", "server", "token", "add", "desk", "--config", str(self.config), *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=START_S)
        found = re.search(r"vigie_\S+", done.stdout)
        assert found, done.stdout
        return found[0]


@contextmanager
def vigie_at_work(folder: Path, **settings: Any) -> Iterator[Vigie]:
    """A server on a free port for as long as the block runs; its files are in ``folder``."""
    config = folder / "vigie.yaml"
    given = {"port": 0, "data_dir": str(folder / "data"), "access": {"local": False}, **settings}
    config.write_text(json.dumps(given), "utf-8")  # JSON is YAML
    command = [sys.executable, "-m", "server", "--config", str(config)]
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield Vigie(_url_of(process), config)
        finally:
            process.terminate()
            process.wait(START_S)
            assert process.stdout
            process.stdout.close()


def _url_of(process: subprocess.Popen[str]) -> str:
    """What it prints once it listens; the model may still be opened then."""
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"https?://[^\s/]+", line):
            return found[0]
    raise AssertionError("the server ended before it listened: see its log")
