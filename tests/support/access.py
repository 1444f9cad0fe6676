"""Visitors from elsewhere, and a guard for routes that are tested alone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp

from server.access import Access
from server.auditlog import AuditLog
from server.config import AccessSettings
from server.core.access import Role
from server.edge.guard import Guard
from server.store.access import AccessRows, Token
from server.store.audit import AuditRows
from server.store.database import Database

from .server import Answer, Server

REMOTE: dict[str, Any] = {"access": {"proxies": ["127.0.0.1"]}}
"""Settings by which tests on this machine may come from anywhere: as a proxy would bring them."""


def local_guard() -> Guard:
    """It knows nobody, so that only this machine gets in; what it would write down is kept nowhere."""
    settings, unopened = AccessSettings(), Database("sqlite:///nowhere.db")
    audit = AuditLog(AuditRows(unopened, settings.audit_most), settings.audit_days)
    return Guard(Access(unopened, settings), audit, settings, (), b"the key of a test")


class Visitor:
    """Somebody at another address, with a token or without, whose browser keeps cookies."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, address: str) -> None:
        self.server = server
        self.http = http
        self.address = address
        self.token: str | None = None

    def request(self, method: str, path: str, **options: Any) -> Any:
        """A request whose answer is read by the caller."""
        headers = {"X-Forwarded-For": self.address, **options.pop("headers", {})}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.http.request(method, self.server.url + path, headers=headers, **options)

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        """A request, and its answer read to the end."""
        async with self.request(method, path, **options) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        """``GET``."""
        return await self.send("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Answer:
        """``POST``."""
        return await self.send("POST", path, **options)

    async def log_in(self, **body: str) -> Answer:
        """With name and password, or a token."""
        return await self.post("/api/v1/session", json=body)


@asynccontextmanager
async def visited(server: Server, role: Role | None, address: str = "198.51.100.7") -> AsyncIterator[Visitor]:
    """A visitor with a token of a role, or with nothing."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        visitor = Visitor(server, http, address)
        if role:
            visitor.token = await token_for(server, role=role)
        yield visitor


async def token_for(server: Server, **values: Any) -> str:
    """A token put into the server's database, as another server would."""
    secret = f"vigie_{uuid4().hex}"
    kept = Token(str(uuid4()), "a test", "tests", time.time(), hashlib.sha256(secret.encode()).hexdigest(), **values)
    async with Database(f"sqlite:///{server.settings.data_dir / 'vigie.db'}") as database:
        await AccessRows(database).add_token(kept)
    return secret
