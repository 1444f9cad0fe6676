"""What a guard gets: alarms on video, through the very tracker and policy that run in production."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from server.core.detections import Detections
from server.core.frame import Picture
from server.core.policy import ConfirmationPolicy
from server.core.replay import RecordedLook, Recording, replay
from server.core.tracking import TrackerSettings
from server.video import picture_of

from .augment import degrade, lay, turned
from .cutouts import Cutout

Image = NDArray[np.uint8]
See = Callable[[Picture], Detections]

LEAD_S, SIGHT_S, TRAIL_S = 1.0, 2.0, 1.5
"""A made clip: so long before a gun is in sight, while it is, and after it."""

CODING = {"preset": "superfast", "tune": "zerolatency", "crf": "28"}
"""As a camera codes its stream at a middling bitrate; x264's own names."""

GUN_LENGTHS = (24, 32, 48, 64, 96)
"""Pixels at 1280x720."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures at even times, as a camera gives them; ``sight``: from when until when a gun is
    in sight, in seconds, or None."""

    name: str
    pictures: Iterable[Picture]
    sight: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Alarms:
    """``confirmed_at``: seconds into the clip of each confirmed event. ``seconds``: length of the clip."""

    clip: str
    seconds: float
    sight: tuple[float, float] | None
    confirmed_at: tuple[float, ...]

    @property
    def delay(self) -> float | None:
        """From first visible to the first alarm in time, or None for a gun that was missed or a clip without one."""
        if self.sight is None:
            return None
        begun, ended = self.sight
        return next((at - begun for at in self.confirmed_at if begun <= at < ended + 0.5), None)

    @property
    def false_alarms(self) -> int:
        """Confirmed events while no gun is in sight. One that began with the gun and is told late is none."""
        if self.sight is None:
            return len(self.confirmed_at)
        return sum(not self.sight[0] <= at < self.sight[1] + 0.5 for at in self.confirmed_at)


def watch(
    clip: Clip,
    see: See,
    labels: Sequence[str],
    rate: float,
    policy: ConfirmationPolicy,
    tracker: TrackerSettings,
) -> Alarms:
    """Look at every picture of a clip, ``rate`` a second, and tell the alarms."""
    looks, width, height = [], 1, 1
    for number, picture in enumerate(clip.pictures):
        height, width = picture.height, picture.width
        seen = see(picture)
        boxes = np.clip(seen.boxes / np.array((width, height) * 2), 0, 1).astype(np.float64)
        looks.append(RecordedLook(number / rate, boxes, seen.scores, seen.classes))
    recording = Recording(clip.name, tuple(labels), width, height, tuple(looks))
    events = replay(recording, policy, tracker)
    confirmed = sorted(event.confirmed_at for event in events if event.confirmed_at is not None)
    return Alarms(clip.name, len(looks) / rate, clip.sight, tuple(confirmed))


def hourly_bound(count: int, hours: float) -> float:
    """Upper 95 % bound of a rate when ``count`` were seen in so many hours (Poisson; 3 / hours when none were)."""
    if not hours:
        return math.inf
    low, high = 0.0, 10.0 + 4 * count
    while high - low > 1e-6:
        middle = (low + high) / 2
        below = sum(math.exp(-middle + k * math.log(middle or 1e-300) - math.lgamma(k + 1)) for k in range(count + 1))
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high / hours


def zoomed(name: str, photograph: Image, background: Image, rate: float) -> Clip:
    """A photograph with a gun cut into a gun-free picture for two seconds, slowly zoomed."""

    def pictures() -> Iterator[Image]:
        shown = round(SIGHT_S * rate)
        for _ in range(round(LEAD_S * rate)):
            yield background
        for step in range(shown):
            yield _zoom(photograph, 1 + 0.15 * step / shown, background.shape[1], background.shape[0])
        for _ in range(round(TRAIL_S * rate)):
            yield background

    return Clip(name, coded(pictures(), rate), (LEAD_S, LEAD_S + SIGHT_S))


def coded(pictures: Iterable[Image], rate: float) -> Iterator[Picture]:
    """RGB pictures of one size, even sides, as they come out of a camera's H.264 stream at so many a second."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1  # else pictures come out late, a thread's worth of them at once
    encoder = None
    for number, rgb in enumerate(pictures):
        if encoder is None:
            encoder = av.CodecContext.create("libx264", "w")
            encoder.height, encoder.width = rgb.shape[:2]
            encoder.pix_fmt, encoder.time_base, encoder.options = "yuv420p", 1 / Fraction(rate), CODING
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        frame.pts, frame.time_base = number, encoder.time_base
        for packet in encoder.encode(frame):
            yield from map(picture_of, decoder.decode(packet))
    for packet in encoder.encode(None) if encoder else ():
        yield from map(picture_of, decoder.decode(packet))
    yield from map(picture_of, decoder.decode(None))


def _zoom(image: Image, factor: float, width: int, height: int) -> Image:
    """Fitted into width x height on grey, then enlarged about its centre."""
    scale = min(width / image.shape[1], height / image.shape[0]) * factor
    left, top = (width - image.shape[1] * scale) / 2, (height - image.shape[0] * scale) / 2
    turn = np.array([[scale, 0, left], [0, scale, top]])
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderValue=(114, 114, 114)), np.uint8)


def carried(name: str, scene: Sequence[Image], cutout: Cutout, length: int, rate: float, seed: int) -> Clip:
    """A cut-out carried for two seconds across a gun-free scene, RGB pictures, made worse as cameras do."""

    def pictures() -> Iterator[Image]:
        rng = random.Random(seed)
        gun = turned(cutout.rgba, length, rng)
        begin, drift = (rng.uniform(0.2, 0.5), rng.uniform(0.3, 0.6)), (rng.uniform(0.05, 0.2), rng.uniform(-0.05, 0.1))
        lead, shown = round(LEAD_S * rate), round(SIGHT_S * rate)
        for number in range(lead + shown + round(TRAIL_S * rate)):
            picture = scene[number % len(scene)][..., ::-1].copy()  # else the gun would stay in the scene
            step = (number - lead) / shown
            if 0 <= step < 1:
                left, top = ((begin[axis] + drift[axis] * step) * picture.shape[1 - axis] for axis in (0, 1))
                lay(picture, gun, round(left), round(top), random.Random(seed))
            yield np.ascontiguousarray(degrade(picture, random.Random(seed), number)[..., ::-1])

    return Clip(name, coded(pictures(), rate), (LEAD_S, LEAD_S + SIGHT_S))
