"""JPEG frames of a stream in and out, by FFmpeg's codec: YUV all the way."""

from __future__ import annotations

import io
from fractions import Fraction

import av
from av.video.reformatter import ColorRange

from ..core.drawing import Mark, draw_on_picture
from ..core.frame import Picture
from ..video import frame_of, picture_of

END_OF_IMAGE = b"\xff\xd9"
QUANTIZER = 4
"""FFmpeg's scale of JPEG quality, 2 (best) to 31: at 4 a 640x480 picture is about 50 kB."""


def decode_jpeg(data: bytes) -> Picture:
    """A JPEG file -> its picture. Raises ValueError when it is broken or cut off."""
    if END_OF_IMAGE not in data[-64:]:
        raise ValueError("JPEG cut off")
    try:
        decoder = av.CodecContext.create("mjpeg", "r")
        decoder.options = {"err_detect": "explode"}
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.error.FFmpegError as error:
        raise ValueError("broken JPEG") from error
    if not frames or not isinstance(frames[0], av.VideoFrame) or frames[0].is_corrupt:
        raise ValueError("broken JPEG")
    return picture_of(frames[0])


class JpegEncoder:
    """Draws on a copy of each picture and encodes it; keeps its codec for as long as the size stays."""

    def __init__(self) -> None:
        self._codec: av.VideoCodecContext | None = None

    def encode(self, picture: Picture, marks: list[Mark]) -> bytes:
        """A picture with its marks -> a JPEG file."""
        frame, copy = frame_of(picture)
        draw_on_picture(copy, marks)
        full = frame.reformat(format="yuvj420p", src_color_range=ColorRange.MPEG, dst_color_range=ColorRange.JPEG)
        if self._codec is None or (self._codec.width, self._codec.height) != (full.width, full.height):
            codec = av.CodecContext.create("mjpeg", "w")
            assert isinstance(codec, av.VideoCodecContext)
            codec.width, codec.height, codec.pix_fmt = full.width, full.height, "yuvj420p"
            codec.time_base = Fraction(1, 30)
            codec.qmin = codec.qmax = QUANTIZER
            self._codec = codec
        full.pts = None
        buffer = io.BytesIO()
        for packet in self._codec.encode(full):
            buffer.write(bytes(packet))
        return buffer.getvalue()
