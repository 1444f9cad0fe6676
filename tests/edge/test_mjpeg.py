"""JPEGs of cameras: streams and single ones, shared, and never held up by who is slow."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from server.config import CameraSettings, DetectorSettings, LimitSettings

from ..support.media import GUN_CLIP, clip_frames
from ..support.server import Client, Server, client_of, serving
from ..support.waiting import eventually
from ..support.wish import wish_client_of

TOKEN = "a token of sufficient length"
CAMERAS = (
    CameraSettings(name="gate", url=str(GUN_CLIP), loop=True, motion_gate=False),
    CameraSettings(name="door", url="whip:", password=TOKEN),
)
PLACES = 8
STREAM = "/api/v1/cameras/gate/mjpeg"
SNAPSHOT = "/api/v1/cameras/gate/snapshot.jpg"


@pytest_asyncio.fixture(scope="module")
async def showing(data_dir: Path) -> AsyncIterator[Server]:
    """A server with a camera that shows a clip and one that nobody pushes."""
    detector = DetectorSettings(look_rate=2, suspicious_rate=2)
    limits = LimitSettings(sessions=PLACES)
    async with serving(data_dir, cameras=CAMERAS, detector=detector, limits=limits) as server:
        yield server


@pytest_asyncio.fixture
async def there(showing: Server, nothing_left: None) -> AsyncIterator[Client]:
    """A client of that server; at its end the server has no session left, and after it nothing is left of it."""
    async with client_of(showing) as client:
        yield client
        await eventually(client.is_idle, "the end of all sessions")


class Parts:
    """Reads a stream of JPEGs."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.jpegs: list[bytes] = []

    async def read(self, count: int) -> list[bytes]:
        """So many pictures more."""
        content = self.response.content
        for _ in range(count):
            assert await content.readline() == b"--picture\r\n"
            headers = [await content.readline() for _ in range(3)]
            assert headers[0] == b"Content-Type: image/jpeg\r\n"
            assert headers[2] == b"\r\n"
            length = int(headers[1].removeprefix(b"Content-Length: "))
            self.jpegs.append(await content.readexactly(length))
            assert await content.readline() == b"\r\n"
        return self.jpegs[-count:]


@asynccontextmanager
async def following(client: Client, path: str = STREAM) -> AsyncIterator[Parts]:
    """A viewer of JPEGs, until the block ends."""
    async with client.http.get(client.server.url + path) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
        yield Parts(response)


def rgb(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture.convert("RGB"), np.int64)


def has_colour(jpeg: bytes) -> bool:
    """Whether there is the red of a confirmed box or the amber of a suspected one."""
    picture = rgb(jpeg)
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    confirmed = (red > 180) & (green < 90) & (blue < 90)
    suspected = (red > 200) & (abs(green - 158) < 40) & (blue < 70)
    return int((confirmed | suspected).sum()) > 300


async def viewers(client: Client, name: str = "gate") -> int:
    return int((await client.get(f"/api/v1/cameras/{name}")).json()["viewers"])


async def encoded(client: Client) -> float:
    return await client.metric("vigie_stage_seconds_count{encode}")


async def test_pictures_come_with_boxes(there: Client) -> None:
    async with following(there) as stream:
        picture = (await stream.read(1))[0]
        assert rgb(picture).shape == (480, 640, 3)
        assert await viewers(there) == 1
        assert await there.metric("vigie_sessions{mjpeg}") == 1
        while not has_colour((await stream.read(1))[0]):
            assert len(stream.jpegs) < 600
    await eventually(lambda: is_unwatched(there), "the end of the session")


async def is_unwatched(client: Client) -> bool:
    return await viewers(client) == 0


async def test_pictures_without_boxes(there: Client) -> None:
    """Compared with one with boxes of the same moment, for the clip itself has reds of its own."""
    async with following(there) as drawn, following(there, STREAM + "?boxes=0") as clean:

        async def pair() -> tuple[bytes, bytes]:
            first, second = await asyncio.gather(drawn.read(1), clean.read(1))
            return first[0], second[0]

        while True:
            with_boxes, without = await pair()
            if has_colour(with_boxes):
                break
            assert len(drawn.jpegs) < 600
        assert not has_colour(without)


async def test_all_viewers_share_one_encode_and_nobody_has_none(there: Client) -> None:
    before = await encoded(there)
    frames = await there.metric("vigie_frames_seen_total{camera}")
    await eventually(lambda: more_frames(there, frames, 30), "30 frames")
    assert await encoded(there) == before, "nothing is encoded when nobody watches"
    async with following(there) as first, following(there) as second, following(there) as third:
        streams = (first, second, third)
        await asyncio.gather(*(stream.read(3) for stream in streams))
        before = await encoded(there)
        frames = await there.metric("vigie_frames_seen_total{camera}")
        await asyncio.gather(*(stream.read(40) for stream in streams))
        done = await encoded(there) - before
        frames = await there.metric("vigie_frames_seen_total{camera}") - frames
        assert 38 <= done <= frames + 3, (done, frames)
        assert any(a in second.jpegs and a in third.jpegs for a in first.jpegs), "the same bytes for all"


async def more_frames(client: Client, before: float, count: int) -> bool:
    return await client.metric("vigie_frames_seen_total{camera}") >= before + count


async def test_a_rate_is_kept_and_saves_the_encoding(there: Client) -> None:
    async with following(there, STREAM + "?rate=4") as stream:
        await stream.read(1)
        before, begun = await encoded(there), time.monotonic()
        await stream.read(6)
        assert time.monotonic() - begun >= 6 / 4 - 0.3
        assert await encoded(there) - before <= 15


