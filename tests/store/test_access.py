"""Users, tokens, sessions and the audit log, in both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from server.core.access import Role
from server.store import access as store
from server.store.access import AccessRefused, AccessRows, Session, Token, User
from server.store.audit import AuditRows, Entry
from server.store.database import Database
from server.store.schema import sessions

ANNA = User("u1", "anna", Role.ADMIN, 1.0, "$argon2id$a")
BEN = User("u2", "ben", Role.VIEWER, 2.0, "$argon2id$b")
TOKEN = Token("t1", "prometheus", "user:anna", 3.0, "h1", scopes=("metrics",))


def session(name: str, **values: Any) -> Session:
    usual = {"user_id": None, "token_id": None, "address": "192.0.2.7", "created_at": 10.0, "expires_at": 100.0}
    return Session(**{"id": name, "hash": f"hash of {name}", **usual, **values})


@pytest.fixture
def rows(database: Database) -> AccessRows:
    return AccessRows(database)


async def refused(slug: str, doing: Awaitable[object]) -> None:
    with pytest.raises(AccessRefused) as caught:
        await doing
    assert caught.value.slug == slug
    assert str(caught.value).endswith(".")


async def test_what_was_added_is_there(rows: AccessRows) -> None:
    await rows.add_user(ANNA)
    await rows.add_token(TOKEN)
    await rows.add_session(session("s1", user_id="u1"))
    known = await rows.everything()
    assert known.users == {"u1": replace(ANNA, last_login_at=10.0)}
    assert known.tokens == {"t1": TOKEN}
    assert known.sessions == {"s1": session("s1", user_id="u1")}
    assert "argon2" not in repr(known)
    assert "h1" not in repr(known.tokens), "or a log would have it"


async def test_each_change_makes_a_new_version(rows: AccessRows) -> None:
    versions = [await rows.version()]
    for change in (
        rows.add_user(ANNA),
        rows.add_token(TOKEN),
        rows.add_session(session("s1", token_id="t1")),
        rows.change_user("u1", {"password": "x"}, log_out=False),
        rows.remove_session("s1"),
        rows.remove_token("t1"),
    ):
        await change
        versions.append(await rows.version())
    assert len(set(versions)) == len(versions)
    assert (await rows.everything()).version == versions[-1]


async def test_a_use_makes_none(rows: AccessRows) -> None:
    await rows.add_token(TOKEN)
    version = await rows.version()
    await rows.used({"t1": 50.0, "gone": 1.0})
    assert await rows.version() == version
    assert (await rows.everything()).tokens["t1"].last_used_at == 50.0


async def test_no_two_users_have_one_name(rows: AccessRows) -> None:
    await rows.add_user(ANNA)
    await refused("user-exists", rows.add_user(replace(BEN, name="anna")))


async def test_sessions_end_with_their_user_or_token(rows: AccessRows) -> None:
    await rows.add_user(ANNA)
    await rows.add_user(BEN)
    await rows.add_token(TOKEN)
    for name, owner in (("a", {"user_id": "u1"}), ("b", {"user_id": "u2"}), ("t", {"token_id": "t1"})):
        await rows.add_session(session(name, **owner))
    await rows.remove_user("u2")
    await rows.remove_token("t1")
    assert set((await rows.everything()).sessions) == {"a"}
    await refused("unknown-user", rows.remove_user("u2"))
    await refused("unknown-token", rows.remove_token("t1"))


async def test_another_password_ends_all_sessions_but_one(rows: AccessRows) -> None:
    await rows.add_user(ANNA)
    for name in ("a", "b", "c"):
        await rows.add_session(session(name, user_id="u1"))
    changed = await rows.change_user("u1", {"password": "new"}, log_out=True, but="b")
    assert changed.password == "new"
    assert set((await rows.everything()).sessions) == {"b"}


async def test_the_last_admin_stays_one(rows: AccessRows) -> None:
    await rows.add_user(ANNA)
    await rows.add_user(BEN)
    await refused("last-admin", rows.remove_user("u1"))
    await refused("last-admin", rows.change_user("u1", {"role": Role.VIEWER}, log_out=True))
    await rows.change_user("u2", {"role": Role.ADMIN}, log_out=True)
    done = await asyncio.gather(rows.remove_user("u1"), rows.remove_user("u2"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["AccessRefused", "User"], "of two at once, one stays"


async def test_the_first_token_is_the_first_only(rows: AccessRows) -> None:
    both = await asyncio.gather(*(rows.add_first_token(replace(TOKEN, id=n, hash=n)) for n in ("x", "y")))
    assert sorted(both) == [False, True]
    await rows.remove_token("x" if both[0] else "y")
    await rows.add_user(ANNA)
    assert not await rows.add_first_token(TOKEN)


async def test_sessions_are_bounded(rows: AccessRows, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_SESSIONS", 3)
    await rows.add_token(TOKEN)
    await rows.add_session(session("old", token_id="t1", created_at=1.0, expires_at=2.0))
    for number in range(5):
        await rows.add_session(session(f"s{number}", token_id="t1", created_at=10.0 + number))
    async with database.read() as connection:
        kept = (await connection.execute(select(sessions.c.id).order_by(sessions.c.id))).scalars().all()
    assert kept == ["s2", "s3", "s4"]


async def test_users_and_tokens_are_bounded(rows: AccessRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_USERS", 1)
    monkeypatch.setattr(store, "MOST_TOKENS", 1)
    await rows.add_user(ANNA)
    await rows.add_token(TOKEN)
    await refused("too-many-users", rows.add_user(BEN))
    await refused("too-many-tokens", rows.add_token(replace(TOKEN, id="t2", hash="h2")))


async def test_the_audit_log_is_read_from_the_newest_and_stays_bounded(database: Database) -> None:
    audit = AuditRows(database, most=4)
    await audit.add([Entry(float(n), "user:anna", "192.0.2.7", "camera.add", f"c{n}") for n in range(10)])
    first = await audit.page(None, 4)
    assert [entry.target for _, entry in first] == ["c9", "c8", "c7", "c6"]
    assert [entry.target for _, entry in await audit.page(first[-1][0], 2)] == ["c5", "c4"]
    await audit.prune(before=8.0)
    assert [entry.target for _, entry in await audit.page(None, 100)] == ["c9", "c8"]
    await audit.add([Entry(20.0, "local", "", "x") for _ in range(10)])
    await audit.prune(before=0.0)
    assert len(await audit.page(None, 100)) == 4
