"""Work that goes on beside everything else, in a task that somebody owns."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Background:
    """Runs :meth:`work` in a task of its own for as long as the block runs, and awaits its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.work(), name=self._name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def work(self) -> None:
        """Without end."""
        raise NotImplementedError
