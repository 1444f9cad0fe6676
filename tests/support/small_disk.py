"""A disk that is full soon: a file system in memory with a bound. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def why_not(folder: Path) -> str | None:
    """What is missing for a :func:`small_disk`, or None."""
    if os.geteuid():
        return "only root may mount a file system"
    try:
        with small_disk(folder / "try", 1):
            return None
    except (OSError, subprocess.CalledProcessError):
        return "file systems cannot be mounted on this machine"


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    """A folder on a disk of that size, for as long as the block runs."""
    path.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)], check=True, capture_output=True
    )
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True, capture_output=True)
