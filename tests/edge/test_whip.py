"""WHIP: what a standard publisher may do, and every way to be refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio

from server.config import CameraSettings, DetectorSettings, LimitSettings

from ..support.media import GUN_CLIP, clip_frames, gun_frame, stamped
from ..support.server import Client, Json, Server, client_of, serving
from ..support.waiting import eventually
from ..support.wish import FRAGMENT, SDP, WishClient, wish_client_of

TOKEN, SERVER_TOKEN = "the token of this door", "the token of the whole server"
CAMERAS = (
    CameraSettings(name="door", url="whip:", password=TOKEN),
    CameraSettings(name="shut", url="whip:", password=TOKEN, enabled=False),
    CameraSettings(name="clip", url=str(GUN_CLIP), loop=True, enabled=False),
)
IDLE_S = 2.0


@pytest_asyncio.fixture(scope="module")
async def pushed(data_dir: Path) -> AsyncIterator[Server]:
    """A server with a camera that is pushed."""
    async with serving(
        data_dir,
        cameras=CAMERAS,
        whip_token=SERVER_TOKEN,
        detector=DetectorSettings(look_rate=4, suspicious_rate=4),
        limits=LimitSettings(idle_s=IDLE_S),
    ) as server:
        yield server


@pytest_asyncio.fixture
async def there(pushed: Server, nothing_left: None) -> AsyncIterator[Client]:
    """A client of that server; at its end the server has no session left, and after it nothing is left of it."""
    async with client_of(pushed) as client:
        yield client
        await eventually(client.is_idle, "the end of all sessions", within_s=40)


@pytest_asyncio.fixture
async def publisher(there: Client) -> AsyncIterator[WishClient]:
    """A publisher."""
    async with wish_client_of(there) as publisher:
        yield publisher


def clip() -> tuple[av.VideoFrame, ...]:
    return clip_frames(GUN_CLIP, 60, 60)


async def camera(client: Client, name: str = "door") -> Json:
    return (await client.get(f"/api/v1/cameras/{name}")).json()


async def is_live(client: Client, name: str = "door") -> bool:
    return (await client.get(f"/api/v1/cameras/{name}")).status == 200 and (await camera(client, name))[
        "state"
    ] == "live"


async def test_a_publisher_makes_a_camera_live(there: Client, publisher: WishClient) -> None:
    before = await camera(there)
    assert (before["state"], before["kind"], before["origin"]) == ("connecting", "whip", "settings")
    assert "/whip/door" in before["reason"]
    answer = await publisher.push("door", TOKEN, clip())
    assert answer.status == 201
    assert answer.headers["Content-Type"].startswith("application/sdp")
    assert answer.headers["Location"].startswith("/whip/door/")
    assert answer.headers["Etag"].startswith('"')
    audio, video = answer.text.split("m=")[1:]
    assert "a=inactive" in audio
    assert "a=recvonly" in video
    await eventually(lambda: is_live(there), "a live camera")
    async with wish_client_of(there, channel=True) as player:
        await player.watch("door")
        await player.wait_for_pictures(10)
        (stats, *_) = await player.wait_for("stats")
        await player.wait_for("boxes", 2)
        assert stats["state"] == "live"
        await player.end()
    shown = await camera(there)
    assert (shown["width"], shown["height"]) == (640, 480)
    ended = await publisher.end()
    assert (ended.status, ended.body) == (200, b"")
    after = await camera(there)
    assert (after["state"], after["reason"]) == (before["state"], before["reason"])
    (await publisher.end()).problem("not-found", 404)


async def test_candidates_may_come_later(there: Client, publisher: WishClient) -> None:
    await publisher.push("door", TOKEN, clip(), trickle=True)
    headers = {**FRAGMENT, "If-Match": publisher.tag}
    patched = await there.send("PATCH", publisher.location, data=publisher.fragment().encode(), headers=headers)
    assert patched.status == 204
    await eventually(lambda: is_live(there), "a live camera")
    await publisher.end()


async def test_with_the_servers_own_token_any_name_becomes_a_camera(there: Client, publisher: WishClient) -> None:
    assert (await publisher.push("phone-7", SERVER_TOKEN, clip())).status == 201
    await eventually(lambda: is_live(there, "phone-7"), "a live camera")
    assert (await camera(there, "phone-7"))["origin"] == "push"
    async with wish_client_of(there) as player:
        await player.watch("phone-7")
        await player.wait_for_pictures(3)
        await publisher.end()
        (await there.get("/api/v1/cameras/phone-7")).problem("unknown-camera", 404)
        await eventually(there.is_idle, "the end of the player's session")


async def test_who_is_refused(there: Client, publisher: WishClient) -> None:
    publisher.peer.addTransceiver("video", direction="sendonly")
    await publisher.peer.setLocalDescription(await publisher.peer.createOffer())
    offer = publisher.peer.localDescription.sdp.encode()
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for path, data, headers, slug, status in [
        ("/whip/door", offer, SDP, "wrong-token", 401),
        ("/whip/door", offer, {**SDP, "Authorization": f"Basic {TOKEN}"}, "wrong-token", 401),
        ("/whip/door", offer, {**SDP, "Authorization": "Bearer "}, "wrong-token", 401),
        ("/whip/door", offer, {**SDP, "Authorization": "Bearer another"}, "wrong-token", 401),
        ("/whip/nobody", offer, {**SDP, **bearer}, "wrong-token", 401),
        ("/whip/shut", offer, {**SDP, **bearer}, "camera-stopped", 409),
        ("/whip/clip", offer, {**SDP, "Authorization": f"Bearer {SERVER_TOKEN}"}, "camera-not-pushed", 409),
        ("/whip/door", offer, {**bearer, "Content-Type": "text/plain"}, "unsupported-content-type", 415),
        ("/whip/door", offer.replace(b"sendonly", b"recvonly"), {**SDP, **bearer}, "no-video-in-offer", 400),
        ("/whip/door", offer.replace(b"a=fingerprint", b"a=x"), {**SDP, **bearer}, "malformed-sdp", 400),
    ]:
        answer = await there.post(path, data=data, headers=headers)
        answer.problem(slug, status)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert answer.headers.get("WWW-Authenticate", "Bearer").startswith("Bearer")
    assert await there.is_idle()
    assert (await camera(there))["state"] == "connecting"


async def test_one_publisher_at_a_time(there: Client, publisher: WishClient) -> None:
    await publisher.push("door", TOKEN, clip())
    async with wish_client_of(there) as second:
        (await second.push("door", TOKEN, clip())).problem("camera-busy", 409)
    await eventually(lambda: is_live(there), "a live camera")
    await publisher.end()


async def test_the_clock_goes_on_from_one_publisher_to_the_next(there: Client) -> None:
    async with wish_client_of(there) as player:
        await player.watch("door", "?mode=overlay")
        for _ in range(2):
            async with wish_client_of(there) as publisher:
                await publisher.push("door", TOKEN, clip())
                await player.wait_for_pictures(len(player.pictures) + 10)
                await publisher.end()
        times = np.unwrap(np.array(player.timestamps_received), period=2**32)
        assert (np.diff(times) > 0).all()


async def test_a_publisher_that_vanishes_is_given_up(there: Client, publisher: WishClient) -> None:
    await publisher.push("door", TOKEN, clip())
    await eventually(lambda: is_live(there), "a live camera")
    publisher.vanish()
    await eventually(there.is_idle, "the end of the session", within_s=20)
    assert (await camera(there))["state"] == "connecting"


@pytest.mark.parametrize("verb", ["stop", "remove", "change"])
async def test_the_camera_is_taken_from_its_publisher(there: Client, verb: str) -> None:
    assert (await there.post("/api/v1/cameras", json={"name": "hall", "url": "whip:", "password": TOKEN})).status == 201
    async with wish_client_of(there) as publisher:
        await publisher.push("hall", TOKEN, clip())
        await eventually(lambda: is_live(there, "hall"), "a live camera")
        match verb:
            case "stop":
                assert (await there.post("/api/v1/cameras/hall/stop")).status == 200
            case "change":
                change = {"url": "http://127.0.0.1:9/"}
                assert (await there.send("PATCH", "/api/v1/cameras/hall", json=change)).status == 200
        if verb != "remove":
            await eventually(there.is_idle, "the end of the session")
        assert (await there.send("DELETE", "/api/v1/cameras/hall")).status == 204
        await eventually(there.is_idle, "the end of the session")


async def test_a_picture_of_another_size_goes_on_for_all(there: Client) -> None:
    large = gun_frame()
    small = large.reformat(width=320, height=240)
    frames = [*[large] * 30, *[small] * 30]
    async with wish_client_of(there) as player, wish_client_of(there) as publisher:
        await publisher.push("door", TOKEN, [stamped(frame, 0) for frame in frames])
        await player.watch("door", "?mode=overlay")
        await eventually(lambda: {p.width for p in player.pictures} == {640, 320}, "pictures of both sizes")
        changes = np.diff([picture.width for picture in player.pictures]).nonzero()[0]
        count = len(changes) + 1
        await eventually(
            lambda: len(np.diff([p.width for p in player.pictures]).nonzero()[0]) > count, "more changes of size"
        )
        await publisher.end()
        await player.end()


async def test_the_server_stops(data_dir: Path) -> None:
    async with serving(data_dir, cameras=CAMERAS) as server, client_of(server) as client:
        publisher, player = WishClient(client), WishClient(client)
        await publisher.push("door", TOKEN, clip())
        await player.watch("door")
        await player.wait_for_pictures(3)
        stopped = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped < 5
    await asyncio.gather(publisher.close(), player.close())
