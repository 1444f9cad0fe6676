"""Video out: a feed is encoded once for each codec and look, however many watch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.video.frame import PictureType

from ..broadcast import Broadcast
from ..core.drawing import Mark, draw_on_picture, mark_of
from ..core.frame import CLOCK_RATE, Frame
from ..feed import Feed
from ..metrics import Metrics
from ..video import frame_of

log = logging.getLogger(__name__)

BITS_PER_PIXEL = 0.1
USUAL_RATE = 30
LEAST_BITRATE, MOST_BITRATE = 300_000, 4_000_000
LONGEST_GOP = 300
"""Frames between key frames at the most: whoever joins or loses a picture asks for one."""

CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "video/VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "static-thresh": "1"}),
    "video/H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}),
}


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture as the payloads of its RTP packets, with its 90 kHz timestamp."""

    payloads: list[bytes]
    timestamp: int
    is_key: bool


class VideoEncoder:
    """Encodes a feed's display path, drawn or clean, for all who agreed on one codec."""

    def __init__(
        self, feed: Feed, codec: RTCRtpCodecParameters, drawn: bool, pool: ThreadPoolExecutor, metrics: Metrics
    ) -> None:
        self.pictures: Broadcast[EncodedPicture] = Broadcast()
        self._feed = feed
        self._drawn = drawn
        self._pool = pool
        self._metrics = metrics
        self._library, self._options = CODECS[codec.mimeType]
        self._packer = get_encoder(codec)
        self._context: av.VideoCodecContext | None = None
        self._key_frame_asked = False

    def ask_key_frame(self) -> None:
        """The next picture will be a key frame."""
        self._key_frame_asked = True

    async def run(self) -> None:
        """Encode until the feed ends."""
        loop = asyncio.get_running_loop()
        try:
            with self._feed.display.read() as frames:
                async for frame in frames:
                    tracks = self._feed.tracks_at(frame.captured_at) if self._drawn else []
                    marks = [mark_of(seen, frame.captured_at) for seen in tracks]
                    asked, self._key_frame_asked = self._key_frame_asked, False
                    for picture in await loop.run_in_executor(self._pool, self._encode, frame, marks, asked):
                        self.pictures.send(picture)
        except Exception:
            log.exception("the encoder of feed %s broke", self._feed.name)
        finally:
            self.pictures.close("the video ended")

    def _encode(self, frame: Frame, marks: list[Mark], key_frame: bool) -> list[EncodedPicture]:
        """In a thread of the pool; one picture of this encoder at a time."""
        begun = time.monotonic()
        video, picture = frame_of(frame.picture)
        draw_on_picture(picture, marks)
        video.pts, video.time_base = frame.timestamp, Fraction(1, CLOCK_RATE)
        if self._context is None or (self._context.width, self._context.height) != (video.width, video.height):
            self._context = self._open(video.width, video.height)
        if key_frame:
            video.pict_type = PictureType.I
        pictures = []
        for packet in self._context.encode(video):
            payloads, timestamp = self._packer.pack(packet)
            pictures.append(EncodedPicture(payloads, timestamp, packet.is_keyframe))
        self._metrics.stage_seconds.labels("encode").observe(time.monotonic() - begun)
        return pictures

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        bitrate = round(min(max(width * height * USUAL_RATE * BITS_PER_PIXEL, LEAST_BITRATE), MOST_BITRATE))
        context = av.CodecContext.create(self._library, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, CLOCK_RATE), Fraction(USUAL_RATE, 1)
        context.bit_rate, context.gop_size, context.max_b_frames = bitrate, LONGEST_GOP, 0
        context.thread_count = 1 if width * height < 1280 * 720 else 2
        context.options = {**self._options, "maxrate": str(bitrate), "bufsize": str(bitrate)}
        return context


@dataclass(slots=True)
class _Shared:
    encoder: VideoEncoder
    task: asyncio.Task[None]
    users: int = 0


class Encoders:
    """Opens an encoder for the first who wants it and closes it after the last."""

    def __init__(self, pool: ThreadPoolExecutor, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._shared: dict[tuple[str, str, str, bool], _Shared] = {}

    def __len__(self) -> int:
        return len(self._shared)

    @asynccontextmanager
    async def use(self, feed: Feed, codec: RTCRtpCodecParameters, drawn: bool) -> AsyncIterator[VideoEncoder]:
        """The one encoder of this feed and codec, for as long as the block runs."""
        key = (feed.name, codec.mimeType, str(codec.parameters), drawn)
        if key not in self._shared:
            encoder = VideoEncoder(feed, codec, drawn, self._pool, self._metrics)
            self._shared[key] = _Shared(encoder, asyncio.create_task(encoder.run(), name=f"encoder {feed.name}"))
        shared = self._shared[key]
        shared.users += 1
        try:
            yield shared.encoder
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[key]
                shared.task.cancel()
                await asyncio.gather(shared.task, return_exceptions=True)
