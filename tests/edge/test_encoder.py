"""One encoder for all who watch: what it does when they ask, and when the camera changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from server.broadcast import Broadcast, Reader
from server.core.analyzer import SeenTrack
from server.core.drawing import RED, Mark, yuv_of
from server.core.frame import Frame, Picture
from server.edge.encoder import KEY_FRAME_INTERVAL_S, EncodedPicture, Encoders, Look, VideoEncoder
from server.edge.outbound import Outbound
from server.metrics import Metrics

from ..support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

STEP = 3000
CLEAN = Look(drawn=False)
VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=97)
H264 = RTCRtpCodecParameters(
    mimeType="video/H264", clockRate=90_000, payloadType=99, parameters={"packetization-mode": "1"}
)


class Camera:
    """As much of a feed as an encoder asks for."""

    name = "camera"

    def __init__(self) -> None:
        self.display: Broadcast[Frame] = Broadcast()
        self._sequence = 0
        self.timestamp = 0

    def tracks_at(self, at: float) -> list[SeenTrack]:
        return []

    def show(self, width: int = 320, height: int = 240, timestamp: int | None = None) -> None:
        """Another picture, a step later than the last or at a time of its own."""
        self.timestamp = self.timestamp + STEP if timestamp is None else timestamp
        self._sequence += 1
        picture = Picture.grey(width, height, 16 + self._sequence % 200)
        self.display.send(Frame(picture, self.name, self._sequence, self.timestamp, time.monotonic(), time.time()))


@asynccontextmanager
async def encoding(
    camera: Camera, codec: RTCRtpCodecParameters = VP8, look: Look = CLEAN
) -> AsyncIterator[tuple[VideoEncoder, Reader[EncodedPicture]]]:
    """An encoder of a camera, and one who reads from it."""
    with ThreadPoolExecutor(1) as pool:
        encoders = Encoders(pool, Metrics())
        async with encoders.use(camera, codec, look) as encoder:  # type: ignore[arg-type]
            with encoder.pictures.read(64) as pictures:
                await asyncio.sleep(0)
                yield encoder, pictures
        assert len(encoders) == 0


async def after(camera: Camera, pictures: Reader[EncodedPicture], **how: int) -> EncodedPicture:
    """The next picture of the camera, encoded."""
    camera.show(**how)
    return await asyncio.wait_for(pictures.next(), 10)


async def test_requests_within_the_interval_are_honoured_at_its_end() -> None:
    camera = Camera()
    async with encoding(camera) as (encoder, pictures):
        assert (await after(camera, pictures)).is_key, "the first always is"
        begun, keys = time.monotonic(), 0
        while (elapsed := time.monotonic() - begun) < 3.4 * KEY_FRAME_INTERVAL_S:
            encoder.ask_key_frame()
            keys += (await after(camera, pictures)).is_key
            await asyncio.sleep(0.01)
        assert 2 <= keys <= elapsed / KEY_FRAME_INTERVAL_S + 1
        encoder._last_key_at = time.monotonic()
        encoder.ask_key_frame()
        assert not (await after(camera, pictures)).is_key
        encoder._last_key_at -= KEY_FRAME_INTERVAL_S
        assert (await after(camera, pictures)).is_key, "asked for once, and not forgotten"
        encoder._last_key_at -= KEY_FRAME_INTERVAL_S
        assert not (await after(camera, pictures)).is_key


@pytest.mark.parametrize("codec", [VP8, H264], ids=["VP8", "H264"])
async def test_a_camera_of_another_size_begins_anew_with_a_key_frame(codec: RTCRtpCodecParameters) -> None:
    camera = Camera()
    async with encoding(camera, codec) as (_, pictures):
        sizes = [(320, 240), (320, 240), (640, 360), (640, 360), (333, 241), (320, 240)]
        keys = [(await after(camera, pictures, width=width, height=height)).is_key for width, height in sizes]
        assert keys == [True, False, True, False, True, True]


@pytest.mark.parametrize("codec", [VP8, H264], ids=["VP8", "H264"])
async def test_times_may_jump_forward_and_never_go_back(codec: RTCRtpCodecParameters) -> None:
    camera = Camera()
    hour = 3600 * 90_000
    given = [0, STEP, STEP + hour, 2 * STEP + hour, 2 * STEP + hour, hour, 90 * hour, 90 * hour + STEP]
    async with encoding(camera, codec) as (_, pictures):
        times = [(await after(camera, pictures, timestamp=timestamp)).timestamp for timestamp in given]
    assert (np.diff(times) > 0).all()
    assert [t for t, g in zip(times, given, strict=True) if t == g] == [*given[:4], *given[6:]]


@pytest.mark.parametrize(
    ("size", "shown"),
    [((1280, 720), (640, 360)), ((1920, 1080), (640, 360)), ((1281, 721), (640, 360)), ((720, 1280), (640, 1138))],
)
async def test_small_is_at_most_640_wide_with_even_sides(size: tuple[int, int], shown: tuple[int, int]) -> None:
    camera = Camera()
    async with encoding(camera, look=Look(drawn=True, small=True)) as (encoder, pictures):
        await after(camera, pictures, width=size[0], height=size[1])
        assert encoder._context is not None
        assert (encoder._context.width, encoder._context.height) == shown
        await after(camera, pictures, width=320, height=240)
        assert (encoder._context.width, encoder._context.height) == (320, 240), "what is small stays as it is"


def test_boxes_are_drawn_after_scaling_and_where_they_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[Picture, Sequence[Mark]]] = []
    monkeypatch.setattr(
        "server.edge.encoder.draw_on_picture", lambda picture, marks: drawn.append((picture, list(marks)))
    )
    encoder = VideoEncoder(None, VP8, Look(drawn=True, small=True), None, Metrics())  # type: ignore[arg-type]
    box = np.array([200, 100, 400, 300], np.float32)
    encoder._encode(Frame(Picture.grey(1280, 720), "camera", 0, 0, 0.0, 0.0), [Mark(box, "gun 90%")], True)
    ((picture, (mark,)),) = drawn
    assert (picture.width, picture.height) == (640, 360)
    assert mark.box.tolist() == [100, 50, 200, 150]
    assert yuv_of(mark.colour) == yuv_of(RED)


async def test_the_end_of_the_camera_is_told_with_its_reason() -> None:
    camera, reasons = Camera(), list[str]()
    with ThreadPoolExecutor(1) as pool:
        peer = RTCPeerConnection()
        outbound = Outbound(peer, camera, Encoders(pool, Metrics()), CLEAN, reasons.append)  # type: ignore[arg-type]
        waiting = asyncio.create_task(outbound._next(VP8))
        await asyncio.sleep(0.05)
        camera.display.close("the camera was removed")
        with pytest.raises(MediaStreamError):
            await waiting
        assert reasons == ["the camera was removed"]
        await outbound.close()
        with pytest.raises(MediaStreamError):
            await outbound._next(VP8)
        await peer.close()


async def test_a_viewer_whose_network_is_blocked_is_passed_over_and_goes_on_with_a_key_frame() -> None:
    camera, blocked = Camera(), False
    with ThreadPoolExecutor(1) as pool:
        peer = RTCPeerConnection()
        outbound = Outbound(peer, camera, Encoders(pool, Metrics()), CLEAN, lambda _: None)  # type: ignore[arg-type]
        outbound.sender.blocked = lambda: blocked  # type: ignore[method-assign]

        async def playing() -> None:
            while True:
                camera.show()
                await asyncio.sleep(0.02)

        player = asyncio.create_task(playing())
        first = (await asyncio.wait_for(outbound._next(VP8), 10))[1]
        assert (await asyncio.wait_for(outbound._next(VP8), 10))[1] == first + STEP
        blocked = True
        waiting = asyncio.create_task(outbound._next(VP8))
        begun = camera.timestamp
        await eventually(lambda: camera.timestamp >= begun + 20 * STEP, "20 pictures")
        assert not waiting.done()
        blocked = False
        payloads, timestamp = await asyncio.wait_for(waiting, 10)
        assert timestamp >= begun + 15 * STEP
        assert payloads[0][4] & 1 == 0, "a key frame: RFC 7741, 4.3, behind a descriptor of four bytes"
        player.cancel()
        await asyncio.gather(player, return_exceptions=True)
        await outbound.close()
        await peer.close()
