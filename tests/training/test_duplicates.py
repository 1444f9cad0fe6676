"""Pictures that show the same, and what is joined to what."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from training.duplicates import Pair, groups, hashes, joined_by, pairs
from training.pictures import THUMB

from .builders import picture

PICTURES = Path(__file__).parents[1] / "fixtures" / "guns"


def thumbs(*images: Image.Image) -> NDArray[np.float32]:
    small = [image.convert("L").resize((THUMB, THUMB), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image, np.float32) for image in small])


def compressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=30)
    return Image.open(buffer)


CHANGES = {
    "compressed": compressed,
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "another shape": lambda image: image.resize((320, 320)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "grey": lambda image: image.convert("L"),
    "cropped a little": lambda image: image.crop((4, 3, image.width - 4, image.height - 3)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("mirror", [False, True])
def test_a_changed_copy_is_found_among_others(change: object, mirror: bool) -> None:
    assert callable(change)
    images = [Image.open(path) for path in sorted(PICTURES.glob("*/images/openimages-*"))]
    copy = change(images[7])
    found = pairs(thumbs(*images, ImageOps.mirror(copy) if mirror else copy))
    assert found == [Pair(7, len(images), mirror)]


def test_pictures_without_anything_on_them_are_not_alike() -> None:
    plain = [Image.new("RGB", (64, 48), (level,) * 3) for level in (0, 100, 101, 255)]
    assert pairs(thumbs(*plain)) == []


def test_many_pictures_take_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [picture(number % 30) for number in range(60)]
    whole = pairs(thumbs(*images))
    assert sorted((pair.first, pair.second) for pair in whole) == [(number, number + 30) for number in range(30)]
    monkeypatch.setattr("training.duplicates.BLOCK", 7)
    assert sorted(pairs(thumbs(*images)), key=str) == sorted(whole, key=str)


def test_the_hash_is_that_of_the_formula() -> None:
    """Against the sums as they are written in Zauner's thesis, for one picture."""
    thumb = thumbs(picture(3))[0].astype(float)
    n = np.arange(THUMB)
    waves = [np.cos(np.pi * (2 * n + 1) * k / (2 * THUMB)) for k in range(9)]
    low = [[(np.outer(waves[u], waves[v]) * thumb).sum() for v in range(1, 9)] for u in range(1, 9)]
    bits = (np.array(low) > np.median(low)).reshape(-1)
    assert int(hashes(thumb.astype(np.float32)[None])[0]) == int("".join(str(int(bit)) for bit in bits), 2)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40))
def test_groups_are_the_parts_that_hang_together(joined: list[tuple[int, int]]) -> None:
    of = groups(20, joined).tolist()
    assert all(of[a] == of[b] for a, b in joined)
    assert all(of[group] == group <= place for place, group in enumerate(of))
    # Nothing is joined that has no way between: the number of parts is that found by walking.
    near = {place: {place} for place in range(20)}
    for a, b in joined:
        whole = near[a] | near[b]
        for place in whole:
            near[place] = whole
    assert len(set(of)) == len({frozenset(part) for part in near.values()})


def test_what_has_the_same_key_is_joined() -> None:
    assert joined_by(["a", None, "b", "a", None, "a"]) == [(0, 3), (0, 5)]
