"""What happens around events while they come: the database is locked, its disk is full, the clock is set."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from server.core.events import Event
from server.keeping import Keeping, keeping
from server.metrics import Metrics
from server.presence import presence
from server.store.database import Database

from ..support.events import confirmed, ended, suspected
from ..support.needs import need
from ..support.post_office import webhook_settings
from ..support.postgres import Postgres, postgres_server
from ..support.receiver import Receiver
from ..support.small_disk import small_disk, why_not
from ..support.waiting import eventually
from .audience import all_told, audience
from .process import Told, site
from .proof import kept_in, mistakes

pytestmark = pytest.mark.usefixtures("nothing_left")

LOCKED_S = 10.0
"""Longer than SQLite waits for a lock by itself."""

SEEN_WITHIN_S = 5.0
"""A guard is told after a second; this machine may be busy."""

HOUR = 3600.0


class Guards:
    """Tell events of some cameras as feeds do, and remember what the people at the screens were told and when."""

    def __init__(self, kept: Keeping) -> None:
        self.told: list[Event] = []
        self.put = 0
        self._journal = kept.journal
        self._numbers = iter(range(1_000_000))

    def alarm(self, count: int) -> None:
        """So many guns, each suspected, confirmed, ended."""
        for _ in range(count):
            event = suspected(time.time(), next(self._numbers))
            for revision in (event, confirmed(event), ended(confirmed(event))):
                self._journal.put(revision, self.told.append)
                self.put += 1

    async def all_told(self, within_s: float = SEEN_WITHIN_S) -> None:
        """Wait until the people have been told of everything."""
        await eventually(lambda: len(self.told) == self.put, "all that was seen at the screens", within_s)

    def promises(self) -> list[Told]:
        """What must be in the database in the end."""
        return [Told(event.id, event.revision, event.state) for event in self.told]


@asynccontextmanager
async def server(url: str, folder: Path) -> AsyncIterator[Keeping]:
    """All that keeps and sends events, as the server opens it."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        own = stack.enter_context(presence(folder))
        yield await stack.enter_async_context(keeping(database, webhook_settings(), own, Metrics()))


async def all_is_well(kept: Keeping, receivers: dict[str, Receiver], told: list[Told]) -> None:
    """In the end nothing is missing anywhere."""

    async def all_kept() -> bool:
        return len((await kept_in(kept.database)).changes) >= len(told)

    await eventually(all_kept, "all that was told in the database")
    await eventually(lambda: all_told(kept.database), "the end of all deliveries", 60)
    assert mistakes(await kept_in(kept.database), receivers, told) == []


# --- locked ----------------------------------------------------------------------------------------------------------

LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Another process lets nobody write for as long as the block runs."""
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
                yield
        finally:
            await connection.close()
        return
    path = url.removeprefix("sqlite:///")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LOCK, path, stdin=PIPE, stdout=PIPE)
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"locked\n"
        yield
    finally:
        await process.communicate(b"\n")


async def test_a_database_that_another_process_locks(database_url: str, tmp_path: Path) -> None:
    async with server(database_url, tmp_path) as kept, audience(kept.database) as receivers:
        guards = Guards(kept)
        guards.alarm(5)
        await guards.all_told()
        async with locked(database_url):
            begun = time.monotonic()
            for _ in range(4):
                guards.alarm(5)
                await guards.all_told()
            await asyncio.sleep(LOCKED_S - (time.monotonic() - begun))
            assert len((await kept_in(kept.database)).changes) == 15, "it is really locked"
            guards.alarm(5)
        await guards.all_told()
        await all_is_well(kept, receivers, guards.promises())


# --- away ------------------------------------------------------------------------------------------------------------


async def test_a_database_server_that_is_killed_and_comes_back(postgres: Postgres, tmp_path: Path) -> None:
    """``postgres`` is left to the other tests: it only says whether there is one."""
    with postgres_server() as own:
        async with own.database() as url, server(url, tmp_path) as kept, audience(kept.database) as receivers:
            guards = Guards(kept)
            guards.alarm(5)
            await guards.all_told()
            for _ in range(2):
                guards.alarm(20)
                await asyncio.to_thread(own.kill)
                guards.alarm(20)
                await guards.all_told()
                await asyncio.to_thread(own.start)
            await all_is_well(kept, receivers, guards.promises())


# --- full ------------------------------------------------------------------------------------------------------------


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte is free on a disk for as long as the block runs."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    need(why_not(tmp_path))
    with small_disk(tmp_path / "disk", 24) as folder:
        yield folder


async def test_a_disk_that_is_full(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with server(f"sqlite:///{disk}/vigie.db", disk) as kept, audience(kept.database) as receivers:
        guards = Guards(kept)
        guards.alarm(5)
        await guards.all_told()
        with filled(disk):
            for _ in range(4):
                guards.alarm(50)
                await guards.all_told()
            assert "events cannot be kept: database or disk is full" in caplog.text
        await all_is_well(kept, receivers, guards.promises())


async def test_a_server_that_is_killed_and_started_again_on_a_full_disk(disk: Path) -> None:
    url = f"sqlite:///{disk}/vigie.db"
    async with Database(url) as database, audience(database) as receivers, site(url, disk) as killed:
        await killed.start(cameras=10)
        await eventually(lambda: len(killed.told) > 20, "some events")
        await killed.kill()
        with filled(disk):
            await killed.start(cameras=10)
            await killed.opened()
            before = len(killed.told)
            await eventually(lambda: any("events cannot be kept" in line for line in killed.log), "a word of it")
        await eventually(lambda: len(killed.told) > before + 20, "more events")
        await killed.stop()
        async with server(url, disk) as kept:
            await all_is_well(kept, receivers, killed.told)


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock of the wall so many seconds off."""
    real = time.time
    return lambda off: monkeypatch.setattr(time, "time", lambda: real() + off)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_a_clock_that_is_set(
    database_url: str, tmp_path: Path, set_clock: Callable[[float], None], step: float
) -> None:
    """While events come, and while the server is off."""
    async with Database(database_url) as database, audience(database, moody=False) as receivers:
        promises: list[Told] = []
        for off in (0, step, 0):
            async with server(database_url, tmp_path) as kept:
                guards = Guards(kept)
                guards._numbers = iter(range(len(promises), 1_000_000))
                for clock in (off, off + step, off):
                    set_clock(clock)
                    guards.alarm(5)
                    await guards.all_told()
                promises += guards.promises()
                await all_is_well(kept, receivers, promises)
        seqs = [change["seq"] for change in (await kept_in(database)).changes]
        assert seqs == sorted(seqs)
