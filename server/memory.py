"""Memory that was freed goes back to the system: a server that runs for months must not grow by being used."""

from __future__ import annotations

import ctypes
import os
from functools import cache

M_ARENA_MAX = -8
MOST_ARENAS = 2
"""glibc gives threads arenas of their own, eight for each core, and each keeps what its fullest moment took. Cameras
come and go with a thread each, so in time all would be full of holes."""


def limit_arenas() -> None:
    """Let threads share a few arenas, unless the environment says otherwise. Does nothing without glibc."""
    libc = _glibc()
    if libc and "MALLOC_ARENA_MAX" not in os.environ:
        libc.mallopt(M_ARENA_MAX, MOST_ARENAS)


def give_back() -> None:
    """Give pages that hold nothing any more back to the system; takes some milliseconds. Does nothing without glibc."""
    if libc := _glibc():
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
