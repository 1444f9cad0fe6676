"""Listeners of the live stream in a process of their own: ``python -m benchmarks.readers PORT COUNT``.

It says ``[]`` once all of them listen. Each line on standard input is answered with what came since the line before:
for each event its id, how many times it came, to how many listeners, and the monotonic time at which the last had it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

PARALLEL = 20
REQUEST = b"GET /api/v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
EVENT = re.compile(rb'^data: .*?"data":\{"id":"([^"]+)"', re.MULTILINE)
END = b"\n\n"


class Reader(asyncio.Protocol):
    """One listener. It keeps what comes as it is: what a listener costs must not slow the others down."""

    def __init__(self) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        self.listens = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self.chunks.append((time.monotonic(), data))
        if b"\nid: " in data:  # its place, which comes first
            self.listens.set()

    def take(self) -> dict[str, list[float]]:
        """When each event came; what is not whole yet stays."""
        found: dict[str, list[float]] = {}
        text, chunks = b"", self.chunks
        self.chunks = []
        for at, data in chunks:
            text += data
            whole, end, text = text.rpartition(END)
            for match in EVENT.finditer(whole + end):
                found.setdefault(match[1].decode(), []).append(at)
        if text:
            self.chunks.insert(0, (chunks[-1][0], text))
        return found


async def read(port: int, count: int) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(PARALLEL)

    async def listen() -> Reader:
        async with places:
            _, reader = await loop.create_connection(Reader, "127.0.0.1", port)
            await reader.listens.wait()
            return reader

    readers = await asyncio.gather(*(listen() for _ in range(count)))
    for reader in readers:
        reader.take()
    print("[]", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        came: dict[str, tuple[int, int, float]] = {}
        for reader in readers:
            for event_id, times in reader.take().items():
                total, listeners, last = came.get(event_id, (0, 0, 0.0))
                came[event_id] = (total + len(times), listeners + 1, max(last, times[-1]))
        print(json.dumps([[event_id, *values] for event_id, values in came.items()]), flush=True)


if __name__ == "__main__":
    asyncio.run(read(int(sys.argv[1]), int(sys.argv[2])))
