"""The database: opened, brought up to date, read from and written to. SQLite or PostgreSQL, by URL."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 5000
READERS, WRITERS = 4, 4
ANSWER_S = 10
HIDING: dict[str, Any] = {"hide_parameters": True}
"""Errors of SQLAlchemy would else tell the values of a statement, secrets among them."""

APPEND_LOCK = 0x7669676965
"""The number of PostgreSQL's advisory lock that puts the changes in one order ("vigie" in ASCII)."""

TRANSIENT_SQLITE = (
    "database is locked",
    "database table is locked",
    "disk is full",
    "database or disk is full",
    "disk I/O",
)


PERMANENT_POSTGRESQL = ("0A", "21", "22", "23", "42")
"""Classes of SQLSTATE: not supported, cardinality, data, integrity, syntax or access rule."""


class DatabaseError(Exception):
    """The database cannot be used; the message says why, without the password."""


class DatabaseAway(OSError):
    """The database cannot be reached now."""


class Database:
    """One database of one server. Open it in a context manager; after that, :meth:`read` and :meth:`write`."""

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self.is_sqlite = self._url.get_backend_name() == "sqlite"
            if self.is_sqlite and self._url.database not in (None, "", ":memory:"):
                self._url = self._url.set(drivername="sqlite+aiosqlite")
            elif self._url.get_backend_name() == "postgresql":
                # As libpq names it, and so everybody who hands out such URLs; asyncpg does not.
                query = {"ssl" if name == "sslmode" else name: value for name, value in self._url.query.items()}
                self._url = self._url.set(drivername="postgresql+asyncpg", query=query)
            else:
                raise DatabaseError("The database is given as sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.")
        except (ArgumentError, ValueError) as error:  # a port that is no number is a ValueError
            raise DatabaseError("The URL of the database cannot be read.") from error
        self._readers: AsyncEngine
        self._writer: AsyncEngine
        self._writing = asyncio.Lock()

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    async def __aenter__(self) -> Self:
        """Connect and migrate; raises :class:`DatabaseError`."""
        if self.is_sqlite:
            options = {"connect_args": {"timeout": BUSY_MS / 1000}, **HIDING}
            self._readers = create_async_engine(self._url, pool_size=READERS, max_overflow=0, **options)
            # A writer that begins as a reader may find, when it writes, that another wrote meanwhile: SQLite then fails
            # at once. It says so from the beginning, and waits for its turn.
            self._writer = create_async_engine(self._url, pool_size=1, max_overflow=0, **options)
            _prepare_sqlite(self._readers, "BEGIN")
            _prepare_sqlite(self._writer, "BEGIN IMMEDIATE")
        else:
            # A server that has gone silent answers no more than one that is slow: after ten seconds it is away.
            limits = {"timeout": ANSWER_S, "command_timeout": ANSWER_S}
            options = {"connect_args": limits, "pool_pre_ping": True, "max_overflow": 4, **HIDING}
            self._writer = create_async_engine(self._url, pool_size=WRITERS, **options)
            # Apart, so that searches that take long hold up no event; and in one snapshot each.
            self._readers = create_async_engine(
                self._url, pool_size=READERS, isolation_level="REPEATABLE READ", **options
            )
        try:
            await self._migrate()
            if self.is_sqlite:
                await self._connect_readers()
        except BaseException:
            await self._dispose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from, in one snapshot."""
        async with self._begun(self._readers) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed when the block ends without an error. SQLite has one at a time."""
        if not self.is_sqlite:
            async with self._begun(self._writer) as connection:
                yield connection
            return
        async with self._writing, self._begun(self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def peek(self) -> AsyncIterator[AsyncConnection]:
        """A connection to a database that is not open here, and is not brought up to date. Raises what the driver
        raises."""
        engine = create_async_engine(self._url, **HIDING)
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    async def ping(self) -> None:
        """Whether it answers; raises what the driver raises."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def clock(self) -> float:
        """The time that all who share it go by, in unix seconds: PostgreSQL's own, for machines may differ."""
        if self.is_sqlite:
            return time.time()
        async with self.read() as connection:
            return float(await connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)

    async def append_in_order(self, connection: AsyncConnection) -> None:
        """From here to its end, the transaction is the only one of all servers that adds changes: so their numbers come
        in the order in which they can be seen, and who reads on from a number misses none."""
        if not self.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": APPEND_LOCK})

    @asynccontextmanager
    async def _begun(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(engine.begin())
            except (OSError, TimeoutError) as error:  # as asyncpg has them where nothing listens
                raise DatabaseAway(plain_words(error)) from error
            yield connection

    async def _migrate(self) -> None:
        try:
            async with self._writer.begin() as connection:
                await self.append_in_order(connection)  # two servers that start at once migrate one after the other
                await connection.run_sync(_upgrade)
        except CommandError as error:
            raise DatabaseError(
                f"The database {self} was made by a newer Vigie ({error}). Start that version, or use another database."
            ) from error
        except (SQLAlchemyError, OSError, sqlite3.Error) as error:
            raise DatabaseError(f"The database {self} cannot be used: {plain_words(error)}.") from error

    async def _connect_readers(self) -> None:
        """All of them now, each with a thread of its own, so that none begins under load."""
        async with AsyncExitStack() as stack:
            for _ in range(READERS):
                await stack.enter_async_context(self._readers.connect())

    async def _dispose(self) -> None:
        await self._writer.dispose()
        await self._readers.dispose()


def plain_words(error: BaseException) -> str:
    """What the driver says, without the statement and its values, which SQLAlchemy puts around it."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    words = str(cause).split("\n")[0].removeprefix("<class ").strip() or type(cause).__name__
    return words.rpartition("'>: ")[2].rstrip(".")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed later: the database is locked, full, away or starting."""
    if isinstance(error, OSError | TimeoutError | PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return any(part in str(error.orig) for part in TRANSIENT_SQLITE)
    # What is wrong in the statement or its values stays wrong. All else passes: a primary that was demoted (25006) or
    # a password that was changed (28P01) too, once somebody has seen to it.
    return (getattr(error.orig, "sqlstate", None) or "")[:2] not in PERMANENT_POSTGRESQL


def is_away(error: BaseException) -> bool:
    """The same of an error that may have nothing to do with the database."""
    return isinstance(error, DatabaseAway | DBAPIError | PoolTimeoutError) and is_transient(error)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(engine: AsyncEngine, begin: str) -> None:
    """WAL, full durability, foreign keys; and transactions begun by us: the driver's own begin too late for DDL and
    never say IMMEDIATE (see SQLAlchemy's page on SQLite, "Enabling Non-Legacy SQLite Transactional Modes")."""

    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
