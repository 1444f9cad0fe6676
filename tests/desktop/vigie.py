"""A real Vigie in a process of its own, for what connects to one."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_S = 90.0


@dataclass(frozen=True, slots=True)
class Vigie:
    """Where it is, and the token of its first start."""

    url: str
    admin: str

    def token(self, **asked: Any) -> str:
        """A new token, made as an admin would: ``role`` or ``scopes``."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/tokens",
            json.dumps({"name": "desk", **asked}).encode(),
            {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"},
        )
        context = ssl._create_unverified_context()  # it made its certificate itself
        with urllib.request.urlopen(request, timeout=START_S, context=context) as answer:
            return str(json.load(answer)["token"])


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
            yield _started(process)
        finally:
            process.terminate()
            process.wait(START_S)
            assert process.stdout
            process.stdout.close()


def _started(process: subprocess.Popen[str]) -> Vigie:
    """What it prints once it listens: its address, and a link for the first admin."""
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"(https?://[^\s/]+)/#token=(\S+)", line):
            return Vigie(found[1], found[2])
    raise AssertionError("the server ended before it listened: see its log")
