"""Work that is done once for all who want its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Runs(Protocol):
    """Something that works until it is cancelled or has nothing more to do."""

    async def run(self) -> None:
        """Work."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Runs)


@dataclass(slots=True)
class _Entry(Generic[V]):
    thing: V
    task: asyncio.Task[None]
    users: int = 0


class Shared(Generic[K, V]):
    """Starts a thing for the first who wants it and stops it after the last."""

    def __init__(self) -> None:
        self._entries: dict[K, _Entry[V]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def use(self, key: K, make: Callable[[], V]) -> AsyncIterator[V]:
        """The one thing of this key, for as long as the block runs."""
        entry = self._entries.get(key)
        if entry is None or entry.task.done():  # one that has ended would leave whoever comes now without a picture
            thing = make()
            entry = self._entries[key] = _Entry(thing, asyncio.create_task(thing.run(), name=f"shared {key}"))
        entry.users += 1
        try:
            yield entry.thing
        finally:
            entry.users -= 1
            if not entry.users:
                if self._entries.get(key) is entry:
                    del self._entries[key]
                entry.task.cancel()
                await asyncio.gather(entry.task, return_exceptions=True)
