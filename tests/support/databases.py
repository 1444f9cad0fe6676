"""Fixtures of every test that wants a database: each such test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from server.store.database import Database

from .needs import need
from .postgres import Postgres, postgres_server, why_not


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that all tests share. Without one they are skipped, and said so; in CI that is a failure."""
    need(why_not())
    with postgres_server() as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def migrated(postgres: Postgres) -> AsyncIterator[str]:
    """The name of a database with all tables, to make others from."""
    async with postgres.database() as url:
        async with Database(url):
            pass
        yield url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Origin:
    """A server, and its database to make others from."""

    server: Postgres
    template: str


@pytest.fixture(params=["sqlite", "postgresql"])
def origin(request: pytest.FixtureRequest) -> Origin | None:
    """Where the databases of this test come from; None for SQLite."""
    if request.param == "sqlite":
        return None
    return Origin(request.getfixturevalue("postgres"), request.getfixturevalue("migrated"))


@pytest_asyncio.fixture
async def database_url(origin: Origin | None, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a fresh database, for tests that open it themselves, maybe twice. Nobody has it open yet."""
    if not origin:
        yield f"sqlite:///{tmp_path / 'vigie.db'}"
        return
    async with origin.server.database(origin.template) as url:
        yield url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, open."""
    async with Database(database_url) as database:
        yield database
