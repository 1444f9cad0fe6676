"""The pictures of an event: clean, with its boxes, and small."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av
from av.video.reformatter import ColorRange

from ..core.drawing import Mark, draw_on_picture
from ..core.evidence import ANNOTATED, CLEAN, THUMB
from ..core.frame import Picture
from ..video import frame_of, scaled_frame_of

QUANTIZER = 3
"""FFmpeg's scale of JPEG quality, 2 (best) to 31: what a court may look at."""

THUMB_WIDTHS = (320, 160, 80)
MOST_THUMB = 20_000
COARSER = (5, 8, 12, 18, 25, 31)
"""A picture of noise, or a very tall one, is made coarser and then smaller until it fits."""


def stills(picture: Picture, marks: Sequence[Mark]) -> dict[str, bytes]:
    """The three files by their names. The picture is only read."""
    frame, copy = frame_of(picture)
    clean = jpeg_of(frame)
    draw_on_picture(copy, marks)
    return {CLEAN: clean, ANNOTATED: jpeg_of(frame), THUMB: thumb(picture, marks)}


def thumb(picture: Picture, marks: Sequence[Mark]) -> bytes:
    """A small JPEG with the boxes, of at most :data:`MOST_THUMB` bytes."""
    jpeg = b""
    for most_width in THUMB_WIDTHS:
        small, copy = scaled_frame_of(picture, min(most_width, picture.width & ~1 or 2))
        draw_on_picture(copy, [replace(mark, box=mark.box * (copy.width / picture.width)) for mark in marks])
        for quantizer in COARSER:
            jpeg = jpeg_of(small, quantizer)
            if len(jpeg) <= MOST_THUMB:
                return jpeg
    return jpeg


def jpeg_of(frame: av.VideoFrame, quantizer: int = QUANTIZER) -> bytes:
    """A ``yuv420p`` frame in limited range -> a JPEG file."""
    full = frame.reformat(format="yuvj420p", src_color_range=ColorRange.MPEG, dst_color_range=ColorRange.JPEG)
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = full.width, full.height, "yuvj420p"
    codec.time_base = Fraction(1, 30)
    codec.qmin = codec.qmax = quantizer
    full.pts = None
    buffer = io.BytesIO()
    for packet in codec.encode(full):
        buffer.write(bytes(packet))
    return buffer.getvalue()
