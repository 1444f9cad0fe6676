"""Coded pictures on disk: a log that grows while something goes on, and the clip that is made of it at the end."""

from __future__ import annotations

import io
import json
import os
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from ..core.frame import CLOCK_RATE
from ..core.nal import CODECS, joined, parameter_sets
from .tape import Coded

RECORD = struct.Struct(">q?I")
"""Before each picture in the log: its time, whether it is a key frame, its bytes."""

MOST_PICTURE = 16_000_000
USUAL_STEP = CLOCK_RATE // 15
LONGEST_LAST = CLOCK_RATE


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clip turned out as. ``begins`` and ``ends`` are times on the tape; ``size`` in bytes."""

    codec: str
    width: int
    height: int
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class Reel:
    """What a log held: how it is coded, and its pictures."""

    codec: str
    sets: tuple[bytes, ...]
    pictures: tuple[Coded, ...]


class PacketLog:
    """Appends coded pictures to a file. Whatever cuts it off, all but the last of them can be read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, codec: str, sets: Sequence[bytes]) -> None:
        """Write how the pictures are coded. Raises OSError."""
        header = {"codec": codec, "sets": [b64encode(unit).decode() for unit in sets]}
        self._path.write_bytes(json.dumps(header).encode() + b"\n")

    def append(self, pictures: Sequence[Coded]) -> None:
        """Write these behind those there. Raises OSError; then none of these are there."""
        append(
            self._path,
            b"".join(
                part
                for coded in pictures
                for part in (RECORD.pack(coded.pts, coded.is_key, len(coded.data)), coded.data)
            ),
        )

    def read(self) -> Reel | None:
        """What can be read; None where that is nothing. Raises OSError."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        end = data.find(b"\n")
        try:
            header = json.loads(data[:end]) if end > 0 else {}
            codec, sets = header["codec"], tuple(b64decode(unit) for unit in header["sets"])
        except (ValueError, KeyError, TypeError):
            return None
        pictures = tuple(_pictures(data, end + 1))
        return Reel(codec, sets, pictures) if codec in CODECS and pictures else None


def append(path: Path, data: bytes) -> None:
    """Write behind what is in a file. Raises OSError; then nothing of it is there."""
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        except OSError:
            os.truncate(path, before)
            raise


def _pictures(data: bytes, at: int) -> Iterator[Coded]:
    number = 0
    while at + RECORD.size <= len(data):
        pts, is_key, size = RECORD.unpack_from(data, at)
        at += RECORD.size
        if size > MOST_PICTURE or at + size > len(data):
            return
        yield Coded(number, pts, is_key, data[at : at + size], 0.0)
        number, at = number + 1, at + size


def first_key(pictures: Sequence[Coded], wanted: int) -> int | None:
    """The index of the picture that a clip begins with so that it shows the time ``wanted`` (ticks): the last key frame
    before it, else the first there is."""
    keys = [index for index, coded in enumerate(pictures) if coded.is_key]
    before = [index for index in keys if pictures[index].pts <= wanted]
    return before[-1] if before else (keys[0] if keys else None)


def until(reel: Reel, cut: int) -> Reel | None:
    """What of a reel is shown up to a time, with all that this is decoded from; None for nothing."""
    shown = [index for index, coded in enumerate(reel.pictures) if coded.pts <= cut]
    return Reel(reel.codec, reel.sets, reel.pictures[: shown[-1] + 1]) if shown else None


def decode_times(times: Sequence[int]) -> list[int]:
    """The times at which pictures that are shown at ``times`` are decoded, one after the other and none after it is
    shown. ``times`` are all different."""
    ordered = sorted(times)
    late = max((then - shown for then, shown in zip(ordered, times, strict=True)), default=0)
    return [then - late for then in ordered]


def write_clip(path: Path, reel: Reel) -> Clip:
    """An MP4 file of the pictures, which begin with a key frame; what is shown before that is left out.

    Raises OSError, and ValueError when they make no video.
    """
    begins = reel.pictures[0].pts
    pictures = list(_distinct(coded for coded in reel.pictures if coded.pts >= begins))
    times = [coded.pts - begins for coded in pictures]
    last = min(max(_step(times), 1), LONGEST_LAST)
    try:
        with (
            av.open(_beginning(reel), format=reel.codec) as template,
            av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container,
        ):
            coded_as = template.streams.video[0]
            stream = container.add_stream_from_template(coded_as)
            if reel.codec == "hevc":
                stream.codec_context.codec_tag = "hvc1"  # the one of its two names that Apple's players know
            stream.time_base = Fraction(1, CLOCK_RATE)
            decoded = decode_times(times)
            for number, (coded, pts, dts) in enumerate(zip(pictures, times, decoded, strict=True)):
                packet = av.Packet(coded.data)
                packet.stream, packet.time_base = stream, Fraction(1, CLOCK_RATE)
                packet.pts, packet.dts, packet.is_keyframe = pts, dts, coded.is_key
                packet.duration = decoded[number + 1] - dts if number + 1 < len(decoded) else last
                container.mux_one(packet)
            width, height = coded_as.width, coded_as.height
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError) and error.errno in _OF_DISK:
            raise OSError(error.errno, error.strerror) from error
        raise ValueError(f"these pictures make no video: {error.strerror}") from error
    return Clip(reel.codec, width, height, begins, begins + max(times) + last)


_OF_DISK = (5, 28, 30, 122)
"""EIO, ENOSPC, EROFS, EDQUOT."""


def _beginning(reel: Reel) -> io.BytesIO:
    """What a reader learns the size and all else from: parameter sets and a key frame."""
    key = reel.pictures[0].data
    return io.BytesIO(key if parameter_sets(reel.codec, key) else joined(reel.sets) + key)


def _distinct(pictures: Iterable[Coded]) -> Iterator[Coded]:
    """Without pictures of a time that another has: a stream that says so cannot be believed."""
    seen: set[int] = set()
    for coded in pictures:
        if coded.pts not in seen:
            seen.add(coded.pts)
            yield coded


def _step(times: Sequence[int]) -> int:
    """The time for which the last picture is shown: as long as one usually is."""
    ordered = sorted(times)
    steps = sorted(after - before for before, after in pairwise(ordered))
    return steps[len(steps) // 2] if steps else USUAL_STEP
