"""``kill -9`` of the whole server while its cameras see guns: alerts, the live stream and evidence."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import RowMapping, select

from server.core.evidence import folder_of
from server.store.database import Database
from server.store.schema import evidence

from ..support.media import GUN_CLIP
from ..support.receiver import receiving
from ..support.rtsp import free_port
from ..support.server import own_folder
from ..support.sse import Sent, event_source
from ..support.waiting import eventually
from .audience import all_told, checking
from .process import Told
from .proof import Kept, kept_in, mistakes

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 4
STARTING_S, WATCHING_S = 2.0, 9.0
"""Within which time the kill comes: once, from the start of the process; and else, once it is ready."""

ENVIRONMENT = {
    "VIGIE_WEBHOOKS__ALLOW_PRIVATE": "1",
    "VIGIE_EVIDENCE__BEFORE_S": "1",
    "VIGIE_EVIDENCE__AFTER_S": "1",
    "VIGIE_LOG_LEVEL": "WARNING",
}


@asynccontextmanager
async def server(folder: Path, port: int, cameras: int) -> AsyncIterator[Process]:
    """The server, which sees the same clip at each of its cameras; killed with the end of the block."""
    sources = [f"--source=walk-{number}={GUN_CLIP}" for number in range(cameras)]
    command = (sys.executable, "-m", "server", f"--port={port}", f"--data-dir={folder}", *sources)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=bare | ENVIRONMENT, stdout=PIPE)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ready(process: Process) -> None:
    """Wait until it says so."""
    assert process.stdout
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    assert re.match(rb"Vigie is ready: ", line)


class Listener:
    """Reads the live stream; when it breaks off, goes on from where it was."""

    def __init__(self, url: str) -> None:
        self.sent: list[Sent] = []
        self._url = url

    async def listen(self) -> None:
        """Until cancelled."""
        last = "0"
        while True:
            with suppress(aiohttp.ClientError, EOFError):
                async with event_source(self._url, last) as source:
                    while True:
                        self.sent.append(await source.next())
                        last = source.last_id
            await asyncio.sleep(0.05)

    def told(self) -> list[Told]:
        """All that it was told."""
        datas: Iterator[dict[str, Any]] = (sent.data["data"] for sent in self.sent)
        return [Told(data["id"], data["revision"], data["state"]) for data in datas]


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    """A listener for as long as the block runs."""
    listener = Listener(url)
    task = asyncio.create_task(listener.listen())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def subscribe(url: str, hook: str) -> tuple[str, str]:
    """A webhook for everything; gives its id and its secret."""
    states = ["suspected", "confirmed", "ended", "retracted", "judged"]
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/api/v1/webhooks", json={"url": hook, "states": states}) as answer,
    ):
        assert answer.status == 201, await answer.text()
        webhook = await answer.json()
        return webhook["id"], webhook["secret"]


async def evidence_rows(database: Database) -> list[RowMapping]:
    async with database.read() as connection:
        return list((await connection.execute(select(evidence))).mappings())


async def all_written(database: Database) -> bool:
    """Whether no evidence is being written any more."""
    return all(row["evidence"] != "writing" for row in (await kept_in(database)).events.values())


def wrong_files(folder: Path, kept: Kept, rows: list[RowMapping]) -> Iterator[str]:
    """What is not as it should be with the files of evidence."""
    known = {folder / folder_of(row["event_id"]) / row["name"]: row for row in rows}
    found = {path for path in folder.rglob("*") if path.is_file()} - {folder / "work" / "lock"}
    if found != known.keys():
        yield f"files that nobody knows or that are not there: {sorted(map(str, found ^ known.keys()))}"
    for path in found & known.keys():
        data = path.read_bytes()
        if (len(data), hashlib.sha256(data).hexdigest()) != (known[path]["size"], known[path]["sha256"]):
            yield f"{path} is not as it was"
    with_files = {row["event_id"] for row in rows}
    for event_id, row in kept.events.items():
        if (row["evidence"] == "complete") != (event_id in with_files):
            yield f"{event_id} has evidence {row['evidence']}, and files: {event_id in with_files}"


@pytest.mark.timeout(240)
async def test_nothing_is_lost(tmp_path: Path, data_dir: Path) -> None:
    chance, port = random.Random(3), free_port()
    url, folder = f"http://127.0.0.1:{port}", own_folder(tmp_path / "data", data_dir)
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        listener = await stack.enter_async_context(listening(url))
        for number in range(ROUNDS):
            async with server(folder, port, cameras=2) as process:
                if number == 2:
                    await asyncio.sleep(chance.random() * STARTING_S)
                    continue
                await ready(process)
                if number == 0:
                    name, secret = await subscribe(url, receiver.url())
                    receiver.usual = checking(secret, None)
                    await eventually(lambda: listener.sent, "a gun")
                await asyncio.sleep(chance.random() * WATCHING_S)
        last = await stack.enter_async_context(server(folder, port, cameras=0))
        await ready(last)
        database = await stack.enter_async_context(Database(f"sqlite:///{folder}/vigie.db"))
        await eventually(lambda: all_told(database), "the end of all deliveries", 60)
        await eventually(lambda: all_written(database), "the end of all evidence")
        kept, rows = await kept_in(database), await evidence_rows(database)
        await eventually(lambda: len(listener.sent) == len(kept.changes), "all changes at the listener")
        last.terminate()
        assert await asyncio.wait_for(last.wait(), 30) == 0
    assert {change["type"] for change in kept.changes} >= {"event.confirmed", "event.ended"}
    assert mistakes(kept, {name: receiver}, listener.told()) == []
    assert [int(sent.id) for sent in listener.sent] == [change["seq"] for change in kept.changes], "each once"
    assert rows
    assert list(wrong_files(folder / "evidence", kept, rows)) == []
