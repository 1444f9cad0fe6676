"""Servers that are killed and started again, and what they promised until then."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """A promise: this revision of an event is kept."""

    event_id: str
    revision: int
    state: str


class Life:
    """One process from its beginning to its end. ``pid`` and ``status`` (as wait(2) has it) are known in their time."""

    def __init__(self) -> None:
        self.begun, self.opened, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.pid: int | None = None
        self.status: int | None = None

    def send(self, signal_number: int) -> None:
        """Send a signal to the process, unless it has not begun or has ended by itself."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal_number)


class Site:
    """One server by :mod:`tests.crash.writer`: its lives one after the other, what all of them told, and their log.
    ``url`` is that of its database."""

    def __init__(self, process: Process, url: str) -> None:
        self.url = url
        self.lives: list[Life] = []
        self.told: list[Told] = []
        self.log: list[str] = []
        self._process = process
        self._reading = [asyncio.create_task(self._read_out()), asyncio.create_task(self._read_log())]

    @property
    def life(self) -> Life | None:
        """The process that runs, if one does."""
        return self.lives[-1] if self.lives and not self.lives[-1].ended.is_set() else None

    async def start(self, cameras: int) -> Life:
        """Have a process begin to open everything, with so many cameras."""
        assert not self.life
        self.lives.append(Life())
        assert self._process.stdin
        self._process.stdin.write(f"{self.url} {cameras}\n".encode())
        await self._until(self.lives[-1].begun)
        return self.lives[-1]

    async def opened(self) -> None:
        """Wait until everything is open."""
        await self._until(self.lives[-1].opened)

    async def kill(self) -> None:
        """End the process at once (SIGKILL); all that it had said is read."""
        if life := self.life:
            life.send(signal.SIGKILL)
            await self._until(life.ended)

    async def stop(self) -> None:
        """Ask the process to end, as a person would; it must, without an error."""
        life = self.lives[-1]
        life.send(signal.SIGTERM)
        await self._until(life.ended)
        assert life.status == 0, "\n".join(self.log)

    async def close(self) -> None:
        """Nothing runs any more."""
        await self.kill()
        assert self._process.stdin
        self._process.stdin.close()
        await asyncio.gather(*self._reading)
        await self._process.wait()

    async def _until(self, event: asyncio.Event) -> None:
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait((waiting, *self._reading), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert event.is_set(), "the server hangs or is no more:\n" + "\n".join(self.log)

    async def _read_out(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            match line.decode().split():
                case ["told", event_id, revision, state]:
                    self.told.append(Told(event_id, int(revision), state))
                case ["begun", pid]:
                    self.lives[-1].pid = int(pid)
                    self.lives[-1].begun.set()
                case ["open"]:
                    self.lives[-1].opened.set()
                case ["ended", status]:
                    self.lives[-1].status = int(status)
                    self.lives[-1].ended.set()

    async def _read_log(self) -> None:
        assert self._process.stderr
        while line := await self._process.stderr.readline():
            self.log.append(line.decode().rstrip())


@asynccontextmanager
async def site(url: str, folder: Path) -> AsyncIterator[Site]:
    """A server that is closed with the block."""
    os.makedirs(folder, exist_ok=True)
    command = (sys.executable, "-m", "tests.crash.writer", str(folder))
    made = Site(await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE), url)
    try:
        yield made
    finally:
        await made.close()
