"""Encoded pictures in a file, for the RTSP server to play: a line of JSON, then each unit behind its length."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av

CODECS = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}
OPTIONS = {
    "h264": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "26",
        "threads": "1",
        "x264-params": "repeat-headers=1:log-level=-1",
    },
    "hevc": {"preset": "ultrafast", "tune": "zerolatency", "crf": "28", "x265-params": "repeat-headers=1:log-level=-1"},
    "mjpeg": {},
}


def write_units(
    path: Path, frames: Iterable[av.VideoFrame], codec: str, width: int, height: int, rate: int, key_every_s: float = 1
) -> Path:
    """Encode frames, scaled to ``width`` x ``height``, ``rate`` a second; without B-frames, a key frame first."""
    context = av.CodecContext.create(CODECS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.framerate = width, height, Fraction(rate)
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    context.options = OPTIONS[codec]
    context.gop_size = max(1, round(rate * key_every_s))
    with path.open("wb") as file:
        header = {"codec": codec, "width": width, "height": height, "rate": rate}
        file.write(json.dumps(header).encode() + b"\n")
        for packet in _packets(context, frames, rate):
            file.write(packet.size.to_bytes(4, "big") + bytes(packet))
    return path


def _packets(
    context: av.VideoCodecContext, frames: Iterable[av.VideoFrame], rate: int
) -> Iterator[av.Packet[av.VideoStream]]:
    for number, frame in enumerate(frames):
        scaled = frame.reformat(context.width, context.height, format=context.pix_fmt)
        scaled.pts, scaled.time_base = number, Fraction(1, rate)
        scaled.pict_type = av.video.frame.PictureType.NONE
        yield from context.encode(scaled)
    yield from context.encode(None)


def clip_pictures(clip: Path, rate: int, count: int) -> list[av.VideoFrame]:
    """So many pictures of a clip, ``rate`` for each of its seconds; from its beginning again where it is too short."""
    with av.open(str(clip)) as container:
        own = container.streams.video[0].average_rate
        assert own is not None
        frames = list(container.decode(video=0))
    picked = [frames[round(number * own / rate)] for number in range(int((len(frames) - 1) * rate / own) + 1)]
    return list(islice(cycle(picked), count))
