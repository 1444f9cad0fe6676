"""Cut-outs, and what is pasted."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.augment import Pastes, degrade, paste, pasted_length
from training.cutouts import Cutout, cut_from_white, is_held_out, read_cutouts
from training.errors import TrainingError


def hammer(on: int = 255) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A dark T on a light ground."""
    image = np.full((120, 160, 3), on, np.uint8)
    image[30:45, 40:120] = 40
    image[45:100, 75:90] = 60
    return image


def solid(height: int = 40, width: int = 80, is_gun: bool = True) -> Cutout:
    return Cutout("solid.png", np.full((height, width, 4), (10, 20, 30, 255), np.uint8), is_gun)


def test_a_thing_on_white_is_cut_out_along_its_outline() -> None:
    cutout = cut_from_white("hammer.jpg", hammer(), is_gun=False)
    assert cutout is not None
    height, width = cutout.rgba.shape[:2]
    assert abs(width - 80) <= 4
    assert abs(height - 70) <= 4
    assert cutout.rgba[height // 2, width // 2, 3] == 255
    assert cutout.rgba[-2, 2, 3] == 0, "the ground below the head went with it"


@pytest.mark.parametrize("image", [hammer(120), np.full((120, 160, 3), 255, np.uint8), hammer()[:20, :20]])
def test_nothing_is_cut_from_what_has_no_white_ground_or_no_thing(image: np.ndarray) -> None:
    assert cut_from_white("x.jpg", image, is_gun=False) is None


def test_white_on_the_thing_stays_with_it() -> None:
    image = hammer()
    image[34:40, 70:90] = 255
    cutout = cut_from_white("hammer.jpg", image, is_gun=False)
    assert cutout is not None
    assert cutout.rgba[7, 40, 3] > 200


def test_a_cutout_without_transparency_is_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "plain.png"), hammer())
    with pytest.raises(TrainingError, match=r"plain\.png.*alpha"):
        read_cutouts(tmp_path, is_gun=True)


def test_a_folder_without_cutouts_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no cut-outs"):
        read_cutouts(tmp_path, is_gun=True)


def test_about_a_fifth_is_held_out_for_measuring() -> None:
    share = sum(is_held_out(f"{number}.png") for number in range(1000)) / 1000
    assert 0.15 < share < 0.25


@given(length=st.floats(8, 120), seed=st.integers(0, 10_000))
def test_the_box_of_a_pasted_thing_is_where_the_picture_changed(length: float, seed: int) -> None:
    image = np.full((240, 320, 3), 200, np.uint8)
    box = paste(image, np.empty((0, 4), np.float32), solid(), length, random.Random(seed))
    if box is None:
        assert (image == 200).all()
        return
    changed = np.flatnonzero((image != 200).any(axis=(1, 2))), np.flatnonzero((image != 200).any(axis=(0, 2)))
    assert len(changed[0])
    found = np.array([changed[1][0], changed[0][0], changed[1][-1] + 1, changed[0][-1] + 1])
    assert np.abs(found - box).max() <= 2
    assert max(box[2] - box[0], box[3] - box[1]) <= length * 1.5 + 6


def test_nothing_is_pasted_over_a_gun() -> None:
    gun = np.array([[0, 0, 320, 240]], np.float32)
    for seed in range(50):
        image = np.full((240, 320, 3), 200, np.uint8)
        assert paste(image, gun, solid(), 40, random.Random(seed)) is None
        assert (image == 200).all()


def test_only_guns_get_boxes_and_the_picture_given_stays_as_it_is() -> None:
    image = np.full((240, 320, 3), 200, np.uint8)
    none = np.empty((0, 4), np.float32)
    others = Pastes((), (solid(is_gun=False),), 1.0)
    pasted, boxes = others.into(image, none, random.Random(1))
    assert (pasted != 200).any()
    assert not len(boxes)
    guns = Pastes((solid(),), (), 1.0)
    pasted, boxes = guns.into(image, none, random.Random(1))
    assert len(boxes)
    assert (image == 200).all()
    same, boxes = Pastes((solid(),), (), 0.0).into(image, none, random.Random(1))
    assert same is image
    assert boxes is none


@given(seed=st.integers(0, 10_000))
def test_lengths_are_10_to_100_pixels_at_640(seed: int) -> None:
    assert 10 <= pasted_length(640, random.Random(seed)) <= 100
    assert 20 <= pasted_length(1280, random.Random(seed)) <= 200


@given(seed=st.integers(0, 10_000))
def test_a_degraded_picture_has_its_size_and_type(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)
    worse = degrade(image, random.Random(seed))
    assert worse.shape == image.shape
    assert worse.dtype == np.uint8
