"""The WebSocket fallback: JPEG in; boxes, events and annotated JPEG out; and every way it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio

from server.config import LimitSettings

from ..fixtures import bad_pictures
from ..support.leaks import Held, all_gone
from ..support.media import file_of, gun_jpeg, plain_jpeg, rgb_of
from ..support.server import Client, Json, client_of, serving
from ..support.waiting import eventually

PATIENCE = aiohttp.ClientWSTimeout(ws_receive=20, ws_close=20)


@pytest_asyncio.fixture(scope="module")
async def small(data_dir: Path) -> AsyncIterator[Client]:
    """A server that loses patience soon and has two places."""
    limits = LimitSettings(idle_s=0.5, sessions=2)
    async with serving(data_dir, limits=limits) as server, client_of(server) as client:
        yield client


class Socket:
    """One WebSocket of a page, and how it ended."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self.pictures: dict[int, bytes | None] = {}
        self.texts: list[Json] = []
        self._sequence: int | None = None

    async def send(self, data: bytes) -> None:
        """One frame."""
        await self.raw.send_bytes(data)

    async def receive(self) -> Json | bytes | None:
        """The next message, or None at the end."""
        message = await self.raw.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            body: Json = json.loads(message.data)
            self.texts.append(body)
            if body["type"] == "picture":
                self._sequence = body["sequence"]
                self.pictures[body["sequence"]] = None
            return body
        if message.type is aiohttp.WSMsgType.BINARY:
            assert self._sequence is not None, "each picture is announced"
            self.pictures[self._sequence] = message.data
            self._sequence = None
            return bytes(message.data)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), message
        return None

    async def until(self, kind: str, **fields: Any) -> Json:
        """The next message of this type with these fields."""
        while True:
            body = await self.receive()
            assert body is not None, f"ended with {self.raw.close_code} before a {kind}: {self.texts[-1:]}"
            if isinstance(body, dict) and body["type"] == kind and fields.items() <= body.items():
                return body

    async def end(self) -> tuple[int | None, str]:
        """Read to the end; gives the close code and the last reason told."""
        while await self.receive() is not None:
            pass
        reasons = [text["reason"] for text in self.texts if text["type"] == "closed"]
        return self.raw.close_code, reasons[-1] if reasons else ""


def opened(client: Client, mode: str = "burned_in", **options: Any) -> Any:
    """The WebSocket's handshake, to enter."""
    address = client.server.url + f"/api/v1/stream?mode={mode}"
    return client.http.ws_connect(address, timeout=PATIENCE, max_msg_size=0, **options)


async def test_burned_in(client: Client) -> None:
    async with opened(client) as raw:
        socket = Socket(raw)
        hello = await socket.receive()
        model = (await client.get("/api/v1/server")).json()["model"]
        assert isinstance(hello, dict)
        assert hello == {
            "type": "hello",
            "feed": hello["feed"],
            "mode": "burned_in",
            "model": {"name": model["name"], "labels": ["gun"]},
        }
        assert hello["feed"].startswith("websocket-")
        sequence = 0
        while not lower_edge_is_drawn(socket):  # the first frames go out before the model has seen them
            assert sequence < 50, "the box is never drawn"
            await socket.send(gun_jpeg())
            await socket.until("picture", sequence=sequence)
            assert isinstance(await socket.receive(), bytes), "the picture follows its announcement"
            sequence += 1


