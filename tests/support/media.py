"""Pictures and clips of the fixtures, in the forms that a client sends."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
GUN_PICTURE = FIXTURES / "pictures" / "gun-ab7ce795b1a9cf05.jpg"
GUN_CLIP = FIXTURES / "gun-pan.mp4"

Image8 = NDArray[np.uint8]


@lru_cache(maxsize=1)
def gun_jpeg() -> bytes:
    """A photograph of one pistol."""
    return GUN_PICTURE.read_bytes()


def rgb_of(picture: bytes) -> Image8:
    """A picture file -> RGB (H, W, 3) uint8."""
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB"))


def file_of(rgb: Image8, form: str = "JPEG", **options: Any) -> bytes:
    """RGB (H, W, 3) or grey (H, W) uint8 -> a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, form, **options)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def plain_jpeg() -> bytes:
    """A 320x240 picture with nothing to see."""
    return file_of(np.full((240, 320, 3), 128, np.uint8))


@lru_cache(maxsize=2)
def clip_frames(path: Path, start: int, count: int) -> tuple[av.VideoFrame, ...]:
    """Decoded frames of a clip."""
    with av.open(str(path)) as container:
        return tuple(islice(container.decode(video=0), start, start + count))


@lru_cache(maxsize=1)
def gun_frame() -> av.VideoFrame:
    """The photograph of a pistol as a 640x480 video frame."""
    with Image.open(io.BytesIO(gun_jpeg())) as image:
        frame = av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB").resize((640, 480))), format="rgb24")
    return frame.reformat(format="yuv420p")


def truth(path: Path) -> dict[str, Any]:
    """What is seen in a clip, from the file beside it."""
    return dict(json.loads(path.with_suffix(".json").read_text()))


def stamped(frame: av.VideoFrame, timestamp: int) -> av.VideoFrame:
    """The same picture at another 90 kHz time; the memory is its own, for encoders may keep it."""
    copy = frame.reformat(format="rgb24").reformat(format="yuv420p") if frame.format.name != "yuv420p" else frame
    fresh = av.VideoFrame(copy.width, copy.height, "yuv420p")
    for target, source in zip(fresh.planes, copy.planes, strict=True):
        target.update(bytes(source))
    fresh.pts, fresh.time_base = timestamp, Fraction(1, 90_000)
    return fresh
