"""From the server's pictures to Qt's, and the marks on them to a screen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from server.core.frame import Picture
from server.video import even_of, frame_of

MOST_WIDTH = 1920
"""Wider pictures are scaled down in their thread: no screen of this application is larger."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image to be shown, the size of the picture it was made of, and when that was: seconds of its video, or
    monotonic ones of a camera."""

    image: QImage
    width: int
    height: int
    at: float


def shown_of(picture: Picture, at: float) -> Shown:
    """A picture of a video, ready for the screen."""
    even = even_of(picture)
    frame, _ = frame_of(even)
    scale = min(1.0, MOST_WIDTH / even.width)
    rgb = frame.reformat(width=round(even.width * scale), height=round(even.height * scale), format="rgb24")
    plane = rgb.planes[0]
    image = QImage(memoryview(plane), rgb.width, rgb.height, plane.line_size, QImage.Format.Format_RGB888)
    return Shown(image.copy(), picture.width, picture.height, at)


def shown_of_rgb(rgb: NDArray[np.uint8]) -> Shown:
    """A single picture (h, w, 3), ready for the screen."""
    height, width = rgb.shape[:2]
    image = QImage(rgb.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return Shown(image.copy(), width, height, 0.0)
