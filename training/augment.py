"""What happens to pictures on their way into training: small things pasted in, and what cameras do to a picture."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .cutouts import Cutout

Image = NDArray[np.uint8]

MOST_OVERLAP = 0.15
"""Share of a pasted thing that may lie over a gun that is there already."""

SHOWS = 0.25
"""Opacity from which a pixel of a cut-out is part of the thing: its box reaches from the first to the last of them."""


@dataclass(frozen=True, slots=True)
class Pastes:
    """What is pasted into pictures, guns and other things equally often. ``share``: of the gun-free pictures, those
    that get some; of the others, a third as many do."""

    guns: tuple[Cutout, ...]
    others: tuple[Cutout, ...]
    share: float

    def into(self, image: Image, boxes: NDArray[np.float32], rng: random.Random) -> tuple[Image, NDArray[np.float32]]:
        """Perhaps paste one to three things into a (h, w, 3) BGR picture with boxes (n, 4) x1, y1, x2, y2 in pixels of
        the guns in it. Returns a copy with them, and all its guns' boxes; or the very picture and boxes."""
        groups = [group for group in (self.guns, self.others) if group]
        if not groups or rng.random() >= (self.share / 3 if len(boxes) else self.share):
            return image, boxes
        image, taken = image.copy(), boxes
        for _ in range(rng.choice((1, 1, 2, 3))):
            cutout = rng.choice(rng.choice(groups))
            box = paste(image, taken, cutout, pasted_length(max(image.shape[:2]), rng), rng)
            if box is not None and cutout.is_gun:
                boxes = np.concatenate([boxes, box[None]])
            if box is not None:
                taken = np.concatenate([taken, box[None]])
        return image, boxes


def paste(
    image: Image, boxes: NDArray[np.float32], cutout: Cutout, length: float, rng: random.Random
) -> NDArray[np.float32] | None:
    """Paste a thing somewhere into a (h, w, 3) BGR picture, in place, its longer side about ``length`` pixels.

    It is turned, mirrored, darkened to its surroundings and blurred as small things are. ``boxes`` (n, 4): x1, y1, x2,
    y2 in pixels of what is there. Returns its box (4,), or None where no place was found.
    """
    thing = turned(cutout.rgba, length, rng)
    height, width = thing.shape[:2]
    if height < 3 or width < 3 or height >= image.shape[0] or width >= image.shape[1]:
        return None
    left, top = rng.randrange(image.shape[1] - width), rng.randrange(image.shape[0] - height)
    box = np.array((left, top, left + width, top + height), np.float32)
    if len(boxes):
        shared = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None).prod(axis=1)
        if (shared > MOST_OVERLAP * width * height).any():
            return None
    lay(image, thing, left, top, rng)
    return box


def lay(image: Image, thing: Image, left: int, top: int, rng: random.Random) -> None:
    """Lay a thing (h, w, 4) BGR and opacity over a picture at this place, in place, in the light that is there."""
    place = image[top : top + thing.shape[0], left : left + thing.shape[1]]
    colours, opacity = _lit(thing, place, rng), thing[..., 3:].astype(np.float32) / 255
    place[:] = np.clip(colours * opacity + place * (1 - opacity), 0, 255).astype(np.uint8)


