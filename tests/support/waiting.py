"""Waiting for a condition, with a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar, overload

T = TypeVar("T")

POLL_S = 0.02
PATIENCE_S = 20.0
"""Generous: the machine may be busy, and a test that passes never waits so long."""


@overload
async def eventually(condition: Callable[[], Awaitable[T]], what: str = ..., within_s: float = ...) -> T: ...
@overload
async def eventually(condition: Callable[[], T], what: str = ..., within_s: float = ...) -> T: ...
async def eventually(
    condition: Callable[[], object], what: str = "the condition", within_s: float = PATIENCE_S
) -> object:
    """Wait until ``condition`` gives something true, and return that; fails the test after ``within_s``."""
    end = time.monotonic() + within_s
    while True:
        value = condition()
        value = await value if isawaitable(value) else value
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {within_s:g} s; the last value was {value!r}")
        await asyncio.sleep(POLL_S)
