"""The examples of the documents, run as they stand: only addresses, ports and secrets are put in place."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest_asyncio

from server.plugins import Alert, Outcome, Receiver, SourceRequest, Stop

from .support.rtsp import free_port
from .support.server import Client, client_of, serving
from .support.waiting import eventually

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CLIP = ROOT / "tests" / "fixtures" / "gun-walk-720p.mp4"
PICTURE = ROOT / "tests" / "fixtures" / "pictures" / "gun-1cdb986cd69f46f5.jpg"


def blocks(page: str, language: str) -> list[str]:
    """The examples of a page in one language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest_asyncio.fixture(scope="module")
async def client(data_dir: Path) -> AsyncIterator[Client]:
    """Of a server that watches ``gate``, where a gun was confirmed."""
    gate = {"name": "gate", "url": str(CLIP), "loop": True}
    easily = {"hits": 2, "span_s": 0, "window_s": 10}  # also where something else has the processor
    async with (
        serving(data_dir, cameras=[gate], policy=easily, webhooks={"allow_private": True}) as server,
        client_of(server) as client,
    ):

        async def seen() -> bool:
            return bool((await client.get("/api/v1/events?confirmed=1")).json()["events"])

        await eventually(seen, "a confirmed event", within_s=60)
        yield client


async def run(*command: str, folder: Path, **environment: str) -> str:
    """What a command prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, mistakes = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, (command, printed.decode(), mistakes.decode())
    return printed.decode()


def at(example: str, client: Client) -> str:
    """An example with the server's address, cameras where nothing listens, and failures that count."""
    example = example.replace("http://localhost:5000", client.server.url).replace("rtsp://10.0.0.", "rtsp://127.0.0.")
    return example.replace("curl ", "curl -sS --fail-with-body ")


async def test_the_examples_of_the_api(client: Client, tmp_path: Path) -> None:
    shutil.copy(PICTURE, tmp_path / "picture.jpg")
    shell = blocks("api.md", "sh")
    assert len(shell) >= 3
    printed = [await run("bash", "-ec", at(example, client), folder=tmp_path) for example in shell]
    assert '"label": "gun"' in printed[0]
    assert '"name": "yard"' in printed[1]
    assert '"confirmed_at": "2' in printed[2]
    for name in ("annotated.jpg", "gate.jpg"):
        assert (tmp_path / name).read_bytes().startswith(b"\xff\xd8")
    verdict, stream = blocks("api.md", "python")
    followed = asyncio.create_task(run(sys.executable, "-c", at(stream, client), folder=tmp_path))
    assert (await run(sys.executable, "-c", at(verdict, client), folder=tmp_path)).split()[-1] == "false"
    assert (tmp_path / "event.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "event.confirmed gate" in await followed


async def test_the_start_with_a_webhook(client: Client, tmp_path: Path) -> None:
    (receiver,) = blocks("start.md", "python")
    (adding,) = (example for example in blocks("start.md", "sh") if "/webhooks" in example)
    port = free_port()
    added = json.loads(await run("bash", "-ec", at(adding.replace("9000", str(port)), client), folder=tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        receiver,
        env={**os.environ, "SECRET": added["secret"], "PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout
    try:
        await eventually(lambda: _listens(port), "the receiver")
        await client.post(f"/api/v1/webhooks/{added['id']}/test")
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.split()[0] in ("test", "event.confirmed", "event.ended")
        forged = await client.http.post(f"http://127.0.0.1:{port}/", data=b"{}")
        assert forged.status == 401
    finally:
        process.terminate()
        await process.wait()


async def test_a_back_up_while_it_runs_and_its_restore(client: Client, tmp_path: Path) -> None:
    (saving,) = (example for example in blocks("operation.md", "sh") if "--create" in example)
    (bringing,) = (example for example in blocks("operation.md", "sh") if "--extract" in example)
    data, old, new = client.server.settings.data_dir, tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "data").symlink_to(data)
    await run("bash", "-ec", saving.replace(".venv/bin/python", sys.executable), folder=old)
    new.mkdir()
    (old / "backup").rename(new / "backup")
    checking = ".venv/bin/python -m server doctor"
    assert checking in bringing
    await run("bash", "-ec", bringing.replace(checking, ""), folder=new)
    with closing(sqlite3.connect(new / "data" / "vigie.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = {id_ for (id_,) in database.execute("SELECT id FROM events WHERE confirmed_at IS NOT NULL")}
    assert kept
    for name in ("evidence", "models", "whip-token", "server-id"):
        assert (new / "data" / name).exists(), name
    assert not (new / "data" / "cache").exists()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def plugin(family: str, example: str, folder: Path) -> ModuleType:
    """An example of the architecture's page as the module of a kind."""
    file = folder / f"{family}.py"
    file.write_text(example)
    found = importlib.util.spec_from_file_location(f"server.{family}.example", file)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_camera_kind_of_the_architecture(tmp_path: Path) -> None:
    source, _, _ = blocks("architecture.md", "python")
    url = f"udp://127.0.0.1:{free_port()}"
    over = threading.Event()
    sender = threading.Thread(target=_send, args=(url, over))
    sender.start()
    try:
        with plugin("sources", source, tmp_path).open_source(SourceRequest(url, Stop())) as opened:
            frame = next(opened.frames())
    finally:
        over.set()
        sender.join()
    assert (frame.picture.width, frame.picture.height) == (1280, 720)


def _send(url: str, over: threading.Event) -> None:
    """The clip as MPEG-TS over UDP, again and again, until it is over."""
    with av.open(f"{url}?pkt_size=1316", "w", format="mpegts") as out, av.open(str(CLIP)) as clip:
        stream = out.add_stream_from_template(clip.streams.video[0])
        while not over.is_set():
            clip.seek(0)
            for packet in clip.demux(video=0):
                if packet.dts is None or over.wait(0.01):
                    break
                packet.stream = stream
                out.mux(packet)


def test_a_model_runtime_of_the_architecture(tmp_path: Path) -> None:
    _, backend, _ = blocks("architecture.md", "python")
    model = plugin("inference", backend, tmp_path).open_model(tmp_path, workers=1)
    assert model.infer(np.zeros((384, 640, 3), np.uint8)).shape == (5, 5040)


async def test_an_alert_channel_of_the_architecture(tmp_path: Path) -> None:
    _, _, channel = blocks("architecture.md", "python")
    file = tmp_path / "alerts.jsonl"
    async with plugin("alerts", channel, tmp_path).open_channel(None) as opened:
        reply = await opened.send(Receiver("lines", str(file)), Alert("msg_1", "test", b"{}", None))
    assert reply.outcome is Outcome.DELIVERED
    assert file.read_bytes() == b"{}\n"
