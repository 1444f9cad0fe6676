"""WHEP: what a standard player may do, and every way to be refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio
from aiortc.rtp import RtpPacket

from server.config import CameraSettings, DetectorSettings

from ..support.media import FIXTURES, GUN_CLIP, clip_frames
from ..support.server import Client, Server, client_of, serving
from ..support.waiting import eventually
from ..support.wish import FRAGMENT, SDP, LightViewer, WishClient, wish_client_of

WALK = FIXTURES / "gun-walk-720p.mp4"
CAMERAS = (
    CameraSettings(name="gate", url=str(GUN_CLIP), loop=True),
    CameraSettings(name="yard", url=str(WALK), loop=True),
)
VIEWERS = 20
INTERVAL_TICKS = 22_500
"""A quarter of a second, the least time between key frames."""


@pytest_asyncio.fixture(scope="module")
async def watching(data_dir: Path) -> AsyncIterator[Server]:
    """A server that watches two clips, with few looks: each is a task while it lasts."""
    detector = DetectorSettings(look_rate=2, suspicious_rate=2)
    async with serving(data_dir, cameras=CAMERAS, detector=detector) as server:
        yield server


@pytest_asyncio.fixture
async def watched(watching: Server, nothing_left: None) -> AsyncIterator[Client]:
    """A client of that server; at its end the server has no session left, and after it nothing is left of it."""
    async with client_of(watching) as client:
        yield client
        await eventually(client.is_idle, "the end of all sessions", within_s=40)


@pytest_asyncio.fixture
async def player(watched: Client) -> AsyncIterator[WishClient]:
    """A player of that server's cameras."""
    async with wish_client_of(watched) as player:
        yield player


async def offer_of(player: WishClient, kind: str = "video", direction: str = "recvonly") -> bytes:
    player.peer.addTransceiver(kind, direction=direction)
    await player.peer.setLocalDescription(await player.peer.createOffer())
    return str(player.peer.localDescription.sdp).encode()


async def viewers(client: Client, name: str) -> int:
    """How many the API says watch a camera."""
    return int((await client.get(f"/api/v1/cameras/{name}")).json()["viewers"])


async def test_a_player_of_audio_and_video_plays_the_video(watched: Client, player: WishClient) -> None:
    answer = await player.watch("gate")
    assert answer.status == 201
    assert answer.headers["Content-Type"].startswith("application/sdp")
    assert answer.headers["Location"].startswith("/whep/gate/")
    assert answer.headers["Etag"].startswith('"')
    audio, video = answer.text.split("m=")[1:]
    assert "a=inactive" in audio
    assert "a=sendonly" in video
    pictures = await player.wait_for_pictures(20)
    assert (pictures[-1].width, pictures[-1].height) == (640, 480)
    assert await viewers(watched, "gate") == 1
    ended = await player.end()
    assert (ended.status, ended.body) == (200, b"")
    assert await viewers(watched, "gate") == 0
    (await player.end()).problem("not-found", 404)
    await eventually(lambda: player.peer.connectionState in ("closed", "failed"), "the connection's end")


async def test_overlay_comes_with_messages_where_the_player_has_the_channel(watched: Client) -> None:
    async with wish_client_of(watched, channel=True) as player:
        assert (await player.watch("gate", "?mode=overlay")).status == 201
        await player.wait_for("boxes", 3)
        assert player.messages[0]["mode"] == "overlay"
        times = {message["rtp_timestamp"] for message in player.of_type("boxes")}
        await eventually(lambda: times & set(player.timestamps_received), "a picture that boxes belong to")


