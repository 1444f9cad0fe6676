"""Video out: a feed is encoded once for each codec and look, however many watch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.video.frame import PictureType

from ..broadcast import Broadcast, Closed
from ..core.drawing import Mark, draw_on_picture, mark_of
from ..core.frame import CLOCK_RATE, Frame
from ..feed import Feed
from ..metrics import Metrics
from ..video import even_of, frame_of, scaled_frame_of
from .shared import Shared

log = logging.getLogger(__name__)

BITS_PER_PIXEL = 0.1
USUAL_RATE = 30
LEAST_BITRATE, MOST_BITRATE = 300_000, 4_000_000
LONGEST_GOP = 300
"""Frames between key frames at the most: whoever joins or loses a picture asks for one."""

KEY_FRAME_INTERVAL_S = 0.25
"""Time between two key frames at the least: one viewer on a bad line must not make all others' video coarse."""

SMALL_WIDTH = 640

CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "video/VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "static-thresh": "1"}),
    "video/H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a feed is shown: with boxes drawn or clean, in its own size or at most :data:`SMALL_WIDTH` pixels wide."""

    drawn: bool
    small: bool = False


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture as the payloads of its RTP packets, with its 90 kHz timestamp."""

    payloads: Sequence[bytes]
    timestamp: int
    is_key: bool


class VideoEncoder:
    """Encodes a feed's display path with one look, for all who agreed on one codec."""

    def __init__(
        self, feed: Feed, codec: RTCRtpCodecParameters, look: Look, pool: ThreadPoolExecutor, metrics: Metrics
    ) -> None:
        self.pictures: Broadcast[EncodedPicture] = Broadcast()
        self._feed = feed
        self._look = look
        self._pool = pool
        self._metrics = metrics
        self._library, self._options = CODECS[codec.mimeType]
        self._packer = get_encoder(codec)
        self._context: av.VideoCodecContext | None = None
        self._key_frame_asked = False
        self._last_key_at = 0.0
        self._last_timestamp = -1

    def ask_key_frame(self) -> None:
        """The next picture will be a key frame, or the first after :data:`KEY_FRAME_INTERVAL_S` since the last one."""
        self._key_frame_asked = True

    async def run(self) -> None:
        """Encode until the feed ends."""
        loop = asyncio.get_running_loop()
        reason = "the server failed"
        try:
            with self._feed.display.read() as frames:
                while True:
                    frame = await frames.next()
                    tracks = self._feed.tracks_at(frame.captured_at) if self._look.drawn else []
                    marks = [mark_of(seen, frame.captured_at) for seen in tracks]
                    key = self._key_frame_asked and time.monotonic() - self._last_key_at >= KEY_FRAME_INTERVAL_S
                    self._key_frame_asked = self._key_frame_asked and not key
                    for picture in await loop.run_in_executor(self._pool, self._encode, frame, marks, key):
                        if picture.is_key:
                            self._last_key_at = time.monotonic()
                        self.pictures.send(picture)
        except Closed as closed:
            reason = str(closed)
        except Exception:
            log.exception("the encoder of feed %s broke", self._feed.name)
        finally:
            self.pictures.close(reason)

    def _encode(self, frame: Frame, marks: list[Mark], key_frame: bool) -> list[EncodedPicture]:
        """In a thread of the pool; one picture of this encoder at a time."""
        begun = time.monotonic()
        if self._look.small and frame.picture.width > SMALL_WIDTH:
            video, picture = scaled_frame_of(frame.picture, SMALL_WIDTH)
            scale = picture.width / frame.picture.width
            marks = [replace(mark, box=mark.box * scale) for mark in marks]
        else:
            video, picture = frame_of(even_of(frame.picture))
        draw_on_picture(picture, marks)
        # An encoder takes no time twice and none that goes back; a jump forward, as after a break, is fine.
        self._last_timestamp = max(frame.timestamp, self._last_timestamp + 1)
        video.pts, video.time_base = self._last_timestamp, Fraction(1, CLOCK_RATE)
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
        # libvpx's threads spin while they wait for one another: on a busy machine two cost four times the work of one.
        context.thread_count = 1 if width * height <= 1920 * 1080 else 2
        context.options = {**self._options, "maxrate": str(bitrate), "bufsize": str(bitrate)}
        return context


class Encoders:
    """All video encoders, each open for as long as somebody watches."""

    def __init__(self, pool: ThreadPoolExecutor, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._shared: Shared[tuple[Feed, str, str, Look], VideoEncoder] = Shared()

    def __len__(self) -> int:
        return len(self._shared)

    def use(self, feed: Feed, codec: RTCRtpCodecParameters, look: Look) -> AbstractAsyncContextManager[VideoEncoder]:
        """The one encoder of this feed, codec and look, for as long as the block runs."""
        key = (feed, codec.mimeType, str(codec.parameters), look)
        return self._shared.use(key, lambda: VideoEncoder(feed, codec, look, self._pool, self._metrics))
