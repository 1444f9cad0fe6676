"""The picture and the frame: what travels from a source to the model and to the screen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLOCK_RATE = 90_000
"""Ticks per second of every media timestamp, as RTP has it for video (RFC 3551, section 5)."""

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in ``yuv420p``, BT.601, limited range: the form decoders give and encoders take.

    ``y`` is (height, width) uint8; ``u`` and ``v`` are (ceil(height / 2), ceil(width / 2)) uint8.
    The planes may be read-only views of a decoder's memory: draw on a :meth:`copy`.
    """

    y: Plane
    u: Plane
    v: Plane

    def __post_init__(self) -> None:
        chroma = ((self.height + 1) // 2, (self.width + 1) // 2)
        if self.u.shape != chroma or self.v.shape != chroma:
            raise ValueError(f"chroma planes of {self.width}x{self.height} must be {chroma}, got {self.u.shape}")

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.y.shape[0])

    def copy(self) -> Picture:
        """A picture with memory of its own, safe to draw on."""
        return Picture(self.y.copy(), self.u.copy(), self.v.copy())

    @classmethod
    def grey(cls, width: int, height: int, luma: int = 128) -> Picture:
        """A picture of one grey; ``luma`` from 16 (black) to 235 (white)."""
        chroma = ((height + 1) // 2, (width + 1) // 2)
        return cls(
            np.full((height, width), luma, np.uint8), np.full(chroma, 128, np.uint8), np.full(chroma, 128, np.uint8)
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture with its place in time.

    ``timestamp`` is the feed's own media clock in ticks of :data:`CLOCK_RATE`; ``captured_at`` is the monotonic
    second at which this process had the picture (all delays count from there); ``captured_unix`` is the same
    instant as a person reads it.
    """

    picture: Picture
    feed: str
    sequence: int
    timestamp: int
    captured_at: float
    captured_unix: float
