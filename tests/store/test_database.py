"""The database on SQLite and on PostgreSQL: made, brought up to date, written to by one at a time, lost and back."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import database as module
from server.store.database import MIGRATIONS, Database, DatabaseError, is_transient, plain_words
from server.store.schema import deliveries, keys, metadata, subscriptions

from ..support.postgres import PASSWORD, Postgres, postgres_server
from ..support.rtsp import free_port
from ..support.waiting import eventually

TABLES = {*metadata.tables, "alembic_version"}
SUBSCRIPTION = {
    "id": "s", "channel": "webhook", "url": "https://example.org/", "kinds": [], "cameras": [], "states": [],
    "secrets": [], "enabled": True, "created_at": 0.0,
}  # fmt: skip
DELIVERY = {
    "id": "d", "subscription_id": "s", "type": "test", "body": "{}", "state": "waiting", "created_at": 0.0,
    "since": 0.0, "next_at": 0.0,
}  # fmt: skip


async def put(connection: AsyncConnection, name: str, value: str = "") -> None:
    await connection.execute(keys.insert().values(name=name, value=value))


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(keys.c.name).order_by(keys.c.name))).scalars())


def migrate(how: Callable[[Config, str], None], to: str) -> Callable[[Connection], None]:
    """Up or down to a revision."""

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        how(config, to)

    return run


async def asked(database: Database, question: Callable[[Connection], Any]) -> Any:
    async with database.read() as connection:
        return await connection.run_sync(question)


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


# --- migrations ------------------------------------------------------------------------------------------------------


async def test_the_migrations_make_the_schema(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await asked(database, tables) == TABLES
    assert await asked(database, differences) == []


async def test_the_way_down_and_up_again(database: Database) -> None:
    async with database.write() as connection:
        await connection.run_sync(migrate(command.downgrade, "base"))
    assert await asked(database, tables) == {"alembic_version"}
    async with database.write() as connection:
        await connection.run_sync(migrate(command.upgrade, "head"))
    assert await asked(database, tables) == TABLES


async def test_what_was_written_is_there_after_the_next_start(database_url: str) -> None:
    async with Database(database_url) as database, database.write() as connection:
        await put(connection, "a")
    async with Database(database_url) as database:
        assert await names(database) == ["a"]


async def test_two_servers_that_start_at_once(postgres: Postgres) -> None:
    async def start(url: str) -> None:
        async with Database(url) as database:
            assert await asked(database, tables) == TABLES

    async with postgres.database() as url:
        await asyncio.gather(*(start(url) for _ in range(3)))


async def test_a_database_of_a_newer_vigie_is_left_alone(database_url: str) -> None:
    async with Database(database_url) as database, database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match=r"was made by a newer Vigie .*9999.* Start that version, or use another"):
        async with Database(database_url):
            pass


# --- what cannot be opened -------------------------------------------------------------------------------------------


async def mistake(url: str) -> str:
    with pytest.raises(DatabaseError) as caught:
        async with Database(url):
            pass
    said = str(caught.value)
    assert said.endswith(".")
    assert "secret" not in said
    assert "[SQL" not in said
    return said


async def test_what_postgresql_refuses_is_said_without_the_password(postgres: Postgres) -> None:
    wrong = await mistake(postgres.url("postgres", "a-secret"))
    assert 'password authentication failed for user "vigie"' in wrong
    assert f"postgresql+asyncpg://vigie:***@127.0.0.1:{postgres.port}/postgres" in wrong
    missing = await mistake(postgres.url("nowhere"))
    assert 'database "nowhere" does not exist' in missing
    assert PASSWORD not in missing


async def test_no_postgresql_there() -> None:
    port = free_port()
    assert f"127.0.0.1:{port}/vigie cannot be used" in await mistake(f"postgresql://u:secret@127.0.0.1:{port}/vigie")
    assert "no-such-host.invalid" in await mistake("postgresql://u:secret@no-such-host.invalid/vigie")


async def test_the_way_of_libpq_to_ask_for_encryption(postgres: Postgres) -> None:
    async with Database(postgres.url("postgres") + "?sslmode=disable") as database:
        assert await names(database) == []
    assert "rejected SSL upgrade" in await mistake(postgres.url("postgres") + "?sslmode=require")


async def test_no_sqlite_there(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database.\n" * 100)
    assert "file is not a database" in await mistake(f"sqlite:///{tmp_path}/text.db")
    assert "unable to open database file" in await mistake(f"sqlite:///{tmp_path}/missing/vigie.db")
    assert "unable to open database file" in await mistake(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:secret@host/x", "is given as sqlite:///PATH or postgresql://"),
        ("sqlite://", "is given as sqlite:///PATH"),
        ("sqlite:///:memory:", "is given as sqlite:///PATH"),
        ("vigie.db", "cannot be read"),
        ("postgresql://u:secret@host:port/x", "cannot be read"),
        ("", "cannot be read"),
    ],
)
async def test_what_is_no_url_of_a_database(url: str, words: str) -> None:
    assert words in await mistake(url)


def test_the_password_is_not_shown() -> None:
    shown = str(Database("postgresql://vigie:secret@host/x"))
    assert shown == "postgresql+asyncpg://vigie:***@host/x"
    assert "secret" not in repr(Database("postgresql://vigie:secret@host/x"))


# --- reading and writing ---------------------------------------------------------------------------------------------


async def test_an_error_takes_back_the_whole_transaction(database: Database) -> None:
    async def write() -> None:
        async with database.write() as connection:
            await put(connection, "a")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await write()
    assert await names(database) == []


async def test_a_cancelled_transaction_is_taken_back_and_the_next_goes_on(database: Database) -> None:
    written = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await put(connection, "a")
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        await put(connection, "b")
    assert await names(database) == ["b"]


async def test_a_reader_sees_one_moment_and_keeps_no_writer_waiting(database: Database) -> None:
    async with database.read() as connection:
        count = select(keys.c.name)
        assert (await connection.execute(count)).all() == []
        async with database.write() as writing:
            await put(writing, "a")
        assert (await connection.execute(count)).all() == []
    assert await names(database) == ["a"]


async def test_appends_come_one_after_the_other_from_all_servers(database_url: str) -> None:
    """Each reads how many there are, yields to the others, and writes the next number: none is given twice."""

    async def append(database: Database) -> None:
        async with database.write() as connection:
            await database.append_in_order(connection)
            count = len((await connection.execute(select(keys.c.name))).all())
            await asyncio.sleep(0)
            await put(connection, f"{count:02}")

    async with Database(database_url) as one, Database(database_url) as other:
        await asyncio.gather(*(append(database) for database in [one, other] * 10))
        assert await names(one) == [f"{number:02}" for number in range(20)]


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_sqlite_has_one_writer_at_a_time(database: Database) -> None:
    inside = 0

    async def write(number: int) -> None:
        nonlocal inside
        async with database.write() as connection:
            inside += 1
            assert inside == 1
            await put(connection, str(number))
            inside -= 1

    await asyncio.gather(*(write(number) for number in range(10)))
    assert len(await names(database)) == 10


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_sqlite_is_durable_and_lets_readers_be(database: Database) -> None:
    for transaction in (database.read, database.write):
        async with transaction() as connection:
            asked = [
                (await connection.execute(text(f"PRAGMA {name}"))).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert asked == ["wal", 2, 1, module.BUSY_MS]


async def test_what_belongs_to_nothing_is_refused_and_goes_with_its_owner(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with database.write() as connection:
            await connection.execute(deliveries.insert().values(**DELIVERY))
    assert not is_transient(caught.value)
    assert re.search("foreign key", plain_words(caught.value), re.IGNORECASE)
    async with database.write() as connection:
        await connection.execute(subscriptions.insert().values(**SUBSCRIPTION))
        await connection.execute(deliveries.insert().values(**DELIVERY))
    async with database.write() as connection:
        await connection.execute(subscriptions.delete())
    async with database.read() as connection:
        assert (await connection.execute(select(deliveries.c.id))).all() == []


async def test_a_number_is_never_given_twice(database: Database) -> None:
    async def number() -> int:
        async with database.write() as connection:
            result = await connection.execute(deliveries.insert().values(**DELIVERY).returning(deliveries.c.seq))
            await connection.execute(deliveries.delete())
            return int(result.scalar_one())

    async with database.write() as connection:
        await connection.execute(subscriptions.insert().values(**SUBSCRIPTION))
    assert [await number(), await number()] == [1, 2]


# --- faults ----------------------------------------------------------------------------------------------------------


async def failure(database: Database) -> BaseException:
    with pytest.raises((DBAPIError, OSError)) as caught:
        async with database.write() as connection:
            await put(connection, "a", "x" * 100_000)
    return caught.value


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_a_locked_database_is_another_try(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_MS", 50)
    async with Database(database_url) as database:
        with closing(sqlite3.connect(tmp_path / "vigie.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = await failure(database)
            assert is_transient(error)
            assert plain_words(error) == "database is locked"
            assert await names(database) == [], "who reads is not kept waiting"
            other.execute("ROLLBACK")
        async with database.write() as connection:
            await put(connection, "b")
        assert await names(database) == ["b"]


@pytest.mark.parametrize("origin", ["sqlite"], indirect=True)
async def test_a_full_disk_is_another_try(database: Database) -> None:
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    error = await failure(database)
    assert is_transient(error)
    assert plain_words(error) == "database or disk is full"
    async with database.write() as connection:
        await connection.execute(text("PRAGMA max_page_count = 100000"))
        await put(connection, "b")
    assert await names(database) == ["b"]


async def test_postgresql_goes_and_comes_back(postgres: Postgres) -> None:
    """``postgres`` is left to the other tests: it only says whether there is one."""
    with postgres_server() as server:
        async with Database(server.url("postgres")) as database:

            async def cut_off() -> None:
                async with database.write() as connection:
                    await put(connection, "lost")
                    server.kill()
                    await put(connection, "lost too")

            async with database.write() as connection:
                await put(connection, "a")
            with pytest.raises((DBAPIError, OSError)) as caught:
                await cut_off()
            assert is_transient(caught.value)
            assert is_transient(await failure(database))
            server.start()
            async with database.write() as connection:
                await put(connection, "b")
            assert await names(database) == ["a", "b"]


@pytest.mark.parametrize("statement", ["SELECT 1 FROM nothing", "INSERT INTO keys VALUES ('a', NULL)", "nonsense"])
async def test_a_wrong_statement_is_no_other_try(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as connection:
            await connection.execute(text(statement))
    assert not is_transient(caught.value)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (TimeoutError(), True),
        (ConnectionRefusedError(), True),
        (PoolTimeoutError("all connections are in use"), True),
        (ValueError("database is locked"), False),
    ],
)
def test_what_is_another_try(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


class Line:
    """A line to a server that can fall silent: nothing is refused, and nothing comes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_silent = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._port)
        self._tasks |= {
            asyncio.create_task(self._pass(reader, there[1])),
            asyncio.create_task(self._pass(there[0], writer)),
        }

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self.is_silent:
                    writer.write(data)
        finally:
            writer.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_postgresql_that_falls_silent_is_away(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    async with postgres.database() as url:
        port = make_url(url).port
        assert port
        line = Line(port)
        server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
        through = make_url(url).set(port=server.sockets[0].getsockname()[1])
        async with server, Database(through.render_as_string(hide_password=False)) as database:
            async with database.write() as connection:
                await put(connection, "a")
            line.is_silent = True
            error = await asyncio.wait_for(failure(database), 20)
            assert is_transient(error)
            line.is_silent = False
            await eventually(lambda: answers(database), "the line")
            assert await names(database) == ["a"]
        await line.close()


async def answers(database: Database) -> bool:
    try:
        return bool(await names(database))
    except Exception:
        return False


class Refused(Exception):
    """What asyncpg raises, as SQLAlchemy hands it on."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("refused")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "transient"),
    [
        *[(code, True) for code in ("25006", "28P01", "57P03", "53300", "40001", "08006", "XX000")],
        *[(code, False) for code in ("23503", "22001", "42P01", "0A000", "21000")],
    ],
)
def test_what_postgresql_may_take_another_time(sqlstate: str, transient: bool) -> None:
    """A primary that was demoted, a password that was changed: no reason to let an alarm go."""
    assert is_transient(DBAPIError("INSERT", {}, Refused(sqlstate))) is transient


async def test_an_error_tells_no_values(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(keys).values(name="links", value="whsec_other"))
        with pytest.raises(IntegrityError) as caught:
            await connection.execute(insert(keys).values(name="links", value="whsec_s3cr3t"))
        await connection.rollback()
    assert "s3cr3t" not in str(caught.value)


async def test_slow_readers_hold_up_no_writer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """All connections to read with are taken, and an event is written all the same."""
    async with AsyncExitStack() as stack:
        taken = module.READERS if database.is_sqlite else module.READERS + 4
        for _ in range(taken):
            await stack.enter_async_context(database.read())
        async with asyncio.timeout(5), database.write() as connection:
            await put(connection, "a")
    assert await names(database) == ["a"]
