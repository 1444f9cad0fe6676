"""How each camera stands, for channels that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .cameras import Cameras
from .core.events import State
from .plugins import CameraCondition

LOOK_EVERY_S = 0.25


Show = Callable[[str, CameraCondition | None], None]
"""Told how a camera stands now; None: there is none of this name any more."""


class Conditions:
    """Compares how the cameras stand with what was told last, and tells what is new."""

    def __init__(self, cameras: Cameras, show: Show) -> None:
        self._cameras = cameras
        self._show = show
        self._told: dict[str, CameraCondition] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="conditions")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Tell what is new."""
        now: dict[str, CameraCondition] = {}
        for feed in self._cameras.cameras():
            event = feed.gravest
            suspicion = State(event.state).value if event else None
            now[feed.name] = CameraCondition(feed.name, feed.state.value, suspicion, event.id if event else None)
        for name, condition in now.items():
            if self._told.get(name) != condition:
                self._show(name, condition)
        for name in self._told.keys() - now.keys():
            self._show(name, None)
        self._told = now
