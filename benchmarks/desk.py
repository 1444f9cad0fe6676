"""A server of the live stream without cameras, in a process of its own: ``python -m benchmarks.desk URL FOLDER``.

It prints its address. Each line on standard input, ``COUNT PAUSE_S``, makes so many events known, so long apart, and is
answered with the monotonic time at which each was handed over, by its id.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from server.core.events import Event
from server.edge.event_stream import EventStream
from server.edge.http import make_app
from server.edge.sessions import SessionPlaces
from server.memory import limit_arenas
from server.metrics import Metrics
from tests.support.access import local_guard
from tests.support.events import confirmed

from .kept import kept_in, sighting

LISTENERS = 1000


async def serve(url: str, folder: Path) -> None:
    """Until standard input ends."""
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(kept_in(url, folder))
        stream = EventStream(kept.changes, SessionPlaces(LISTENERS, Metrics()))
        runner = web.AppRunner(make_app(stream.routes(), (), local_guard()), access_log=None, shutdown_timeout=1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        stack.callback(kept.changes.live.close, "the server stops")
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=LISTENERS).start()
        print(json.dumps(runner.addresses[0][1]), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            count, pause_s = line.split()
            begun: dict[str, float] = {}
            for number in range(int(count)):
                event = confirmed(sighting(number))
                begun[event.id] = time.monotonic()
                kept.journal.put(event, _nobody)
                await asyncio.sleep(float(pause_s))
            print(json.dumps(begun), flush=True)


def _nobody(_: Event) -> None:
    """Who listens to the stream hears of it."""


if __name__ == "__main__":
    limit_arenas()
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