async def test_a_reader_that_reads_nothing_holds_up_nobody_and_is_cut_off(
    there: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.edge.mjpeg.SEND_TIMEOUT_S", 1.5)
    host, port = there.server.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(f"GET {STREAM} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await eventually(lambda: is_watched(there), "the session")
    async with following(there) as other:
        begun = time.monotonic()
        await other.read(60)
        assert time.monotonic() - begun < 10, "30 a second, on a busy machine"
        await eventually(lambda: has_one(there), "the end of the one who reads nothing", within_s=60)
        await other.read(5)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def is_watched(client: Client) -> bool:
    return await viewers(client) == 1


async def has_one(client: Client) -> bool:
    return await client.metric("vigie_sessions{mjpeg}") == 1


async def test_a_viewer_of_a_silent_camera_stays_is_served_when_it_comes_and_is_missed_when_gone(
    there: Client,
) -> None:
    async with following(there, "/api/v1/cameras/door/mjpeg") as stream, wish_client_of(there) as publisher:
        assert await viewers(there, "door") == 1
        await publisher.push("door", TOKEN, clip_frames(GUN_CLIP, 0, 30))
        await stream.read(3)
        await publisher.end()
        assert await viewers(there, "door") == 1
    await eventually(there.is_idle, "the end of the session")


async def test_the_camera_is_removed(there: Client) -> None:
    await there.post("/api/v1/cameras", json={"name": "hall", "url": "whip:"})
    async with following(there, "/api/v1/cameras/hall/mjpeg") as stream:
        assert await stream.response.content.readline() == b"--picture\r\n"
        await there.send("DELETE", "/api/v1/cameras/hall")
        assert await asyncio.wait_for(stream.response.content.read(), 10) == b""


async def test_all_places_taken(there: Client) -> None:
    streams = [following(there) for _ in range(PLACES)]
    parts = [await stream.__aenter__() for stream in streams]
    try:
        await asyncio.gather(*(part.read(2) for part in parts))
        (await there.get(STREAM)).problem("too-many-sessions", 503)
    finally:
        for stream in streams:
            await stream.__aexit__(None, None, None)


async def test_a_snapshot(there: Client) -> None:
    answer = await there.get(SNAPSHOT)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert rgb(answer.body).shape == (480, 640, 3)
    assert (await there.get(SNAPSHOT + "?boxes=0")).status == 200
    assert (await there.send("HEAD", SNAPSHOT)).status == 200


async def test_snapshots_asked_for_at_once_are_encoded_once(there: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from server.edge.jpeg import JpegEncoder

    made: list[int] = []
    encode = JpegEncoder.encode

    def slow(self: JpegEncoder, *arguments: object) -> bytes:
        made.append(1)
        time.sleep(0.5)
        return encode(self, *arguments)  # type: ignore[arg-type]

    async with wish_client_of(there) as publisher:
        await publisher.push("door", TOKEN, clip_frames(GUN_CLIP, 0, 30))
        await eventually(lambda: has_snapshot(there), "a picture")
        await publisher.end()
        monkeypatch.setattr("server.edge.jpeg.JpegEncoder.encode", slow)
        answers = await asyncio.gather(*(there.get("/api/v1/cameras/door/snapshot.jpg") for _ in range(5)))
    assert len(made) == 1
    assert len({answer.body for answer in answers}) == 1


async def has_snapshot(client: Client) -> bool:
    return (await client.get("/api/v1/cameras/door/snapshot.jpg")).status == 200


async def test_no_picture_yet_or_too_old_a_one(there: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await there.post("/api/v1/cameras", json={"name": "hall", "url": "whip:"})
    answer = await there.get("/api/v1/cameras/hall/snapshot.jpg")
    assert "connecting" in answer.problem("no-picture", 503)
    await there.send("DELETE", "/api/v1/cameras/hall")
    monkeypatch.setattr("server.edge.mjpeg.STALE_S", -1.0)
    (await there.get(SNAPSHOT)).problem("no-picture", 503)


@pytest.mark.parametrize(
    ("path", "slug", "status"),
    [
        ("nobody/mjpeg", "unknown-camera", 404),
        ("nobody/snapshot.jpg", "unknown-camera", 404),
        ("gate/mjpeg?boxes=yes", "invalid-parameter", 400),
        ("gate/snapshot.jpg?boxes=", "invalid-parameter", 400),
        ("gate/mjpeg?rate=0", "invalid-parameter", 400),
        ("gate/mjpeg?rate=61", "invalid-parameter", 400),
        ("gate/mjpeg?rate=nan", "invalid-parameter", 400),
        ("gate/mjpeg?rate=fast", "invalid-parameter", 400),
    ],
)
async def test_what_is_refused(there: Client, path: str, slug: str, status: int) -> None:
    (await there.get(f"/api/v1/cameras/{path}")).problem(slug, status)


async def test_the_server_stops(data_dir: Path) -> None:
    async with aiohttp.ClientSession() as http:
        async with serving(data_dir, warm=False, cameras=CAMERAS) as server:
            responses = [await http.get(f"{server.url}/api/v1/cameras/{name}/mjpeg") for name in ("gate", "door")]
            await responses[0].content.readline()
            stopped = time.monotonic()
        assert time.monotonic() - stopped < 5
        for response in responses:
            response.close()
