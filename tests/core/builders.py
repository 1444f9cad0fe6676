"""Short ways to the values that the tests of the core are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.core.detections import Detections
from server.core.events import EventLog
from server.core.frame import Frame, Picture
from server.core.geometry import Boxes
from server.core.policy import ConfirmationPolicy
from server.core.tracking import Track

FIXTURES = Path(__file__).parent.parent / "fixtures"

Corners = tuple[float, float, float, float]


def boxes_of(*rows: Sequence[float]) -> Boxes:
    """Boxes (N, 4) from rows of four numbers."""
    return np.array(rows, np.float32).reshape(-1, 4)


def detections_of(*rows: Sequence[float], scores: Sequence[float] | float = 0.8, classes: int = 0) -> Detections:
    """Detections of these boxes, in this order."""
    count = len(rows)
    column = np.broadcast_to(np.array(scores, np.float32), (count,)).copy()
    return Detections(boxes_of(*rows), column, np.full(count, classes, np.int32))


def box_around(x: float, y: float, width: float = 60, height: float = 40) -> Corners:
    """A box by its centre and its sides."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def frame_at(
    at: float, sequence: int = 0, picture: Picture | None = None, feed: str = "door", unix: float = 1_700_000_000.0
) -> Frame:
    """A frame captured ``at`` seconds."""
    return Frame(picture or Picture.grey(64, 48), feed, sequence, round(at * 90_000), at, unix + at)


def track_of(
    number: int, at: float, score: float = 0.8, box: Corners = (10, 10, 40, 30), velocity: tuple[float, float] = (0, 0)
) -> Track:
    """A track last seen ``at`` seconds."""
    return Track(number, 0, np.array(box, np.float32), np.array(velocity, np.float32), score, at, at, hits=1)


def event_log(policy: ConfirmationPolicy | None = None, ended_after_s: float = 2.0) -> EventLog:
    """A log that numbers its events from 1."""
    numbers = iter(range(1, 1_000_000))
    return EventLog(
        "door", ("gun",), policy or ConfirmationPolicy(), lambda _: f"e{next(numbers)}", ended_after_s, model="yolo"
    )


def random_picture(width: int, height: int, seed: int = 0) -> Picture:
    """A picture of noise within the limited range."""
    noise = np.random.default_rng(seed)
    chroma = ((height + 1) // 2, (width + 1) // 2)

    def plane(shape: tuple[int, int]) -> NDArray[np.uint8]:
        return noise.integers(16, 236, shape, np.uint8)

    return Picture(plane((height, width)), plane(chroma), plane(chroma))


def strided(picture: Picture, padding: int = 13) -> Picture:
    """The same picture in planes whose rows lie further apart than they are wide, as decoders have them."""

    def padded(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        memory = np.full((plane.shape[0], plane.shape[1] + padding), 77, np.uint8)
        memory[:, : plane.shape[1]] = plane
        return memory[:, : plane.shape[1]]

    return Picture(padded(picture.y), padded(picture.u), padded(picture.v))


def rgb_of(name: str) -> NDArray[np.uint8]:
    """A committed picture, RGB (H, W, 3)."""
    image = cv2.imread(str(FIXTURES / "pictures" / f"{name}.jpg"))
    assert image is not None
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def picture_of_rgb(rgb: NDArray[np.uint8]) -> Picture:
    """The same in ``yuv420p``, cut to even sides."""
    height, width = rgb.shape[0] & ~1, rgb.shape[1] & ~1
    i420 = np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb[:height, :width]), cv2.COLOR_RGB2YUV_I420), np.uint8)
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    return Picture(i420[:height], chroma[0], chroma[1])


@st.composite
def upright_boxes(draw: st.DrawFn, most: int = 8, largest: int = 400) -> Boxes:
    """Between 1 and ``most`` boxes with a positive area, in quarters of a pixel so that sums are exact."""
    rows = []
    for _ in range(draw(st.integers(1, most))):
        x, y = (draw(st.integers(-4 * largest, 4 * largest)) / 4 for _ in range(2))
        width, height = (draw(st.integers(1, 4 * largest)) / 4 for _ in range(2))
        rows.append((x, y, x + width, y + height))
    return boxes_of(*rows)
