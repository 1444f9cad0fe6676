"""Users, tokens and sessions. Secrets are here as hashes only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.access import Role
from .database import Database
from .schema import keys, sessions, tokens, users

MOST_USERS, MOST_TOKENS, MOST_SESSIONS = 200, 200, 2000
VERSION = "access"


class AccessRefused(Exception):
    """It cannot be done like this. ``slug``: unknown-user, unknown-token, user-exists, last-admin, too-many-users or
    too-many-tokens."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug


@dataclass(frozen=True, slots=True)
class User:
    """A person. Times are unix seconds, here and below."""

    id: str
    name: str
    role: Role
    created_at: float
    password: str = field(repr=False)
    last_login_at: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What a program comes with: a role, or scopes."""

    id: str
    name: str
    created_by: str
    created_at: float
    hash: str = field(repr=False)
    role: Role | None = None
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody logged in with: by name and password, or by a token."""

    id: str
    hash: str = field(repr=False)
    user_id: str | None
    token_id: str | None
    address: str
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Everything:
    """All of it at one moment; ``version`` changes whenever any of it does."""

    version: str
    users: dict[str, User]
    tokens: dict[str, Token]
    sessions: dict[str, Session]


class AccessRows:
    """Reads and writes them. Each change makes a new version, by which other servers and processes notice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> str:
        """What it is now."""
        async with self._database.read() as connection:
            return await _version(connection)

    async def everything(self) -> Everything:
        """All of it."""
        async with self._database.read() as connection:
            version = await _version(connection)
            all_users = [_user(row) for row in (await connection.execute(select(users))).mappings()]
            all_tokens = [_token(row) for row in (await connection.execute(select(tokens))).mappings()]
            all_sessions = [Session(**row) for row in (await connection.execute(select(sessions))).mappings()]
        return Everything(
            version,
            {user.id: user for user in all_users},
            {token.id: token for token in all_tokens},
            {session.id: session for session in all_sessions},
        )

    async def add_user(self, user: User) -> None:
        """A new one; raises :class:`AccessRefused`, as all of these do."""
        async with self._database.write() as connection:
            if int(await connection.scalar(select(func.count()).select_from(users)) or 0) >= MOST_USERS:
                raise AccessRefused("too-many-users", f"There are {MOST_USERS} users already. Remove one first.")
            if await connection.scalar(select(users.c.id).where(users.c.name == user.name)):
                raise _taken(user.name)
            try:
                await connection.execute(insert(users).values(**_row_of(user)))
            except IntegrityError as error:  # another server was quicker
                raise _taken(user.name) from error
            await _changed(connection)

    async def change_user(
        self, user_id: str, changes: Mapping[str, Any], *, log_out: bool, but: str | None = None
    ) -> User:
        """Change role or password. ``log_out``: its sessions end, ``but`` for this one."""
        own = users.c.id == user_id
        async with self._database.write() as connection:
            user = await self._one(connection, user_id)
            if user.role is Role.ADMIN and changes.get("role", Role.ADMIN) != Role.ADMIN:
                await self._not_the_last(connection, user)
            if changes:
                await connection.execute(update(users).where(own).values(**changes))
            if log_out:
                ends = (sessions.c.user_id == user_id) & (sessions.c.id != (but or ""))
                await connection.execute(delete(sessions).where(ends))
            await _changed(connection)
            return await self._one(connection, user_id)

    async def remove_user(self, user_id: str) -> User:
        """It is gone, and its sessions with it. There always is an admin left where there was one."""
        async with self._database.write() as connection:
            user = await self._one(connection, user_id)
            if user.role is Role.ADMIN:
                await self._not_the_last(connection, user)
            await connection.execute(delete(users).where(users.c.id == user_id))
            await _changed(connection)
            return user

    async def add_token(self, token: Token) -> None:
        """A new one."""
        async with self._database.write() as connection:
            if int(await connection.scalar(select(func.count()).select_from(tokens)) or 0) >= MOST_TOKENS:
                raise AccessRefused("too-many-tokens", f"There are {MOST_TOKENS} tokens already. Revoke one first.")
            await connection.execute(insert(tokens).values(**_row_of(token)))
            await _changed(connection)

    async def add_first_token(self, token: Token) -> bool:
        """The same, where nobody has access yet; whether it was so. Two servers may start at once."""
        async with self._database.write() as connection:
            await self._database.append_in_order(connection)
            for table in (users, tokens):
                if await connection.scalar(select(func.count()).select_from(table)):
                    return False
            await connection.execute(insert(tokens).values(**_row_of(token)))
            await _changed(connection)
            return True

    async def remove_token(self, token_id: str) -> Token:
        """It is gone, and the sessions begun with it."""
        async with self._database.write() as connection:
            row = (await connection.execute(select(tokens).where(tokens.c.id == token_id))).mappings().one_or_none()
            if row is None:
                raise AccessRefused("unknown-token", f"There is no token {token_id[:80]!r}.")
            await connection.execute(delete(tokens).where(tokens.c.id == token_id))
            await _changed(connection)
            return _token(row)

    async def add_session(self, session: Session) -> None:
        """A new one. Of too many, the oldest ends."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires_at < session.created_at))
            too_many = select(sessions.c.id).order_by(sessions.c.created_at.desc()).offset(MOST_SESSIONS - 1)
            await connection.execute(delete(sessions).where(sessions.c.id.in_(too_many)))
            await connection.execute(insert(sessions).values(**_row_of(session)))
            if session.user_id:
                own = users.c.id == session.user_id
                await connection.execute(update(users).where(own).values(last_login_at=session.created_at))
            await _changed(connection)

    async def remove_session(self, session_id: str) -> None:
        """It has ended."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.id == session_id))
            await _changed(connection)

    async def used(self, last_used: Mapping[str, float]) -> None:
        """When tokens were used last. That makes no new version."""
        async with self._database.write() as connection:
            for token_id, at in last_used.items():
                await connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=at))

    async def _one(self, connection: AsyncConnection, user_id: str) -> User:
        query = select(users).where(users.c.id == user_id)
        if not self._database.is_sqlite:
            query = query.with_for_update()
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise AccessRefused("unknown-user", f"There is no user {user_id[:80]!r}.")
        return _user(row)

    async def _not_the_last(self, connection: AsyncConnection, user: User) -> None:
        await self._database.append_in_order(connection)  # of two admins who remove each other, one comes second
        others = select(func.count()).where(users.c.role == Role.ADMIN, users.c.id != user.id)
        if not await connection.scalar(others):
            raise AccessRefused("last-admin", f"{user.name} is the last admin. Make another user admin first.")


async def _version(connection: AsyncConnection) -> str:
    return str(await connection.scalar(select(keys.c.value).where(keys.c.name == VERSION)))


async def _changed(connection: AsyncConnection) -> None:
    values = {"name": VERSION, "value": secrets.token_hex(8)}
    put = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(keys).values(**values)
    await connection.execute(put.on_conflict_do_update(index_elements=["name"], set_={"value": values["value"]}))


def _taken(name: str) -> AccessRefused:
    return AccessRefused("user-exists", f"There is a user named {name} already. Choose another name.")


def _row_of(thing: User | Token | Session) -> dict[str, Any]:
    row = {name: getattr(thing, name) for name in thing.__dataclass_fields__}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def _user(row: RowMapping) -> User:
    return User(**{**row, "role": Role(row["role"])})


def _token(row: RowMapping) -> Token:
    return Token(**{**row, "role": Role(row["role"]) if row["role"] else None, "scopes": tuple(row["scopes"])})
