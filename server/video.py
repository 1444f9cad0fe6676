"""Between PyAV's frames and our pictures, without copying where it can be helped."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from .core.frame import Picture, Plane


def picture_of(frame: av.VideoFrame) -> Picture:
    """The picture of a decoded frame. ``yuv420p`` is shared, not copied: read only; all else is converted."""
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
        frame = frame.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG)
    y, u, v = (_view(plane) for plane in frame.planes)
    return Picture(y, u, v)


def blank_frame(width: int, height: int) -> tuple[av.VideoFrame, Picture]:
    """A new ``yuv420p`` frame for an encoder, and its memory as a picture to write to."""
    frame = av.VideoFrame(width, height, "yuv420p")
    y, u, v = (_view(plane) for plane in frame.planes)
    return frame, Picture(y, u, v)


def frame_of(picture: Picture) -> tuple[av.VideoFrame, Picture]:
    """A copy of a picture as a frame for an encoder, and its memory to draw on."""
    frame, copy = blank_frame(picture.width, picture.height)
    for target, source in ((copy.y, picture.y), (copy.u, picture.u), (copy.v, picture.v)):
        np.copyto(target, source)
    return frame, copy


def even_of(picture: Picture) -> Picture:
    """A picture without its last row or column where that is an odd one: H.264 in 4:2:0 has none."""
    height, width = picture.height & ~1, picture.width & ~1
    half = slice(height // 2), slice(width // 2)
    return Picture(picture.y[:height, :width], picture.u[half], picture.v[half])


def scaled_frame_of(picture: Picture, width: int, height: int = 0) -> tuple[av.VideoFrame, Picture]:
    """As :func:`frame_of`, scaled to ``width`` (even) pixels; the height is even too, and keeps the shape unless it is
    given."""
    height = height or max(2, round(picture.height * width / picture.width / 2) * 2)
    frame, copy = blank_frame(width, height)
    for target, source in ((copy.y, picture.y), (copy.u, picture.u), (copy.v, picture.v)):
        np.copyto(target, cv2.resize(source, target.shape[::-1], interpolation=cv2.INTER_AREA))
    return frame, copy


def _view(plane: av.video.plane.VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.asarray(rows[: plane.height, : plane.width])
