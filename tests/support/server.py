"""A real server in this process, and a client that reads its answers."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from server.app import running
from server.config import Settings, load_settings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, and the settings it runs with."""

    url: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Json:
        """The body as a JSON object."""
        body = json.loads(self.body)
        assert isinstance(body, dict)
        return body

    def problem(self, slug: str, status: int) -> str:
        """Check that this is the problem document expected, and return its detail."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        body = self.json()
        assert body == {
            "type": f"urn:vigie:problem:{slug}",
            "title": body["title"],
            "status": status,
            "detail": body["detail"],
        }
        assert self.status == status
        assert body["title"]
        assert body["detail"].endswith(".")
        assert " " in body["detail"], "the detail is a sentence"
        return str(body["detail"])


class Client:
    """Talks to one server."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        """One request."""
        async with self.http.request(method, self.server.url + path, **options) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        """``GET``."""
        return await self.send("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Answer:
        """``POST``."""
        return await self.send("POST", path, **options)

    async def detect(self, picture: bytes, query: str = "", kind: str = "image/jpeg") -> Answer:
        """A picture as the raw body of a request to be looked at."""
        return await self.post(f"/api/v1/detect{query}", data=io.BytesIO(picture), headers={"Content-Type": kind})

    async def metrics(self) -> dict[str, float]:
        """All samples of ``/metrics``, each named ``name`` or ``name{label}`` (the labels' values, comma separated)."""
        text = (await self.get("/metrics")).text
        return {
            sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def metric(self, name: str) -> float:
        """One sample, 0 where it was never counted."""
        return (await self.metrics()).get(name, 0.0)

    async def in_use(self) -> str:
        """Which browser sessions the server still has, or an empty text."""
        samples = await self.metrics()
        names = ("vigie_sessions{", "vigie_feeds{websocket", "vigie_feeds{webcam")
        return ", ".join(f"{name} {value:g}" for name, value in samples.items() if name.startswith(names) and value)

    async def is_idle(self) -> bool:
        """Whether the server has no browser session."""
        return not await self.in_use()

    async def is_well(self) -> None:
        """The server still answers, and keeps no session."""
        assert (await self.get("/healthz")).text == "ok"
        assert (await self.get("/readyz")).status == 200


def own_folder(folder: Path, data_dir: Path) -> Path:
    """A data folder with nothing in it but the compiled models of another, so that its first start is quick."""
    (data_dir / "cache").mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    (folder / "cache").symlink_to(data_dir / "cache")
    return folder


SHARED = "compiled-models"
"""How the folder is named whose compiled models all servers of a run share, but not their cameras and events."""


@asynccontextmanager
async def serving(data_dir: Path, *, warm: bool = True, **settings: Any) -> AsyncIterator[Server]:
    """A server on a free port of this machine for as long as the block runs; ``warm``: once its model is ready."""
    if data_dir.name.startswith(SHARED):
        data_dir = own_folder(Path(mkdtemp(prefix="server-", dir=data_dir.parent)), data_dir)
    complete = load_settings(None, **{"port": 0, "data_dir": data_dir, **settings})
    async with running(complete) as started:
        if warm:
            await started.ready.wait()
        yield Server(started.url, complete)


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[Client]:
    """A client whose connections close with the block."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Client(server, http)