@pytest.mark.parametrize(("size", "width"), [("full", 1280), ("small", 640)])
async def test_sizes(player: WishClient, size: str, width: int) -> None:
    await player.watch("yard", f"?size={size}")
    pictures = await player.wait_for_pictures(3)
    assert (pictures[-1].width, pictures[-1].height) == (width, width * 9 // 16)


async def test_candidates_may_come_later(watched: Client, player: WishClient) -> None:
    answer = await player.watch("gate", trickle=True)
    headers = {**FRAGMENT, "If-Match": player.tag}
    patched = await watched.send("PATCH", player.location, data=player.fragment().encode(), headers=headers)
    assert (patched.status, patched.body) == (204, b"")
    assert "Etag" not in patched.headers
    assert answer.status == 201
    await player.wait_for_pictures(3)
    for name in (player.tag, "*", '"other", ' + player.tag, None):
        headers = {**FRAGMENT, **({"If-Match": name} if name else {})}
        late = await watched.send("PATCH", player.location, data=b"a=end-of-candidates\r\n", headers=headers)
        assert late.status == 204


async def test_what_a_patch_may_not_be(watched: Client, player: WishClient) -> None:
    await player.watch("gate")
    candidate = b"a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host\r\n"
    restart = b"a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\n"
    for data, headers, slug, status in [
        (candidate, {"Content-Type": "application/sdp"}, "unsupported-content-type", 415),
        (candidate, {**FRAGMENT, "If-Match": '"other"'}, "precondition-failed", 412),
        (b"words", FRAGMENT, "malformed-sdp", 400),
        (b"", FRAGMENT, "malformed-sdp", 400),
        (b"\xff\xfe", FRAGMENT, "malformed-sdp", 400),
        (b"a=candidate:1 1 udp\r\n", FRAGMENT, "malformed-sdp", 400),
        (candidate * 2000, FRAGMENT, "malformed-request", 413),
        (restart, {**FRAGMENT, "If-Match": "*"}, "ice-restart-unsupported", 422),
    ]:
        (await watched.send("PATCH", player.location, data=data, headers=headers)).problem(slug, status)
    assert (await watched.send("PATCH", player.location, data=candidate, headers=FRAGMENT)).status == 204
    odd = b"a=mid:0\r\na=candidate:1 1 tcp 1 somewhere.invalid 9 typ host tcptype active\r\n"
    assert (await watched.send("PATCH", player.location, data=odd, headers=FRAGMENT)).status == 204
    for path in ("/whep/yard/" + player.location.rsplit("/", 1)[1], "/whep/gate/nobody", "/whip/gate/nobody"):
        (await watched.send("PATCH", path, data=candidate, headers=FRAGMENT)).problem("not-found", 404)
        (await watched.send("DELETE", path)).problem("not-found", 404)
    session = player.location.rsplit("/", 1)[1]
    (await watched.send("DELETE", f"/api/v1/webrtc/{session}")).problem("not-found", 404)
    await player.wait_for_pictures(3)


async def test_offers_that_are_refused(watched: Client, player: WishClient) -> None:
    offer = await offer_of(player)
    for path, data, headers, slug, status in [
        ("/whep/nobody", offer, SDP, "unknown-camera", 404),
        ("/whep/gate", offer, {"Content-Type": "text/plain"}, "unsupported-content-type", 415),
        ("/whep/gate", b"words", SDP, "no-video-in-offer", 400),
        ("/whep/gate", offer[: offer.index(b"a=rtpmap") + 9], SDP, "malformed-sdp", 400),
        ("/whep/gate", b"\xff", SDP, "malformed-sdp", 400),
        ("/whep/gate", b"a" * 70_000, SDP, "malformed-request", 413),
        ("/whep/gate", offer.replace(b"recvonly", b"sendonly"), SDP, "no-video-in-offer", 400),
        ("/whep/gate", offer.replace(b"a=ice-ufrag", b"a=x"), SDP, "malformed-sdp", 400),
        ("/whep/gate?mode=drawn", offer, SDP, "invalid-parameter", 400),
        ("/whep/gate?size=huge", offer, SDP, "invalid-parameter", 400),
    ]:
        (await watched.post(path, data=data, headers=headers)).problem(slug, status)
    assert await watched.is_idle()


async def test_the_other_methods(watched: Client, player: WishClient) -> None:
    await player.watch("gate")
    await player.wait_for_pictures(1)
    for path in ("/whep/gate", player.location):
        for method in ("GET", "HEAD"):
            answer = await watched.send(method, path)
            assert (answer.status, answer.body) == (204, b"")
        assert (await watched.send("PUT", path)).status == 405
        options = await watched.send("OPTIONS", path)
        assert (options.status, options.headers["Accept-Post"]) == (200, "application/sdp")
    (await watched.get("/whep/gate/nobody")).problem("not-found", 404)
    await player.end()


async def test_a_page_of_another_origin(data_dir: Path) -> None:
    asked = {"Origin": "https://wall.example", "Access-Control-Request-Method": "PATCH"}
    async with serving(data_dir, warm=False, cors_origins="https://wall.example") as server, client_of(server) as there:
        for path in ("/whep/gate", "/whep/gate/session", "/api/v1/webrtc/offer"):
            answer = await there.send("OPTIONS", path, headers=asked)
            assert answer.status < 300
            assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
            assert {"Authorization", "If-Match"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
            assert {"Location", "ETag"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))


async def test_a_player_that_never_connects(
    watched: Client, player: WishClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.edge.peer.CONNECT_TIMEOUT_S", 0.5)
    answer = await watched.post("/whep/gate", data=await offer_of(player), headers=SDP)
    assert answer.status == 201
    assert await watched.metric("vigie_sessions{whep}") == 1
    await eventually(watched.is_idle, "the end of the session")


async def test_a_camera_that_stops_and_starts_keeps_its_viewers_and_one_that_is_removed_does_not(
    watched: Client,
) -> None:
    token = "a token of sufficient length"
    camera = {"name": "door", "url": "whip:", "password": token}
    assert (await watched.post("/api/v1/cameras", json=camera)).status == 201
    async with wish_client_of(watched) as plain, wish_client_of(watched, channel=True) as told:
        for player in (plain, told):
            assert (await player.watch("door")).status == 201
        await told.wait_for("hello")
        await eventually(lambda: plain.peer.connectionState == "connected", "the connection")
        for verb in ("stop", "start"):
            assert (await watched.post(f"/api/v1/cameras/door/{verb}")).status == 200
        assert await viewers(watched, "door") == 2
        async with wish_client_of(watched) as publisher:
            pictures = [player.pictures for player in (plain, told)]
            await publisher.push("door", token, clip(), audio=False)
            await eventually(lambda: min(map(len, pictures)) > 5, "pictures for both")
            await watched.post("/api/v1/cameras/door/stop")
            await watched.post("/api/v1/cameras/door/start")
        async with wish_client_of(watched) as publisher:
            counts = [len(shown) for shown in pictures]
            await publisher.push("door", token, clip(), audio=False)
            await eventually(
                lambda: min(len(s) - c for s, c in zip(pictures, counts, strict=True)) > 5, "pictures again"
            )
        assert await viewers(watched, "door") == 2
        assert (await watched.send("DELETE", "/api/v1/cameras/door")).status == 204
        await told.wait_for("closed")
        assert told.messages[-1]["reason"] == "the camera was removed"
        await eventually(watched.is_idle, "the end of both sessions")


def clip() -> tuple[av.VideoFrame, ...]:
    return clip_frames(GUN_CLIP, 0, 30)


async def test_twenty_viewers_share_one_encoder(watched: Client) -> None:
    async with AsyncExitStack() as stack:
        players = []
        for _ in range(VIEWERS):
            player = LightViewer(watched)
            stack.push_async_callback(player.close)
            players.append(player)
            assert (await player.watch("gate", "?mode=overlay")).status == 201
        await eventually(lambda: all(len(player.timestamps_received) > 10 for player in players), "pictures for all")
        assert await viewers(watched, "gate") == VIEWERS
        frames = await watched.metric("vigie_frames_seen_total{camera}")
        encoded = await watched.metric("vigie_stage_seconds_count{encode}")
        counts = [len(player.timestamps_received) for player in players]
        await eventually(lambda: len(players[0].timestamps_received) > counts[0] + 60, "60 pictures more")
        frames = await watched.metric("vigie_frames_seen_total{camera}") - frames
        encoded = await watched.metric("vigie_stage_seconds_count{encode}") - encoded
        assert encoded <= frames + 5, f"{encoded} pictures encoded of {frames} frames"
        shown = [len(p.timestamps_received) - count for p, count in zip(players, counts, strict=True)]
        assert min(shown) > 0.7 * max(shown), shown
        for player in players:
            steps = np.diff(np.unwrap(np.array(player.sequence_numbers), period=65536))
            assert set(steps[5:]) == {1}, "no packet is left out or sent twice"
    await eventually(watched.is_idle, "the end of all sessions")


async def test_many_requests_for_a_key_frame_make_few(watched: Client, player: WishClient) -> None:
    await player.watch("gate", "?mode=overlay", audio=False)
    await player.wait_for_pictures(5)
    keys = len(player.keys_received)
    while len(player.keys_received) < keys + 4:
        await player.ask_key_frame()
        await asyncio.sleep(0.01)
    steps = np.diff(player.keys_received[keys:]) & 0xFFFFFFFF
    assert np.median(steps) < 2.5 * INTERVAL_TICKS, "each comes when its time has come"
    assert np.median(steps) > 0.8 * INTERVAL_TICKS, steps


async def test_lost_packets_are_sent_again(watched: Client, player: WishClient) -> None:
    await player.watch("gate", "?mode=overlay", audio=False)
    await player.wait_for_pictures(5)
    receiver = player.peer.getTransceivers()[0].receiver
    handle, lost = receiver._handle_rtp_packet, set[int]()
    again: list[int] = []

    async def lossy(packet: RtpPacket, arrival_time_ms: int) -> None:
        if packet.payload_type == rtx_type:
            again.append(int.from_bytes(packet.payload[:2], "big"))
        elif packet.sequence_number % 50 == 0:
            lost.add(packet.sequence_number)
            return
        await handle(packet, arrival_time_ms)

    sdp = player.answer_sdp
    rtx_type = int(re.findall(r"a=rtpmap:(\d+) rtx/90000", sdp)[0])
    receiver._handle_rtp_packet = lossy  # type: ignore[method-assign]
    await eventually(lambda: len(lost & set(again)) >= 3, "three packets sent again")
    count = len(player.pictures)
    await eventually(lambda: len(player.pictures) > count + 20, "pictures that go on")
