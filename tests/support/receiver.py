"""A receiver of webhooks: a real HTTP server that remembers what it got and answers as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from .rtsp import free_port


@dataclass(frozen=True, slots=True)
class Got:
    """One request. ``at``: monotonic seconds when it had arrived; ``peer``: the port it came from."""

    id: str
    headers: dict[str, str]
    body: bytes
    at: float
    peer: int

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        body = json.loads(self.body)
        assert isinstance(body, dict)
        return body

    def verify(self, secret: str) -> None:
        """Check the signature as any receiver would; raises WebhookVerificationError."""
        Webhook(secret).verify(self.body, self.headers)


Answer = Callable[["Receiver", Got], Awaitable[web.StreamResponse]]


def status(code: int, text: str = "", **headers: str) -> Answer:
    """Answer with this status at once; headers with underscores for dashes."""

    async def answer(receiver: Receiver, got: Got) -> web.StreamResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=names)

    return answer


def slowly(code: int) -> Answer:
    """Answer with this status, but only once the receiver is let go."""

    async def answer(receiver: Receiver, got: Got) -> web.StreamResponse:
        await receiver.let_go.wait()
        return web.Response(status=code)

    return answer


silence = slowly(503)


@dataclass(slots=True)
class Receiver:
    """Answers the first requests by ``first``, one each, and all others by ``usual``."""

    port: int
    usual: Answer = field(default_factory=lambda: status(200, "thanks"))
    first: list[Answer] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    most_at_once: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _now: int = 0

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        """Where to post to."""
        return f"http://{host}:{self.port}{path}"

    def ids(self) -> list[str]:
        """The ids of all requests, in the order in which they came."""
        return [got.id for got in self.got]

    def types(self) -> list[str]:
        """The types of all requests."""
        return [got.json["type"] for got in self.got]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        body = await request.content.read()  # of any size
        assert request.transport
        peer = request.transport.get_extra_info("peername")[1]
        got = Got(request.headers.get("webhook-id", ""), dict(request.headers), body, time.monotonic(), peer)
        self.got.append(got)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await (self.first.pop(0) if self.first else self.usual)(self, got)
        finally:
            self._now -= 1


@asynccontextmanager
async def receiving(
    usual: Answer | None = None, first: Iterable[Answer] = (), port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver on a free port, or on this one, for as long as the block runs."""
    receiver = Receiver(port or free_port(), first=list(first))
    if usual:
        receiver.usual = usual
    runner = web.ServerRunner(web.Server(receiver.handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", receiver.port).start()
        yield receiver
    finally:
        receiver.let_go.set()
        await runner.cleanup()
