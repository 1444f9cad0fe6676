"""Receivers of webhooks in a process of their own: ``python -m benchmarks.hooks LIVE DEAD``.

It prints the ports as JSON: so many that answer at once, and so many that take every connection and never answer. Each
line on standard input is answered with what came since the line before: port, id of the event, type, and the monotonic
time at which the request began to come in.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"

Arrival = tuple[int, bytes, float]


class Hook(asyncio.Protocol):
    """One connection. No framework: what a receiver costs must not count as Vigie's."""

    def __init__(self, arrivals: list[Arrival], answers: bool) -> None:
        self._arrivals = arrivals
        self._answers = answers
        self._data = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port = int(transport.get_extra_info("sockname")[1])

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        if not self._data:
            self._began = time.monotonic()
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or not length or len(body) < int(length[1]):
            return
        self._data = b""
        self._arrivals.append((self._port, body, self._began))
        if self._answers:
            self._transport.write(ANSWER)


async def serve(live: int, dead: int) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    arrivals: list[Arrival] = []
    servers = [
        await loop.create_server(lambda answers=answers: Hook(arrivals, answers), "127.0.0.1", 0)  # type: ignore[misc]
        for answers in [True] * live + [False] * dead
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        told, arrivals[:] = list(arrivals), []
        bodies = [(port, json.loads(body), at) for port, body, at in told]
        print(json.dumps([[port, body["data"]["id"], body["type"], at] for port, body, at in bodies]), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
