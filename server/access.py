"""Who may use this server: users, tokens and sessions, looked up without asking the database each time."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .background import Background
from .config import AccessSettings
from .core.access import PERMISSIONS, SESSION, TOKEN, Permission, Principal, Role, hash_of, neighbourhood, secret_of
from .core.guesses import Guesses
from .core.identifiers import uuid7
from .store.access import AccessRows, Everything, Session, Token, User
from .store.database import Database, is_transient, plain_words

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""So soon a stream ends after its session or token did, and a change by another server is known."""

LOOK_AGAIN_S = 0.2
"""A secret that is not known may be newer than what is known. For a guesser that is looked up no more often."""

USED_EVERY_S = 15.0
DAY_S = 86_400.0
MOST_CHECKS = 8
"""Passwords being checked or waiting for it; each check takes 64 MiB and a twentieth of a second, by design."""

ACCOUNT_FACTOR = 5
"""An account may be guessed at so many times as often as an address may guess, before strangers must wait."""


class WrongLogin(Exception):
    """Name and password, or the token, are not right."""


class MustWait(Exception):
    """There were too many wrong guesses; ``seconds`` are left."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds:.0f} s")
        self.seconds = seconds


class ChecksBusy(Exception):
    """Other passwords are being checked."""


class Access(Background):
    """Open it in a context manager. All is known in memory; each change is in the database before it is known."""

    def __init__(self, database: Database, settings: AccessSettings) -> None:
        super().__init__("access")
        self._rows = AccessRows(database)
        self._settings = settings
        self._everything = Everything("", {}, {}, {})
        self._by_hash: dict[str, Token | Session] = {}
        self._looked = float("-inf")
        self._looking, self._loading = asyncio.Lock(), asyncio.Lock()
        self._leases: dict[str, dict[object, Callable[[], None]]] = {}
        self._used: dict[str, float] = {}
        self._addresses, self._accounts = Guesses(settings.guesses), Guesses(settings.guesses * ACCOUNT_FACTOR)
        self._hasher = PasswordHasher()
        self._checking: set[str] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    async def __aenter__(self) -> Self:
        """Read what there is."""
        await self._load()
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        await self._tell_used()
        await asyncio.to_thread(self._pool.shutdown)

    async def work(self) -> None:
        """Notice what ended, and what others changed."""
        told = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look(time.monotonic())
            self._end_leases()
            if time.monotonic() - told >= USED_EVERY_S:
                await self._tell_used()
                told = time.monotonic()

    # --- who asks ----------------------------------------------------------------------------------------------------

    async def principal(self, secret: str, *, by_guesser: bool = False) -> Principal | None:
        """Whose token or session this is; None for one that is unknown or has ended. ``by_guesser``: from where too
        many were wrong already."""
        found = self._find(secret)
        if found is None:
            await (self._look_for_a_guesser() if by_guesser else self._look(time.monotonic()))
            found = self._find(secret)
        principal = self._principal_of(found) if found else None
        if principal and principal.kind == "token" and principal.subject:
            self._used[principal.subject] = time.time()
        return principal

    def principal_by(self, credential: str) -> Principal | None:
        """Whose session or token has this id; None for one that is unknown or has ended."""
        found = self._everything.sessions.get(credential) or self._everything.tokens.get(credential)
        return self._principal_of(found) if found else None

    @contextmanager
    def lease(self, principal: Principal, end: Callable[[], None]) -> Iterator[None]:
        """For as long as the block runs, ``end`` is called when the principal's session or token ends."""
        credential, key = principal.credential, object()
        if credential is None:
            yield
            return
        self._leases.setdefault(credential, {})[key] = end
        try:
            if not self._stands(credential):  # it ended while the work for it began
                end()
            yield
        finally:
            ends = self._leases[credential]
            del ends[key]
            if not ends:
                del self._leases[credential]

    # --- guesses -----------------------------------------------------------------------------------------------------

    def wait_s(self, address: str) -> float:
        """How long guesses from an address are not even looked at; 0: they are."""
        return self._addresses.wait_s(neighbourhood(address), time.monotonic())

    def guessed_wrong(self, address: str) -> bool:
        """One more wrong guess; whether the address must wait from here on."""
        return self._addresses.wrong(neighbourhood(address), time.monotonic())

    # --- logging in --------------------------------------------------------------------------------------------------

    async def log_in(self, name: str, password: str, address: str, *, local: bool) -> tuple[str, Session]:
        """A session by name and password -> its secret and itself; raises :class:`WrongLogin`, :class:`MustWait` or
        :class:`ChecksBusy`. ``local``: from this machine, whose guesses are not counted."""
        place = neighbourhood(address)
        user = self._named(name)
        self._may_try(place, name, user, local)
        if user is None:  # made by another server, or by the command line, a moment ago
            await self._look_for_a_guesser()
            user = self._named(name)
        right = await self._check_in_turn(place, user, password)
        if user is None or not right:
            if not local:
                self._accounts.wrong(name, time.monotonic())
            raise WrongLogin
        self._addresses.right(place)
        return await self._begin(address, user_id=user.id, until=None)

    async def log_in_with_token(self, principal: Principal, address: str) -> tuple[str, Session]:
        """A session that ends with its token."""
        self._addresses.right(neighbourhood(address))
        return await self._begin(address, token_id=principal.subject, until=principal.expires_at)

    async def log_out(self, session_id: str) -> None:
        """The session ends, and what was opened with it."""
        await self._rows.remove_session(session_id)
        await self._load()

    async def knows_password(self, user_id: str, password: str) -> bool:
        """Whether this is a user's password; raises :class:`ChecksBusy`."""
        return await self._check_in_turn(user_id, self._everything.users.get(user_id), password)

    # --- users and tokens --------------------------------------------------------------------------------------------

    @property
    def users(self) -> list[User]:
        """All, by name."""
        return sorted(self._everything.users.values(), key=lambda user: user.name)

    @property
    def tokens(self) -> list[Token]:
        """All, the newest first, with their last use."""
        known = [
            replace(t, last_used_at=self._used.get(t.id, t.last_used_at)) for t in self._everything.tokens.values()
        ]
        return sorted(known, key=lambda token: token.id, reverse=True)

    async def add_user(self, name: str, password: str, role: Role) -> User:
        """A new one; raises :class:`server.store.access.AccessRefused`, as all of these do."""
        user = User(_new_id(), name, role, time.time(), await self._hash(password))
        await self._rows.add_user(user)
        await self._load()
        return user

    async def change_user(
        self, user_id: str, *, role: Role | None = None, password: str | None = None, but: str | None = None
    ) -> User:
        """Another role or password: what the user has open ends, ``but`` for one session."""
        changes: dict[str, Any] = {}
        if role:
            changes["role"] = role
        if password is not None:
            changes["password"] = await self._hash(password)
        user = await self._rows.change_user(user_id, changes, log_out=True, but=but)
        await self._load()
        return user

    async def remove_user(self, user_id: str) -> User:
        """It is gone, and what it has open ends."""
        user = await self._rows.remove_user(user_id)
        await self._load()
        return user

    async def add_token(
        self, name: str, by: str, *, role: Role | None = None, scopes: tuple[str, ...] = (), days: float | None = None
    ) -> tuple[str, Token]:
        """A new one -> its secret, which is known nowhere else, and what is kept of it."""
        secret, token = _new_token(name, by, role, scopes, days)
        await self._rows.add_token(token)
        await self._load()
        return secret, token

    async def first_token(self) -> str | None:
        """An admin's token where there is neither user nor token yet; None where there is."""
        secret, token = _new_token("first start", "vigie", Role.ADMIN, (), None)
        if self._everything.users or self._everything.tokens or not await self._rows.add_first_token(token):
            return None
        await self._load()
        return secret

    async def revoke_token(self, token_id: str) -> Token:
        """It is gone, and what was opened with it ends."""
        token = await self._rows.remove_token(token_id)
        self._used.pop(token_id, None)
        await self._load()
        return token

    # --- within ------------------------------------------------------------------------------------------------------

    def _named(self, name: str) -> User | None:
        return next((user for user in self._everything.users.values() if user.name == name), None)

    def _may_try(self, place: str, name: str, user: User | None, local: bool) -> None:
        now = time.monotonic()
        wait = 0.0 if local else self._addresses.wait_s(place, now)
        # Whoever has logged in from here before is no stranger: guessers elsewhere do not keep him out.
        sessions = self._everything.sessions.values() if user else ()
        at_home = local or any(user and s.user_id == user.id and neighbourhood(s.address) == place for s in sessions)
        if not at_home:
            wait = max(wait, self._accounts.wait_s(name, now))
        if wait:
            raise MustWait(wait)

    async def _check_in_turn(self, whose: str, user: User | None, password: str) -> bool:
        """One for each at a time, and not too many in all: each takes memory and time."""
        if whose in self._checking or len(self._checking) >= MOST_CHECKS:
            raise ChecksBusy
        self._checking.add(whose)
        try:
            return await self._check(user.password if user else None, password)
        finally:
            self._checking.discard(whose)

    async def _check(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one kept. Where there is no such user it takes as long, and is wrong."""

        def check() -> bool:
            if kept is None:
                self._hasher.hash(password)
                return False
            try:
                return self._hasher.verify(kept, password)
            except (VerificationError, InvalidHashError):
                return False

        return await asyncio.get_running_loop().run_in_executor(self._pool, check)

    async def _hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def _begin(
        self, address: str, *, until: float | None, user_id: str | None = None, token_id: str | None = None
    ) -> tuple[str, Session]:
        secret, now = secret_of(SESSION, secrets.token_bytes(32)), time.time()
        ends = now + self._settings.session_days * DAY_S
        ends = min(ends, until) if until is not None else ends
        session = Session(_new_id(), hash_of(secret), user_id, token_id, address[:45], now, ends)
        await self._rows.add_session(session)
        await self._load()
        return secret, session

    def _find(self, secret: str) -> Token | Session | None:
        hashed = hash_of(secret)
        found = self._by_hash.get(hashed)
        return found if found and hmac.compare_digest(found.hash, hashed) else None

    def _principal_of(self, found: Token | Session) -> Principal | None:
        if found.expires_at is not None and found.expires_at <= time.time():
            return None
        if isinstance(found, Token):
            scopes = frozenset(one for one in Permission if one in found.scopes)  # a newer Vigie may know others
            permissions = PERMISSIONS[found.role] if found.role else scopes
            return Principal("token", found.name, permissions, found.role, found.id, found.id, found.expires_at)
        if found.token_id:
            token = self._everything.tokens.get(found.token_id)
            behind = self._principal_of(token) if token else None
            return replace(behind, credential=found.id, expires_at=found.expires_at) if behind else None
        user = self._everything.users.get(found.user_id or "")
        if user is None:
            return None
        return Principal("user", user.name, PERMISSIONS[user.role], user.role, found.id, user.id, found.expires_at)

    def _stands(self, credential: str) -> bool:
        return self.principal_by(credential) is not None

    def _end_leases(self) -> None:
        for credential in [credential for credential in self._leases if not self._stands(credential)]:
            for end in list(self._leases[credential].values()):
                end()

    async def _look_for_a_guesser(self) -> None:
        """As :meth:`_look`, but not each time."""
        asked = time.monotonic()
        if asked - self._looked >= LOOK_AGAIN_S:
            await self._look(asked)

    async def _look(self, asked: float) -> None:
        """Read it anew where it has changed; one look is enough for all who asked before it began. While the database
        is away, what is known goes on to count."""
        async with self._looking:
            if self._looked >= asked:
                return
            self._looked = time.monotonic()
            try:
                if await self._rows.version() != self._everything.version:
                    await self._load()
            except Exception as error:
                log.warning("who has access cannot be read: %s", plain_words(error), exc_info=not is_transient(error))

    async def _load(self) -> None:
        async with self._loading:  # of two who read, the later one has read later
            everything = await self._rows.everything()
            self._everything = everything
            found: list[Token | Session] = [*everything.tokens.values(), *everything.sessions.values()]
            self._by_hash = {one.hash: one for one in found}
        self._end_leases()

    async def _tell_used(self) -> None:
        used, self._used = self._used, {}
        try:
            if used:
                await self._rows.used(used)
                tokens = self._everything.tokens
                for token_id in used.keys() & tokens.keys():
                    tokens[token_id] = replace(tokens[token_id], last_used_at=used[token_id])
        except Exception as error:
            self._used = {**used, **self._used}
            log.warning("the last use of tokens is not kept: %s", plain_words(error), exc_info=not is_transient(error))


def _new_id() -> str:
    return uuid7(time.time(), secrets.token_bytes(10))


def _new_token(name: str, by: str, role: Role | None, scopes: tuple[str, ...], days: float | None) -> tuple[str, Token]:
    secret, now = secret_of(TOKEN, secrets.token_bytes(32)), time.time()
    expires = None if days is None else now + days * DAY_S
    return secret, Token(_new_id(), name, by, now, hash_of(secret), role, scopes, expires)
