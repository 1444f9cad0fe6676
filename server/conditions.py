"""How each camera stands, for channels that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .background import Background
from .cameras import Cameras
from .core.events import State
from .plugins import CameraCondition

LOOK_EVERY_S = 0.25


Show = Callable[[str, CameraCondition | None], None]
"""Told how a camera stands now; None: there is none of this name any more."""


class Conditions(Background):
    """Compares how the cameras stand with what was told last, and tells what is new."""

    def __init__(self, cameras: Cameras, show: Show) -> None:
        super().__init__("conditions")
        self._cameras = cameras
        self._show = show
        self._told: dict[str, CameraCondition] = {}

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
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
