"""Reads the settings again while the server runs: what can change does, the rest is named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .config import ConfigError, Settings
from .config.live import changed, with_live

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of it: the names of the settings that changed, and of those that wait for a restart."""

    changed: Sequence[str]
    restart: Sequence[str]


class Reloader:
    """Holds the settings in force. ``read`` reads them anew, in a thread; each of ``takers`` takes them over."""

    def __init__(self, settings: Settings, read: Callable[[], Settings]) -> None:
        self.settings = settings
        self._read = read
        self._takers: list[Callable[[Settings], None]] = []
        self._one = asyncio.Lock()

    def tell(self, *takers: Callable[[Settings], None]) -> None:
        """Let these know of what changes."""
        self._takers += takers

    async def pending(self) -> Reloaded:
        """What a reload would change, and what waits for a restart. Changes nothing. Raises ConfigError."""
        return Reloaded(*changed(self.settings, await asyncio.to_thread(self._read)))

    async def reload(self) -> Reloaded:
        """Read and take over. Raises ConfigError, and then nothing changed."""
        async with self._one:
            try:
                new = await asyncio.to_thread(self._read)
            except ConfigError as error:
                log.error("the settings are not reloaded, nothing changed: %s", error)
                raise
            live, restart = changed(self.settings, new)
            self.settings = with_live(self.settings, new)
            for taker in self._takers:
                taker(self.settings)
            log.info("the settings are reloaded; changed: %s", ", ".join(live) or "nothing")
            if restart:
                log.warning("a restart is needed for %s", ", ".join(restart))
            return Reloaded(live, restart)
