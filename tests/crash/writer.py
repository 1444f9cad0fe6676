"""Servers without cameras, to be killed: ``python -m tests.crash.writer FOLDER``.

For each line, ``URL CAMERAS``, a process begins that opens all that keeps and sends events, as the server does, and so
many made-up cameras that see guns all the time. It is a fork of this one, which has read all code by then: what is
killed early is killed at its work. On stdout stand ``begun PID``, ``open`` once all is open, ``ended STATUS``, and in
between ``told ID REVISION STATE``: that is a promise that this revision is kept.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from server import journal
from server.alerts import webhook
from server.core.events import Event, Verdict
from server.keeping import Keeping, keeping
from server.metrics import Metrics
from server.presence import presence
from server.store.database import Database

from ..support.events import confirmed, ended, suspected
from ..support.post_office import webhook_settings

PAUSE_S = 1.0
"""From one event of a camera to its next, at the most."""

CONFIRMED, JUDGED, REINSTATED = 0.8, 0.3, 0.3
"""Shares: of all events, of those that are confirmed, of those that are judged false."""

ALSO_READ = (webhook,)
"""Which the server reads when it first needs it."""


def say(*words: object) -> None:
    """One line, whole: two processes write to the same pipe."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Camera:
    """Tells events without an end: suspected, mostly confirmed, ended; now and then a person says that it was nothing,
    and sometimes that it was something after all."""

    def __init__(self, name: str, kept: Keeping) -> None:
        self._name = name
        self._kept = kept
        self._chance = random.Random()
        self._open: Event | None = None

    async def watch(self) -> None:
        """See guns until cancelled."""
        while True:
            await self._pause(PAUSE_S)
            event = suspected(time.time(), secrets.randbits(70), feed=self._name)
            await self._tell(event)
            await self._pause(0.2)
            if self._chance.random() < CONFIRMED:
                event = confirmed(event)
                await self._tell(event)
                await self._pause(0.2)
            if event.confirmed_at and self._chance.random() < JUDGED:
                after = self._chance.random() < 0.5
                if after:
                    await self._tell(ended(event))
                await self._judge(event.id, Verdict.FALSE)
                if self._chance.random() < REINSTATED:
                    await self._judge(event.id, Verdict.REAL)
                if after:
                    continue
            await self._tell(ended(event))

    def close(self) -> None:
        """The feed ends, and its event with it."""
        if self._open:
            self._kept.journal.put(ended(self._open), _promise)

    async def _tell(self, event: Event) -> None:
        """Tell a revision and wait until it is kept."""
        self._open = None if event.ended_at else event
        kept = asyncio.get_running_loop().create_future()

        def tell(known: Event) -> None:
            _promise(known)
            if not kept.done():
                kept.set_result(None)

        self._kept.journal.put(event, tell)
        await kept

    async def _judge(self, event_id: str, verdict: Verdict) -> None:
        await self._pause(0.2)
        if written := await self._kept.store.judge(event_id, verdict, "by the test", time.time()):
            _promise(written.event)

    async def _pause(self, most_s: float) -> None:
        await asyncio.sleep(self._chance.random() * most_s)


def _promise(event: Event) -> None:
    say("told", event.id, event.revision, event.state)


async def run(url: str, folder: Path, cameras: int) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        own = stack.enter_context(presence(folder))
        kept = await stack.enter_async_context(keeping(database, webhook_settings(), own, Metrics()))
        say("open")
        site = [Camera(f"camera-{number}", kept) for number in range(cameras)]
        tasks = [asyncio.create_task(camera.watch()) for camera in site]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for camera in site:
            camera.close()


def main() -> None:
    """One process for each line, one after the other."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    journal.PATIENCE_S = 3600.0  # so that what is told is kept, however slow this machine is
    for line in sys.stdin:
        if pid := os.fork():
            say("begun", pid)
            say("ended", os.waitpid(pid, 0)[1])
        else:
            url, cameras = line.split()
            asyncio.run(run(url, Path(sys.argv[1]), int(cameras)))
            return


if __name__ == "__main__":
    main()
