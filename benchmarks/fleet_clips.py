"""Clips for the cameras of the fleet benchmarks: scenes in which something moves, and still ones with camera noise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.encoded import clip_pictures, write_units

from .results import FIXTURES, ROOT, Unavailable

WIDTH, HEIGHT, RATE = 1280, 720, 15
SECONDS = 8
STILL_SECONDS = 6
NOISE = 2.0
"""Standard deviation of the noise added to the luma, in grey levels, as of a camera in a lit room."""

BUSY = ("people-720p", "gun-walk-720p")
STILL_SCENES = 3


def clips_in(folder: Path) -> dict[str, Path]:
    """Files for the RTSP server, by name: ``busy-0``, ``busy-1``, ``still-0`` ...

    The folder must not be there yet. Another process makes them: the memory that takes must not count as that of who
    measures. Blocks the caller.
    """
    folder.mkdir()
    if subprocess.run([sys.executable, "-m", __name__, folder], cwd=ROOT, check=False).returncode:
        raise Unavailable("the clips could not be made: see the message above")
    return {path.name: path for path in folder.iterdir()}


def write_clips(folder: Path) -> None:
    """Make all of them."""
    for number, name in enumerate(BUSY):
        frames = clip_pictures(FIXTURES / f"{name}.mp4", RATE, RATE * SECONDS)
        write_units(folder / f"busy-{number}", frames, "h264", WIDTH, HEIGHT, RATE)
    scene = _empty_scene()
    for number in range(STILL_SCENES):
        write_units(folder / f"still-{number}", _still(scene, number), "h264", WIDTH, HEIGHT, RATE)


def urls_of(count: int, busy: int) -> list[str]:
    """Which clip each of ``count`` cameras plays, ``busy`` of them one with movement."""
    return [f"busy-{n % len(BUSY)}" if n < busy else f"still-{n % STILL_SCENES}" for n in range(count)]


def _empty_scene() -> Sequence[NDArray[np.uint8]]:
    """The room of the clip without the people: the median of its pictures; planes Y, U, V."""
    frames = clip_pictures(FIXTURES / "people-720p.mp4", RATE, RATE * SECONDS)[::4]
    planes = [_planes(frame) for frame in frames]
    return [np.median(np.stack(plane), axis=0).astype(np.uint8) for plane in zip(*planes, strict=True)]


def _planes(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    picture = frame.to_ndarray(format="yuv420p")
    height, width = frame.height, frame.width
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    return [picture[:height], chroma[0], chroma[1]]


def _still(scene: Sequence[NDArray[np.uint8]], number: int) -> Iterator[av.VideoFrame]:
    """Pictures of the empty room that differ by noise alone; each camera looks at another corner of it."""
    chance = np.random.default_rng(number)
    luma, *chroma = (np.roll(plane, number * plane.shape[1] // 8, axis=1) for plane in scene)
    for at in range(RATE * STILL_SECONDS):
        noisy = np.clip(luma + chance.normal(0, NOISE, luma.shape), 0, 255).astype(np.uint8)
        flat = np.concatenate([noisy.ravel(), *(plane.ravel() for plane in chroma)])
        frame = av.VideoFrame.from_ndarray(flat.reshape(-1, luma.shape[1]), format="yuv420p")
        frame.pts, frame.time_base = at, Fraction(1, RATE)
        yield frame


if __name__ == "__main__":
    write_clips(Path(sys.argv[1]))
