"""The three pictures of an event."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from server.core.drawing import RED, Mark
from server.core.evidence import ANNOTATED, CLEAN, THUMB
from server.core.frame import Picture
from server.evidence.stills import MOST_THUMB, stills

from ..core.builders import picture_of_rgb, random_picture, rgb_of


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def mark(x1: float, y1: float, x2: float, y2: float) -> Mark:
    return Mark(np.array((x1, y1, x2, y2), np.float32), "gun 87%", RED)


def test_clean_annotated_and_small() -> None:
    picture = picture_of_rgb(rgb_of("gun-pasted-1280x720"))
    before = picture.copy()
    made = stills(picture, [mark(400, 200, 700, 500)])
    sizes = {name: opened(data).size for name, data in made.items()}
    assert sizes == {CLEAN: (1280, 720), ANNOTATED: (1280, 720), THUMB: (320, 180)}
    assert len(made[THUMB]) <= MOST_THUMB
    assert np.array_equal(before.y, picture.y), "the picture is only read"
    edge = (400, 350)
    assert opened(made[ANNOTATED]).getpixel(edge) == pytest.approx(RED, abs=40)
    assert opened(made[CLEAN]).getpixel(edge) != pytest.approx(RED, abs=40)
    assert opened(made[THUMB]).getpixel((101, 90)) == pytest.approx(RED, abs=90)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (640, 480), (97, 65), (300, 900), (2, 2)])
def test_a_thumb_is_small_whatever_is_to_be_seen(width: int, height: int) -> None:
    made = stills(random_picture(width, height), [])
    assert len(made[THUMB]) <= MOST_THUMB
    assert opened(made[THUMB]).width in {min(320, width & ~1), 160, 80}
    assert opened(made[CLEAN]).size == (width, height)


def test_brightness_stays() -> None:
    made = stills(Picture.grey(64, 48, 235), [])
    assert opened(made[CLEAN]).getpixel((30, 30)) == pytest.approx((255, 255, 255), abs=3)
