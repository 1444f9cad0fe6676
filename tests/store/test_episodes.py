"""Episodes in the database."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from server.core.identifiers import uuid7
from server.store import episodes as module
from server.store.database import Database
from server.store.episodes import PAGE, Episode, Episodes
from tests.support.events import FIRST


def episode(number: int = 0, camera: str = "gate", seconds: float = 5.0) -> Episode:
    """An episode that begins ``number`` minutes after the first."""
    began = FIRST + 60 * number
    looks = '{"at":0.0,"detections":[]}\n'
    ident = uuid7(began, number.to_bytes(10, "big"))
    return Episode(ident, camera, began, began + seconds, 640, 480, "model", ("gun", "été"), looks)


async def all_of(episodes: Episodes, *cameras: str, limit: int | None = None, **times: float) -> list[Episode]:
    return [one async for one in episodes.select(cameras, limit=limit, **times)]


async def test_what_is_kept_comes_back_oldest_first(database: Database) -> None:
    episodes = Episodes(database)
    for number in (2, 0, 1):
        await episodes.add(episode(number))
    assert await all_of(episodes) == [episode(0), episode(1), episode(2)]
    assert await all_of(episodes, limit=2) == [episode(0), episode(1)]


async def test_those_of_some_cameras_and_of_a_time(database: Database) -> None:
    episodes = Episodes(database)
    for number, camera in enumerate(("gate", "door", "gate", "yard")):
        await episodes.add(episode(number, camera))
    assert [one.camera for one in await all_of(episodes, "gate", "yard")] == ["gate", "gate", "yard"]
    assert await all_of(episodes, "nowhere") == []
    within = await all_of(episodes, since=FIRST + 65, until=FIRST + 120)
    assert [one.camera for one in within] == ["door", "gate"], "one that ends or begins just then lies in it"
    assert await all_of(episodes, since=FIRST + 66, until=FIRST + 119) == []


async def test_more_than_one_page_and_some_that_began_together(database: Database) -> None:
    episodes = Episodes(database)
    together = [replace(episode(0), id=uuid7(FIRST, number.to_bytes(10, "big"))) for number in range(2 * PAGE + 1)]
    for one in reversed(together):
        await episodes.add(one)
    assert await all_of(episodes) == together
    assert await all_of(episodes, limit=PAGE + 1) == together[: PAGE + 1]


async def test_a_reader_is_in_nobodys_way(database: Database) -> None:
    """Between its pages it holds nothing: what is written meanwhile is there, and comes too."""
    episodes = Episodes(database)
    for number in range(PAGE):
        await episodes.add(episode(number))
    count = 0
    async for _ in episodes.select():
        count += 1
        if count == 1:
            await episodes.add(episode(1000))
    assert count == PAGE + 1


async def test_old_ones_are_removed(database: Database) -> None:
    episodes = Episodes(database)
    for number in range(3):
        await episodes.add(episode(number))
    assert await episodes.prune(FIRST + 60) == 1
    assert await all_of(episodes) == [episode(1), episode(2)]
    assert await episodes.prune(FIRST) == 0


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 2)


@pytest.fixture
def writes(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each transaction that writes began."""
    begun: list[float] = []
    write = database.write

    def counted() -> AbstractAsyncContextManager[AsyncConnection]:
        begun.append(time.monotonic())
        return write()

    monkeypatch.setattr(database, "write", counted)
    return begun


@pytest.mark.usefixtures("two_at_once")
async def test_some_at_a_time(database: Database, writes: list[float]) -> None:
    episodes = Episodes(database)
    for number in range(7):
        await episodes.add(episode(number))
    writes.clear()
    assert await episodes.prune(FIRST + 301) == 6
    assert len(writes) == 4
    assert await all_of(episodes) == [episode(6)]


async def test_of_too_many_bytes_the_oldest_go(database: Database) -> None:
    size = len(episode().looks)
    episodes = Episodes(database, 3 * size + 5)
    for number in (1, 0, 2, 3, 4, 5):
        await episodes.add(episode(number))
        assert len(await all_of(episodes)) <= 3
    assert await all_of(episodes) == [episode(3), episode(4), episode(5)]
    longer = replace(episode(6), looks=2 * episode().looks)
    await episodes.add(longer)
    assert await all_of(episodes) == [episode(5), longer]


@pytest.mark.usefixtures("two_at_once")
async def test_less_is_kept_after_a_start_with_a_smaller_bound(database: Database, writes: list[float]) -> None:
    for number in range(7):
        await Episodes(database).add(episode(number))
    writes.clear()
    episodes = Episodes(database, 2 * len(episode().looks))
    assert await episodes.prune(FIRST) == 0
    assert await all_of(episodes) == [episode(5), episode(6)]
    assert len(writes) == 1 + 3, "some at a time"
    await episodes.add(episode(7))
    assert await all_of(episodes) == [episode(6), episode(7)]


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
async def test_what_other_servers_add_counts(database: Database) -> None:
    here, there = (Episodes(database, 3 * len(episode().looks)) for _ in range(2))
    for number in range(3):
        await here.add(episode(number))
    for number in range(3, 5):
        await there.add(episode(number))
    await Episodes(database).add(episode(5))
    await here.prune(FIRST)
    assert await all_of(here) == [episode(3), episode(4), episode(5)]
