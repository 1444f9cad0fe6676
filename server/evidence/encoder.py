"""Codes the pictures of feeds that bring no packets to be kept: browsers, MJPEG cameras, and all that have masks."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Executor
from fractions import Fraction

import av
from av.video.frame import PictureType

from ..core.frame import CLOCK_RATE, Frame, Picture
from ..metrics import Metrics
from ..video import even_of, frame_of, scaled_frame_of
from .tape import Taping

log = logging.getLogger(__name__)

MOST_RATE = 15
STEP_S = 1 / MOST_RATE

SAME_SHAPE = 0.02
"""Width by height may differ so much: sides are rounded."""

KEY_EVERY_S = 1.0
QUALITY = "26"
"""x264's constant rate factor: a face is still one. A picture of little detail takes little."""

OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "crf": QUALITY,
    "forced-idr": "1",
    "x264-params": "log-level=-1",
}
MOST_BITS_PER_PIXEL = 2.5
"""A second: what a picture full of leaves may take, about 2.3 Mb/s at 1280x720."""


class TapeEncoder:
    """Codes the newest picture of one feed, some times a second, and puts it on the feed's tape. ``width``: pictures
    that are wider are made smaller. Called on the event loop; the work is done by ``pool``, one picture at a time."""

    def __init__(self, taping: Taping, width: int, pool: Executor, metrics: Metrics) -> None:
        self._taping = taping
        self._width = width
        self._pool = pool
        self._metrics = metrics
        self._context: av.VideoCodecContext | None = None
        self._busy = False
        self._due = self._last_key = float("-inf")
        self._epoch = -1
        self._size = (0, 0)

    def offer(self, frame: Frame) -> None:
        """Take a picture, unless one is being coded or was just now."""
        at = frame.captured_at
        if self._busy or at < self._due:
            return
        # What came late is made up for by the next, so that of 25 a second 15 are taken and not 12.5.
        self._due = max(self._due, at - STEP_S) + STEP_S
        self._busy = True
        try:
            self._pool.submit(self._encode, frame, self._taping.epoch)
        except RuntimeError:  # the pool is closed: the server stops
            return

    def _encode(self, frame: Frame, epoch: int) -> None:
        """In a thread of the pool."""
        begun = time.monotonic()
        try:
            for data, is_key in self._coded(frame, epoch):
                self._taping.coded(data, is_key, frame.captured_at, epoch)
            self._metrics.stage_seconds.labels("record").observe(time.monotonic() - begun)
        except Exception:
            log.exception("a picture of feed %s cannot be coded for clips", frame.feed)
            self._context = None
        finally:
            self._busy = False

    def _coded(self, frame: Frame, epoch: int) -> list[tuple[bytes, bool]]:
        picture = even_of(frame.picture)
        video = self._sized(picture)
        size = (video.width, video.height)
        # In another epoch nothing may be left of what was to be seen before.
        if self._context is None or epoch != self._epoch or (self._context.width, self._context.height) != size:
            self._context, self._epoch = _open(*size), epoch
            self._last_key = float("-inf")
        video.pts, video.time_base = round(frame.captured_at * CLOCK_RATE), Fraction(1, CLOCK_RATE)
        if frame.captured_at - self._last_key >= KEY_EVERY_S:
            video.pict_type, self._last_key = PictureType.I, frame.captured_at
        return [(bytes(packet), packet.is_keyframe) for packet in self._context.encode(video)]

    def _sized(self, picture: Picture) -> av.VideoFrame:
        """A picture as it is coded: of one shape, as large as the largest before. A browser on a bad line sends smaller
        ones for a while, and a clip has one size throughout."""
        width, height = self._size
        same_shape = height and abs(picture.width * height / (picture.height * width) - 1) < SAME_SHAPE
        if not same_shape or width < min(picture.width, self._width):
            frame = frame_of(picture)[0] if picture.width <= self._width else scaled_frame_of(picture, self._width)[0]
            self._size = (frame.width, frame.height)
            return frame
        if (picture.width, picture.height) == (width, height):
            return frame_of(picture)[0]
        return scaled_frame_of(picture, width, height)[0]


def _open(width: int, height: int) -> av.VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, CLOCK_RATE), Fraction(MOST_RATE, 1)
    context.gop_size, context.max_b_frames = 10 * MOST_RATE, 0
    context.thread_count = 1
    most = str(round(width * height * MOST_BITS_PER_PIXEL))
    context.options = {**OPTIONS, "maxrate": most, "bufsize": most}
    return context
