"""``kill -9`` at random instants, while events come as at a busy site of 50 cameras and while the server starts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from server.store.database import Database

from ..support.databases import Origin
from ..support.waiting import eventually
from .audience import all_told, audience
from .process import Site, Told, site
from .proof import kept_in, mistakes

ROUNDS = 20
CAMERAS = 50
OPENING, OPENING_S, WRITING_S = 0.4, 0.1, 1.0
"""Share of the kills that come while a server opens, and within which time; all others come within the other time, once
it is open."""

TABLES_ROUNDS = 6

DRAINED_WITHIN_S = 60.0


async def kill_again_and_again(sites: Sequence[Site], rounds: int, chance: random.Random) -> None:
    """Kill one server after the other and start it again, while the others run on."""
    for _ in range(rounds):
        for one in sites:
            if not one.life:
                newest = one
                await one.start(CAMERAS)
        if chance.random() < OPENING:
            await asyncio.sleep(chance.random() * OPENING_S)
            await newest.kill()
        else:
            await newest.opened()
            await asyncio.sleep(chance.random() * WRITING_S)
            await chance.choice(sites).kill()


async def drain(sites: Sequence[Site], database: Database) -> None:
    """Have servers without cameras do what is left, and end as servers should."""
    for one in sites:
        await one.kill()
        await one.start(cameras=0)
        await one.opened()
    await eventually(lambda: all_told(database), "the end of all deliveries", DRAINED_WITHIN_S)
    for one in sites:
        await one.stop()


def promised(sites: Sequence[Site]) -> list[Told]:
    """What all of them told."""
    return [told for one in sites for told in one.told]


@pytest.mark.timeout(240)
async def test_nothing_is_lost(database_url: str, origin: object, tmp_path: Path) -> None:
    names = ("one", "other") if origin else ("one",)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(database_url))
        receivers = await stack.enter_async_context(audience(database))
        sites = [await stack.enter_async_context(site(database_url, tmp_path / name)) for name in names]
        await kill_again_and_again(sites, ROUNDS, random.Random(20))
        await drain(sites, database)
        kept, told = await kept_in(database), promised(sites)
        assert mistakes(kept, receivers, told) == []
    assert len(told) > 5 * ROUNDS, "there was something to lose"
    assert {"event.confirmed", "event.ended", "event.retracted"} <= {change["type"] for change in kept.changes}
    opened = [life.opened.is_set() for one in sites for life in one.lives]
    assert 0 < opened.count(False) < ROUNDS / 2, "some were killed while they opened"


@asynccontextmanager
async def empty_database(origin: Origin | None, folder: Path) -> AsyncIterator[str]:
    """The URL of a database without any tables."""
    if not origin:
        yield f"sqlite:///{folder}/{uuid4().hex}.db"
        return
    async with origin.server.database() as url:
        yield url


async def test_killed_while_it_makes_its_tables(origin: Origin | None, tmp_path: Path) -> None:
    """The next one makes them, however far the first had come."""
    chance, opened, takes_s = random.Random(5), 0, 0.0
    async with site("", tmp_path / "one") as one:
        for number in range(TABLES_ROUNDS):
            async with empty_database(origin, tmp_path) as url:
                one.url = url
                if number:
                    life = await one.start(cameras=0)
                    await asyncio.sleep(chance.random() * takes_s)
                    await one.kill()
                    opened += life.opened.is_set()
                await one.start(cameras=0)
                begun = time.monotonic()
                await one.opened()
                takes_s = takes_s or time.monotonic() - begun
                await one.stop()
                async with Database(url) as database:
                    assert (await kept_in(database)).complaints == []
    assert opened < TABLES_ROUNDS - 1, "it was not ready each time"


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
async def test_two_servers_do_no_work_twice(database_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(database_url))
        receivers = await stack.enter_async_context(audience(database, moody=False))
        sites = [await stack.enter_async_context(site(database_url, tmp_path / name)) for name in ("one", "other")]
        for one in sites:
            await one.start(CAMERAS // 2)
        await eventually(lambda: len(promised(sites)) > 200, "two hundred changes")
        for one in sites:
            await one.stop()
        await drain(sites, database)
        kept = await kept_in(database)
        assert mistakes(kept, receivers, promised(sites)) == []
    for receiver in receivers.values():
        assert len(receiver.got) == len(set(receiver.ids())), "nothing came twice"
