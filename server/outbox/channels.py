"""The channels in use: each opened when it is first needed, and closed by the task that opened it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..plugins import Channel, OpenChannel, PluginError

log = logging.getLogger(__name__)

OPEN_S = 10.0
CLOSE_S = 5.0

Open = Callable[[str], OpenChannel]


class ChannelLost(Exception):
    """A channel cannot be opened; the message says why."""


class Channels:
    """One channel of each kind. ``open_channel`` makes one that is to be entered; it may raise :class:`PluginError`."""

    def __init__(self, open_channel: Open) -> None:
        self._open = open_channel
        self._closing = asyncio.Event()
        self._channels: dict[str, asyncio.Future[Channel]] = {}
        self._hosts: dict[str, asyncio.Task[None]] = {}

    async def get(self, kind: str) -> Channel:
        """The channel of a kind; raises :class:`ChannelLost`, and tries again at the next call."""
        if kind not in self._channels:
            opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
            self._channels[kind] = opened
            self._hosts[kind] = asyncio.create_task(self._host(kind, opened), name=f"channel {kind}")
        return await asyncio.shield(self._channels[kind])

    async def close(self) -> None:
        """Close all of them. A second time does nothing."""
        self._closing.set()
        if self._hosts:
            _, late = await asyncio.wait(self._hosts.values(), timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._hosts.values(), return_exceptions=True)
        self._hosts.clear()

    async def _host(self, kind: str, opened: asyncio.Future[Channel]) -> None:
        """Enter and leave a channel in one task, as what it may hold (a task group, say) requires."""
        try:
            async with asyncio.timeout(OPEN_S) as limit, self._open(kind) as channel:
                limit.reschedule(None)
                opened.set_result(channel)
                await self._closing.wait()
        except Exception as error:
            words = f"the channel {kind} cannot be used: {_words(error)}"
            if opened.done():
                log.exception("the channel %s broke", kind)
            else:
                opened.set_exception(ChannelLost(words))
                opened.exception()  # who asked knows; nobody else need
        finally:
            opened.cancel()
            self._channels.pop(kind, None)


def _words(error: Exception) -> str:
    if isinstance(error, PluginError):
        return str(error).rstrip(".")
    if isinstance(error, TimeoutError):
        return f"it did not open within {OPEN_S:g} s"
    log.error("a channel cannot be opened", exc_info=error)
    return type(error).__name__
