"""A reader of server-sent events, as the HTML standard has it (section 9.2.6), over a plain HTTP client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Sent:
    """One event: its type, its data as JSON, and the id that stood when it came."""

    type: str
    data: dict[str, Any]
    id: str


class EventSource:
    """Reads one connection. ``last_id`` is what a browser would come back with."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.last_id = ""

    async def next(self) -> Sent:
        """The next event; raises EOFError when the server ends the stream."""
        kind, data = "message", ""
        while line := await self.response.content.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data += value
            elif line == b"\n" and data:
                return Sent(kind, json.loads(data), self.last_id)
        raise EOFError

    async def opened(self) -> str:
        """The place that the server gave before the first event."""
        while not self.last_id:
            line = await self.response.content.readline()
            assert line, "the stream ended"
            if line.startswith(b"id: "):
                self.last_id = line[4:].decode().strip()
        return self.last_id


@asynccontextmanager
async def event_source(url: str, last_id: str | None = None) -> AsyncIterator[EventSource]:
    """The stream of a server, from where ``last_id`` says."""
    headers = {"Last-Event-ID": last_id} if last_id is not None else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.get(f"{url}/api/v1/events/stream", headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield EventSource(response)
