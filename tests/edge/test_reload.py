"""Settings that change while the server runs; requests and their ids; ready or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSServerHandshakeError

from server.app import running
from server.config import load_settings
from server.store.database import Database

from ..support.media import GUN_CLIP, gun_jpeg
from ..support.server import Client, Server, client_of, own_folder

Write = Callable[[str], None]


@pytest_asyncio.fixture(scope="module")
async def file_and_client(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Path, Client]]:
    """A server that reads its settings from a file."""
    folder = own_folder(tmp_path_factory.mktemp("reload") / "data", data_dir)
    path = folder.parent / "vigie.yaml"
    path.write_text("")
    given = {"port": 0, "data_dir": folder, "cameras": [{"name": "gate", "url": str(GUN_CLIP), "loop": True}]}
    settings = load_settings(path, **given)
    level = logging.getLogger().level
    async with running(settings, reread=lambda: load_settings(path, **given)) as started:
        await started.ready.wait()
        async with client_of(Server(started.url, settings)) as client:
            yield path, client
    logging.getLogger().setLevel(level)


async def test_what_can_change_does(file_and_client: tuple[Path, Client]) -> None:
    path, client = file_and_client
    path.write_text(
        "log_level: ERROR\npolicy: {hits: 4}\nlimits: {upload_bytes: 1000, sessions: 1}\nwebhooks: {most: 0}\n"
        "detector: {look_rate: 3, nms_iou: 0.5}\nice: {stun: ['stun:10.0.0.1']}\ngrace_s: 3\n"
    )
    done = (await client.post("/api/v1/settings/reload")).json()
    assert set(done["changed"]) == {
        *("log_level", "policy.hits", "limits.upload_bytes", "limits.sessions", "webhooks.most", "detector.look_rate"),
        "ice.stun",
    }
    assert sorted(done["restart"]) == ["detector.nms_iou", "grace_s"]
    assert logging.getLogger().level == logging.ERROR
    policies = (await client.get("/api/v1/policies")).json()
    assert [policies["default"]["hits"], policies["cameras"]["gate"]["hits"]] == [4, 4]
    (await client.detect(gun_jpeg())).problem("picture-too-large", 413)
    assert (await client.get("/api/v1/ice")).json()["iceServers"] == [{"urls": ["stun:10.0.0.1"]}]
    async with client.http.ws_connect(client.server.url + "/api/v1/stream") as first:
        await first.receive()
        with pytest.raises(WSServerHandshakeError, match="503"):
            await client.http.ws_connect(client.server.url + "/api/v1/stream")
    path.write_text("")
    done = (await client.post("/api/v1/settings/reload")).json()
    assert "limits.upload_bytes" in done["changed"]
    assert done["restart"] == []
    assert (await client.detect(gun_jpeg())).status == 200


async def test_a_broken_file_changes_nothing_and_is_said(file_and_client: tuple[Path, Client]) -> None:
    path, client = file_and_client
    path.write_text("limits: {upload_bytes: 1000}\nprot: 5\npolicy: {hits: 1}\n")
    answer = await client.post("/api/v1/settings/reload")
    assert answer.status == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["policy.hits", "prot"]
    assert "line 2" in answer.json()["errors"][1]["detail"]
    assert (await client.detect(gun_jpeg())).status == 200
    path.write_text("")
    await client.post("/api/v1/settings/reload")


async def test_a_request_has_an_id(client: Client) -> None:
    made = (await client.get("/api/v1/nothing")).headers["X-Request-ID"]
    assert len(made) == 16
    kept = await client.get("/healthz", headers={"X-Request-ID": "from-the-proxy_1"})
    assert kept.headers["X-Request-ID"] == "from-the-proxy_1"
    other = await client.get("/healthz", headers={"X-Request-ID": "a b<script>"})
    assert other.headers["X-Request-ID"] not in ("a b<script>", made)


async def test_ready_means_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(self: Database) -> None:
        await asyncio.sleep(60)

    async def broken(self: Database) -> None:
        raise OSError("connection refused")

    for ping, words in ((silent, "does not answer"), (broken, "cannot be used")):
        with monkeypatch.context() as patch:
            patch.setattr("server.edge.readiness.ANSWER_S", 0.05)
            patch.setattr(Database, "ping", ping)
            assert words in (await client.get("/readyz")).problem("not-ready", 503)
    with monkeypatch.context() as patch:
        patch.setattr("server.edge.readiness.LEAST_FREE_BYTES", 10**18)
        assert "is full" in (await client.get("/readyz")).problem("not-ready", 503)
    assert (await client.get("/readyz")).status == 200
