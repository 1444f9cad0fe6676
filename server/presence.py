"""Which server this is, and which ones were here before."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

log = logging.getLogger(__name__)

MOST_GONE = 100
"""More than the last one: a process that is killed while it starts has not ended what the one before it left open."""


@dataclass(frozen=True, slots=True)
class Presence:
    """``id`` is that of this process; ``gone`` are those of the ones before, which are known to run no more."""

    id: str
    gone: tuple[str, ...]


@contextmanager
def presence(folder: Path) -> Iterator[Presence]:
    """Take the data folder for as long as the block runs. The kernel gives the lock back however the process ends.

    A second server in one folder is told of and runs, as one of which nothing is known from before. Raises OSError.
    """
    own = str(uuid4())
    path = folder / "server-id"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("another Vigie runs in the data folder %s; each should have its own", folder)
            yield Presence(own, ())
            return
        gone = tuple(file.read().split()[-MOST_GONE:])
        file.seek(0)
        file.write("".join(f"{name}\n" for name in (*gone, own)))
        file.truncate()
        file.flush()
        yield Presence(own, gone)
