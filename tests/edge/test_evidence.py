"""The files of evidence as they are given out: whole, in ranges, by links; and plain words for all else."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web

from server.config import load_settings
from server.core.evidence import CLIP
from server.core.identifiers import uuid7
from server.core.links import evidence_links, evidence_path, sign
from server.edge import evidence as module
from server.edge.evidence import EvidenceRoutes
from server.edge.http import make_app
from server.edge.sessions import SessionPlaces
from server.evidence.folder import EvidenceFolder
from server.store.evidence import EvidenceRows, EvidenceState
from server.store.rows import EvidenceFile

from ..evidence.stage import Stage, staged
from ..store.test_evidence import add_event
from ..support.access import local_guard
from ..support.s3 import FakeS3, fake_s3
from ..support.server import Answer, Client, Server, client_of
from ..support.waiting import eventually

KEY = b"k" * 32
PLACES = 3
CONTENT = bytes(range(256)) * 4000
NOBODY = uuid7(1_790_000_000, b"n" * 10)


@dataclass(frozen=True, slots=True)
class Counter:
    """A client of the route, and an event whose evidence is one clip."""

    client: Client
    stage: Stage
    event: str
    file: EvidenceFile

    def path(self, name: str = CLIP, query: str = "") -> str:
        return evidence_path(self.event, name) + query

    async def get(self, name: str = CLIP, query: str = "", **headers: str) -> Answer:
        return await self.client.get(
            self.path(name, query), headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    @property
    def rows(self) -> EvidenceRows:
        return self.stage.rows


@asynccontextmanager
async def opened(folder: Path, **changes: Any) -> AsyncIterator[Counter]:
    async with staged(folder, **changes) as stage:
        event = await add_event(stage.database, (1_790_000_000 - time.time()) / 86_400)
        file = EvidenceFolder(stage.folder).write(event, CLIP, CONTENT)
        assert await stage.rows.save(event, EvidenceState.COMPLETE, [file], time.time())
        routes = EvidenceRoutes(stage.evidence, KEY, SessionPlaces(PLACES, stage.metrics))
        runner = web.AppRunner(make_app(routes.routes(), (), local_guard()))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = Server(f"http://127.0.0.1:{runner.addresses[0][1]}", load_settings(None))
        try:
            async with client_of(server) as client:
                yield Counter(client, stage, event, file)
        finally:
            await runner.cleanup()


@pytest_asyncio.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    async with opened(tmp_path) as counter:
        yield counter


async def test_a_file_says_what_it_is(counter: Counter) -> None:
    answer = await counter.get()
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Etag"] == f'"{counter.file.sha256}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Disposition" not in answer.headers
    head = await counter.client.send("HEAD", counter.path())
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


async def test_it_can_be_taken_away_under_a_good_name(counter: Counter) -> None:
    answer = await counter.get(query="?download=1")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{counter.event}-clip.mp4"'


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-", 0, 1_024_000),
        ("bytes=0-0", 0, 1),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=1023990-", 1_023_990, 1_024_000),
        ("bytes=-5", 1_023_995, 1_024_000),
        ("bytes=1023999-9999999", 1_023_999, 1_024_000),
        ("bytes=-9999999", 0, 1_024_000),
    ],
)
async def test_a_range(asked: str, start: int, stop: int, counter: Counter) -> None:
    answer = await counter.get(Range=asked)
    assert answer.status == 206
    assert answer.body == CONTENT[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "nonsense", "bytes=a-b"])
async def test_a_range_that_is_not_understood_is_passed_over(asked: str, counter: Counter) -> None:
    answer = await counter.get(Range=asked)
    assert (answer.status, answer.body) == (200, CONTENT)


async def test_a_range_past_the_end(counter: Counter) -> None:
    answer = await counter.get(Range="bytes=1024000-")
    answer.problem("range-not-satisfiable", 416)
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


async def test_what_the_browser_has_is_not_sent_again(counter: Counter) -> None:
    tag = f'"{counter.file.sha256}"'
    assert (await counter.get(If_None_Match=tag)).status == 304
    assert (await counter.get(If_None_Match=f'"other", {tag}')).status == 304
    assert (await counter.get(If_None_Match='"other"')).status == 200
    assert (await counter.get(Range="bytes=0-9", If_Range=tag)).status == 206
    assert (await counter.get(Range="bytes=0-9", If_Range='"other"')).status == 200


# --- links -----------------------------------------------------------------------------------------------------------


async def test_a_link_opens_its_file_until_it_expires(counter: Counter) -> None:
    link = next(
        link for link in evidence_links(counter.event, "https://elsewhere", KEY, time.time(), 1) if link["name"] == CLIP
    )
    url = urlsplit(link["url"])
    assert (await counter.client.get(f"{url.path}?{url.query}")).body == CONTENT
    late = sign(KEY, counter.path(), int(time.time()) - 1)
    assert "expired" in (await counter.client.get(f"{counter.path()}?{late}")).problem("link-expired", 403)


@pytest.mark.parametrize(
    "query",
    [
        "?expires=9999999999",
        "?signature=x",
        "?expires=9999999999&signature=x",
        "?expires=&signature=",
        "?expires=x&signature=%FF",
    ],
)
async def test_a_link_that_was_not_made_here_opens_nothing(query: str, counter: Counter) -> None:
    (await counter.get(query=query)).problem("wrong-signature", 403)


async def test_a_link_opens_no_other_file(counter: Counter) -> None:
    query = sign(KEY, evidence_path(counter.event, "clean.jpg"), 9_999_999_999)
    (await counter.client.get(f"{counter.path()}?{query}")).problem("wrong-signature", 403)


# --- what is not there -----------------------------------------------------------------------------------------------


async def test_an_event_that_is_not_there(counter: Counter) -> None:
    for event in (NOBODY, "x", "..%2F..%2Fvigie.db", "%00", "a" * 500):
        (await counter.client.get(f"/api/v1/events/{event}/evidence/clip.mp4")).problem("unknown-event", 404)


@pytest.mark.parametrize("name", ["clean.jpg", "vigie.db", "..%2Fclip.mp4", "clip.mp4%00", "x" * 300])
async def test_a_file_that_is_not_there(name: str, counter: Counter) -> None:
    (await counter.get(name)).problem("no-evidence", 404)


async def test_while_it_is_written(counter: Counter) -> None:
    assert await counter.rows.save(counter.event, EvidenceState.WRITING, [], time.time())
    answer = await counter.get("manifest.json")
    assert "seconds" in answer.problem("evidence-not-ready", 425)
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await counter.get()).status == 200, "what is there already can be had"
    (await counter.get("other.txt")).problem("no-evidence", 404)


async def test_at_the_moment_of_confirmation(counter: Counter) -> None:
    """Before the first row is written, and even before the event is."""
    event = await counter.stage.confirm()
    answers = [await counter.client.get(evidence_path(event.id, name)) for name in ("thumb.jpg", CLIP)]
    answers[1].problem("evidence-not-ready", 425)
    await eventually(lambda: _status(counter, evidence_path(event.id, "thumb.jpg"), 200))


async def _status(counter: Counter, path: str, status: int) -> bool:
    return (await counter.client.get(path)).status == status


async def test_once_it_is_removed(counter: Counter) -> None:
    assert await counter.stage.evidence._retention.remove(counter.event)
    (await counter.get()).problem("evidence-removed", 410)


async def test_an_event_without_any(counter: Counter) -> None:
    event = await add_event(counter.stage.database, 3)
    (await counter.client.get(evidence_path(event, CLIP))).problem("no-evidence", 404)


async def test_a_file_that_was_taken_away_by_hand(counter: Counter) -> None:
    counter.stage.evidence._folder.path(counter.event, CLIP).unlink()
    (await counter.get()).problem("no-evidence", 404)


async def test_a_reader_that_leaves_in_the_middle_harms_nobody(counter: Counter) -> None:
    for _ in range(3):
        async with counter.client.http.get(counter.client.server.url + counter.path()) as response:
            await response.content.read(1000)
            response.close()
    assert (await counter.get()).body == CONTENT


@asynccontextmanager
async def stalled(counter: Counter, path: str) -> AsyncIterator[socket.socket]:
    """Somebody who asks for a file and reads nothing of it, for as long as the block runs."""
    url, loop = urlsplit(counter.client.server.url), asyncio.get_running_loop()
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, (url.hostname, url.port))
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        yield connection


async def is_cut_off(connection: socket.socket) -> bool:
    """Whether it ends, after what is on its way."""
    with suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            while await asyncio.get_running_loop().sock_recv(connection, 1 << 20):
                pass
    return True


async def test_readers_that_stall_are_few_and_are_cut_off(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    file = EvidenceFolder(counter.stage.folder).write(counter.event, "clean.jpg", bytes(12_000_000))
    assert await counter.rows.save(counter.event, EvidenceState.COMPLETE, [file], time.time())
    path = counter.path("clean.jpg")

    def reading() -> float:
        return counter.stage.metrics.registry.get_sample_value("vigie_sessions", {"transport": "evidence"}) or 0

    async with AsyncExitStack() as stack:
        for _ in range(PLACES):
            await stack.enter_async_context(stalled(counter, path))
        await eventually(lambda: reading() == PLACES, "all to begin")
        (await counter.get()).problem("too-many-sessions", 503)
        assert (await counter.client.send("HEAD", counter.path())).status == 200, "that needs no place"
        assert reading() == PLACES
    await eventually(lambda: not reading(), "those that left to be gone")
    monkeypatch.setattr(module, "SEND_TIMEOUT_S", 0.3)
    async with stalled(counter, path) as connection:
        await eventually(lambda: reading() == 1, "it to begin")
        await eventually(lambda: not reading(), "its place to be free")
        assert await is_cut_off(connection)
        assert (await counter.get()).body == CONTENT


# --- from a bucket ---------------------------------------------------------------------------------------------------


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with fake_s3(monkeypatch) as server:
        yield server


async def test_from_a_bucket_through_the_server(s3: FakeS3, tmp_path: Path) -> None:
    async with opened(tmp_path, **s3.settings()) as counter:
        evidence = counter.stage.evidence
        assert evidence._bucket
        path = evidence._folder.path(counter.event, CLIP)
        await evidence._bucket.put(counter.event, CLIP, path)
        path.unlink()
        assert (await counter.get()).body == CONTENT
        assert (await counter.get(Range="bytes=1000-1999")).body == CONTENT[1000:2000]
        s3.stop()
        answer = await counter.get()
        answer.problem("evidence-away", 503)
        assert answer.headers["Retry-After"] == "30"