def turned(rgba: Image, length: float, rng: random.Random) -> Image:
    """Mirrored, squeezed as seen from the side, turned, scaled to its length and trimmed to what shows."""
    height, width = rgba.shape[:2]
    if rng.random() < 0.5:
        rgba = rgba[:, ::-1]
    angle = rng.gauss(0, 35) if rng.random() < 0.8 else rng.uniform(-180, 180)
    squeeze = rng.uniform(0.55, 1) if rng.random() < 0.4 else 1.0
    scale = length / max(width, height)
    side = math.ceil(math.hypot(width, height) * scale) + 4
    turn = np.asarray(cv2.getRotationMatrix2D((0, 0), angle, scale), np.float64)
    turn[:, 0] *= squeeze
    turn[:, 2] = side / 2 - turn[:, :2] @ (width / 2, height / 2)
    if scale < 0.5:
        # Averaged first: what is sampled from a picture many times larger is noise.
        factor = max(scale * 2, 4 / min(width, height))
        small = cv2.resize(rgba, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        turn[:, :2] = turn[:, :2] * (width / small.shape[1], height / small.shape[0])
        rgba = np.asarray(small, np.uint8)
    # Colours where nothing is would bleed in at the edges: they are weighed by opacity.
    opacity = rgba[..., 3:].astype(np.float32) / 255
    weighed = np.dstack([rgba[..., :3] * opacity, rgba[..., 3:]]).astype(np.float32)
    thing = np.asarray(cv2.warpAffine(weighed, turn, (side, side), flags=cv2.INTER_LINEAR), np.float32)
    if length > 8 and rng.random() < 0.6:
        thing = np.asarray(cv2.GaussianBlur(thing, (0, 0), rng.uniform(0.3, 0.3 + length / 70)), np.float32)
    shows = thing[..., 3] > SHOWS * 255
    rows, columns = np.flatnonzero(shows.any(axis=1)), np.flatnonzero(shows.any(axis=0))
    if not len(rows):
        return np.empty((0, 0, 4), np.uint8)
    thing = thing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colours = thing[..., :3] / np.maximum(thing[..., 3:] / 255, 1e-3)
    return np.asarray(np.clip(np.dstack([colours, thing[..., 3]]), 0, 255), np.uint8)


def _lit(thing: Image, place: Image, rng: random.Random) -> NDArray[np.float32]:
    """The colours of a thing, brought towards the light of its place."""
    colours = thing[..., :3].astype(np.float32)
    if rng.random() < 0.5:
        colours = colours * rng.uniform(0.2, 0.8) + rng.uniform(0, 25)  # most guns are dark
    there = place.reshape(-1, 3).mean(axis=0)
    share = rng.uniform(0, 0.45)
    tint = there / max(float(there.mean()), 1)
    return np.asarray(colours * (1 - share) + colours.mean() * tint * share * (0.5 + there.mean() / 255), np.float32)


def pasted_length(side: int, rng: random.Random) -> float:
    """How long a pasted thing is, for a picture whose longer side is ``side``: 10 to 100 pixels at 640, short ones
    as often as long ones of double the length."""
    return side / 640 * math.exp(rng.uniform(math.log(10), math.log(100)))


def degrade(image: Image, rng: random.Random, moment: int = 0) -> Image:
    """A (h, w, 3) BGR picture as a surveillance camera might have given it: soft, dark, noisy, grey, compressed.

    ``rng`` chooses the camera: from one state of it come the same softness, light and compression. Noise is another at
    each ``moment``.
    """
    if rng.random() < 0.35:
        image = _rescaled(image, rng.uniform(0.35, 0.85), rng)
    if rng.random() < 0.15:
        image = _shaken(image, rng)
    if rng.random() < 0.3:
        gamma = math.exp(rng.uniform(-0.5, 0.9))
        gain = rng.uniform(0.5, 1.15)
        table = np.clip(255 * gain * (np.arange(256) / 255) ** gamma, 0, 255).astype(np.uint8)
        image = np.asarray(cv2.LUT(image, table), np.uint8)
    if rng.random() < 0.12:
        image = np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    if rng.random() < 0.25:
        noise = np.random.default_rng((rng.getrandbits(32), moment)).standard_normal(image.shape, np.float32)
        image = np.clip(image + noise * rng.uniform(2, 14), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        image = _compressed(image, rng.randint(15, 75))
    return image


def _rescaled(image: Image, factor: float, rng: random.Random) -> Image:
    size = (image.shape[1], image.shape[0])
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])), np.uint8)


def _shaken(image: Image, rng: random.Random) -> Image:
    """Blurred along a line, as by a movement."""
    length = rng.choice([3, 5, 7])
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, math.pi)
    for step in np.linspace(-(length // 2), length // 2, 4 * length):
        row = round(length // 2 + step * math.sin(angle))
        kernel[row, round(length // 2 + step * math.cos(angle))] = 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def _compressed(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
