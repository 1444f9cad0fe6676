"""Coded pictures as a camera sends them, made by the test that needs them, and clips read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .encoded import CODECS

RATE = 15
STEP = 90_000 // RATE


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One packet in Annex B, its times in ticks of 90 kHz."""

    data: bytes
    pts: int
    dts: int
    is_key: bool


def grey_pictures(count: int, width: int = 64, height: int = 48) -> list[av.VideoFrame]:
    """Pictures whose brightness tells their number: see :func:`number_of`."""
    frames = []
    for number in range(count):
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = 20 + 8 * (number % 25)
        frames.append(av.VideoFrame.from_ndarray(planes, "yuv420p"))
    return frames


def number_of(frame: av.VideoFrame) -> int:
    """Which of 25 pictures of :func:`grey_pictures` this is."""
    return round((float(frame.to_ndarray(format="gray").mean()) * 219 / 255 + 16 - 20) / 8) % 25


def coded(
    frames: Sequence[av.VideoFrame], codec: str = "h264", key_every: int = RATE, b_frames: int = 0, sets: bool = True
) -> list[CodedPicture]:
    """What an encoder makes of them. ``sets``: with parameter sets before each key frame."""
    context = av.CodecContext.create(CODECS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
    context.framerate, context.time_base = Fraction(RATE), Fraction(1, 90_000)
    repeat = int(sets)
    options = {"preset": "ultrafast", "crf": "12"}
    if codec == "h264":
        options["x264-params"] = (
            f"keyint={key_every}:scenecut=0:bframes={b_frames}:b-adapt=0:repeat-headers={repeat}:log-level=-1"
        )
    else:
        options["x265-params"] = (
            f"keyint={key_every}:min-keyint={key_every}:bframes={b_frames}:b-adapt=0:repeat-headers={repeat}"
            ":open-gop=0:log-level=-1"
        )
    context.options = options
    packets = []
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = number * STEP, Fraction(1, 90_000)
        packets += context.encode(frame)
    packets += context.encode(None)
    made = []
    for packet in packets:
        assert packet.pts is not None
        assert packet.dts is not None
        made.append(CodedPicture(bytes(packet), packet.pts, packet.dts, packet.is_keyframe))
    return made


def shown(path: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """The pictures of a clip, each with its second."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            yield frame.time, frame