def lower_edge_is_drawn(socket: Socket) -> bool:
    """Whether the last picture differs from the one sent where the last boxes have their lower edge."""
    seen = [gun["box"] for text in socket.texts if text["type"] == "boxes" for gun in text["detections"]]
    if not seen:
        return False
    drawn, sent = rgb_of(list(socket.pictures.values())[-1] or b"").astype(int), rgb_of(gun_jpeg()).astype(int)
    assert drawn.shape == sent.shape
    x1, x2, y2 = (round(seen[-1][side]) for side in ("x1", "x2", "y2"))
    middle = slice(x1 + (x2 - x1) // 3, x2 - (x2 - x1) // 3)
    differs = np.abs(drawn - sent).max(axis=2)
    return bool(differs[max(y2 - 4, 0) : y2 + 4, middle].max(axis=0).mean() > 60)


async def test_boxes_have_the_shape_of_the_contract(client: Client) -> None:
    async with opened(client, "overlay") as raw:
        socket = Socket(raw)
        await socket.send(gun_jpeg())
        boxes = await socket.until("boxes")
        stats = await socket.until("stats")
    height, width = rgb_of(gun_jpeg()).shape[:2]
    assert set(boxes) == {
        *("type", "feed", "sequence", "timestamp", "rtp_timestamp", "image", "detections", "delay_ms", "timing_ms")
    }
    assert boxes["sequence"] == 0
    assert boxes["rtp_timestamp"] is None
    assert boxes["image"] == {"width": width, "height": height}
    assert set(boxes["timing_ms"]) == {"wait", "preprocess", "inference", "postprocess"}
    assert 0 < boxes["delay_ms"] < 20_000
    (gun,) = boxes["detections"]
    assert set(gun) == {"track_id", "label", "confidence", "box", "velocity", "state"}
    assert (gun["label"], gun["state"]) == ("gun", "suspected")
    assert 0.25 <= gun["confidence"] <= 1
    assert 0 <= gun["box"]["x1"] < gun["box"]["x2"] <= width
    assert 0 <= gun["box"]["y1"] < gun["box"]["y2"] <= height
    assert stats["frames"]["seen"] == 1
    assert stats["state"] == "live"
    assert set(stats) >= {"frames_per_second", "looks_per_second", "delay_ms", "frames"}


async def test_overlay_answers_without_a_picture(client: Client) -> None:
    async with opened(client, "overlay") as raw:
        socket = Socket(raw)
        for sequence in range(3):
            await socket.send(plain_jpeg())
            if sequence not in socket.pictures:
                await socket.until("picture", sequence=sequence)
        await socket.until("stats")
        assert socket.pictures == {0: None, 1: None, 2: None}


async def test_an_empty_list_when_nothing_is_seen(client: Client) -> None:
    async with opened(client, "overlay") as raw:
        await raw.send_bytes(plain_jpeg())
        assert (await Socket(raw).until("boxes"))["detections"] == []


async def test_a_gun_is_suspected_confirmed_and_ended(client: Client) -> None:
    async with opened(client, "overlay") as raw:
        socket = Socket(raw)
        states: list[Json] = []
        picture = gun_jpeg()
        async with asyncio.timeout(60):
            while not states or states[-1]["state"] != "ended":
                await socket.send(picture)
                await socket.until("picture")
                states = [text["event"] for text in socket.texts if text["type"] == "event"]
                if states and states[-1]["state"] == "confirmed":
                    picture = plain_jpeg()
        boxes = [d["state"] for text in socket.texts if text["type"] == "boxes" for d in text["detections"]]
        feed = socket.texts[0]["feed"]
    assert [event["state"] for event in states] == ["suspected", "confirmed", "ended"]
    assert len({event["id"] for event in states}) == 1
    assert [event["revision"] for event in states] == sorted({event["revision"] for event in states})
    assert boxes[0] == "suspected"
    assert boxes[-1] == "confirmed"
    last = states[-1]
    assert last["camera"] == feed
    assert last["first_seen"] <= last["confirmed_at"] <= last["last_seen"] <= last["ended_at"]
    assert last["hits"] >= 3
    (kept,) = (await client.get("/api/v1/events?limit=1")).json()["events"]
    assert {**kept, "evidence": None} == {**last, "evidence": None}


async def test_an_event_ends_with_its_session(client: Client) -> None:
    async with opened(client, "overlay") as raw:
        socket = Socket(raw)
        await socket.send(gun_jpeg())
        event = (await socket.until("event"))["event"]
        assert (event["state"], event["confirmed_at"], event["ended_at"]) == ("suspected", None, None)
    await eventually(client.is_idle)

    async def ended() -> bool:
        kept = (await client.get(f"/api/v1/events/{event['id']}")).json()
        return (kept["state"], kept["confirmed_at"]) == ("ended", None)

    await eventually(ended, "the end of the event")


async def test_the_newest_frame_wins_in_a_flood(client: Client) -> None:
    count = 150
    frames = [file_of(np.full((480, 640, 3), 40 + index, np.uint8)) for index in range(count)]
    async with opened(client) as raw:
        socket = Socket(raw)
        for frame in frames:
            await socket.send(frame)
        while count - 1 not in socket.pictures:
            assert await socket.receive() is not None
        stats = await socket.until("stats")
        while stats["frames"]["seen"] < count:
            stats = await socket.until("stats")
        sequences = [text["sequence"] for text in socket.texts if text["type"] == "boxes"]
        while not sequences or sequences[-1] != count - 1:
            sequences.append((await socket.until("boxes"))["sequence"])
    assert sequences == sorted(set(sequences))
    assert len(sequences) < count
    assert stats["frames"]["seen"] == count
    assert list(socket.pictures) == sorted(socket.pictures)
    assert stats["frames"]["dropped"] >= count - len(sequences) - 2


async def test_frames_of_changing_size(client: Client) -> None:
    async with opened(client) as raw:
        socket = Socket(raw)
        for sequence, (width, height) in enumerate([(320, 240), (641, 359), (64, 480), (2, 2), (1, 1), (1280, 720)]):
            await socket.send(file_of(np.full((height, width, 3), 90, np.uint8)))
            boxes = await socket.until("boxes", sequence=sequence)
            assert boxes["image"] == {"width": width, "height": height}


async def test_grey_and_rotated_jpegs_are_taken(client: Client) -> None:
    async with opened(client, "overlay") as raw:
        socket = Socket(raw)
        for sequence, data in enumerate([bad_pictures.grey_jpeg(), bad_pictures.upright_jpeg()]):
            await socket.send(data)
            await socket.until("boxes", sequence=sequence)


@pytest.mark.parametrize(
    ("message", "code", "says"),
    [
        ("hello", 1003, "binary"),
        (b"", 1003, "JPEG"),
        (bad_pictures.not_a_picture(), 1003, "JPEG"),
        (bad_pictures.plain_png(), 1003, "JPEG"),
        (bad_pictures.truncated_jpeg(), 1007, "cut off"),
        (gun_jpeg()[: len(gun_jpeg()) // 3] + gun_jpeg()[-2:], 1007, "broken"),
        (file_of(np.zeros((2001, 2000, 3), np.uint8)), 1009, "4 million pixels"),
    ],
    ids=["text", "empty", "no picture", "png", "cut off", "broken", "pixels"],
)
async def test_what_is_no_frame_ends_the_stream(client: Client, message: str | bytes, code: int, says: str) -> None:
    async with opened(client) as raw:
        socket = Socket(raw)
        await (raw.send_str(message) if isinstance(message, str) else raw.send_bytes(message))
        closed, reason = await socket.end()
    assert closed == code
    assert says in reason
    await client.is_well()


async def test_a_frame_of_10_megabytes(client: Client) -> None:
    async with opened(client) as raw:
        await raw.send_bytes(gun_jpeg() + bytes(10_000_000))
        assert await Socket(raw).end() == (1009, "a frame may have 2 MB; this one has more")
    await client.is_well()


async def test_nothing_sent(small: Client) -> None:
    async with opened(small) as raw:
        code, reason = await Socket(raw).end()
    assert (code, reason) == (1008, "idle: no frame for 0.5 s")


async def test_pings_are_no_frames(small: Client) -> None:
    async with opened(small, autoping=True) as raw:
        pinging = asyncio.create_task(_ping(raw))
        try:
            assert (await Socket(raw).end())[0] == 1008
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)


async def _ping(raw: aiohttp.ClientWebSocketResponse) -> None:
    while not raw.closed:
        await raw.ping()
        await asyncio.sleep(0.1)


async def test_all_places_taken(small: Client) -> None:
    async with opened(small), opened(small):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        answer = await small.get("/api/v1/stream", headers={**headers, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert "2 places" in answer.problem("too-many-sessions", 503)
        assert await small.metric("vigie_sessions{websocket}") == 2
    await eventually(small.is_idle)
    async with opened(small) as raw:
        assert (await Socket(raw).until("hello"))["mode"] == "burned_in"


async def test_a_client_that_vanishes(client: Client) -> None:
    async with opened(client) as raw:
        socket = Socket(raw)
        for _ in range(3):
            await socket.send(gun_jpeg())
        await socket.until("boxes")
        connection = raw._response.connection
        assert connection
        assert connection.transport
        connection.transport.abort()
    await eventually(client.is_idle, "the end of the session")


async def test_a_client_that_closes_politely_is_noticed_at_once(client: Client) -> None:
    async with opened(client) as raw:
        await Socket(raw).until("hello")
        await raw.close(code=1000)
        assert raw.close_code == 1000
    await eventually(client.is_idle, within_s=5)


async def test_a_client_that_sends_and_never_reads(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.edge.stream.SEND_TIMEOUT_S", 1.0)
    noise = np.random.default_rng(5).integers(0, 256, (1000, 1000, 3), np.uint8)
    jpeg = file_of(noise)
    frame = b"\x82\xff" + len(jpeg).to_bytes(8, "big") + bytes(4) + jpeg
    host, port = client.server.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    lines = ["GET /api/v1/stream HTTP/1.1", f"Host: {host}:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    writer.write("\r\n".join(lines).encode())
    transport: Any = writer.transport  # a real one reads as well
    transport.pause_reading()
    await eventually(lambda: client.metric("vigie_sessions{websocket}"), "the session")

    async def ended() -> bool:
        if not writer.transport.is_closing():
            writer.write(frame)
        return await client.is_idle()

    try:
        await eventually(ended, "the end of the session", within_s=60)
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_the_server_stops(data_dir: Path) -> None:
    before = Held.now()
    async with aiohttp.ClientSession() as http:
        async with serving(data_dir) as server:
            client = Client(server, http)
            raw = await opened(client)
            socket = Socket(raw)
            await socket.send(gun_jpeg())
            await socket.until("boxes")
            ending = asyncio.create_task(socket.end())
        code, reason = await ending
        assert code == 1001
        assert reason == "the server stops"
        await raw.close()
    await all_gone(before)
