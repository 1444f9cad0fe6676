"""The units that H.264 and H.265 pictures are made of (NAL units), and the two ways to string them together.

Annex B puts a start code before each unit, as RTSP and MPEG-TS have it; MP4 and RTMP put its length there instead
(ISO/IEC 14496-15) and keep the parameter sets apart. Here Annex B is the one form: it needs nothing else to be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

START = b"\x00\x00\x00\x01"
SHORT_START = START[1:]

SETS = {"h264": (7, 8), "hevc": (32, 33, 34)}
"""The types of parameter sets: SPS and PPS; VPS, SPS and PPS."""

SEQUENCE_SET = {"h264": 7, "hevc": 33}
"""The set that tells the size and all else that a decoder is opened for."""

CODECS = tuple(SETS)


@dataclass(frozen=True, slots=True)
class Form:
    """How a stream is put together. ``length_size``: bytes of a unit's length, 0 for Annex B; ``sets``: the parameter
    sets it begins with."""

    length_size: int
    sets: tuple[bytes, ...]


def form_of(codec: str, extradata: bytes) -> Form:
    """What a stream's extra data tell. Raises ValueError when they cannot be read."""
    if not extradata.startswith(b"\x01"):
        return Form(0, tuple(parameter_sets(codec, extradata)))
    try:
        return _avc_form(extradata) if codec == "h264" else _hevc_form(extradata)
    except IndexError as error:
        raise ValueError("extra data cut off") from error


def annex_b(data: bytes, length_size: int) -> bytes:
    """A picture in Annex B. Raises ValueError when its lengths lead past its end."""
    if not length_size:
        return data
    parts = []
    at = 0
    while at < len(data):
        end = at + length_size + int.from_bytes(data[at : at + length_size], "big")
        if end > len(data):
            raise ValueError("a unit longer than its picture")
        parts += [START, data[at + length_size : end]]
        at = end
    return b"".join(parts)


def joined(units: Iterable[bytes]) -> bytes:
    """Units in Annex B."""
    return b"".join(part for unit in units for part in (START, unit))


def parameter_sets(codec: str, data: bytes) -> list[bytes]:
    """The parameter sets at the beginning of a picture in Annex B, up to the first unit with picture in it."""
    found = []
    at = data.find(SHORT_START)
    while 0 <= at < len(data) - len(SHORT_START):
        begin = at + len(SHORT_START)
        kind = unit_type(codec, data[begin])
        if _has_picture(codec, kind):
            break
        at = data.find(SHORT_START, begin)
        if kind in SETS[codec]:
            found.append(data[begin : at if at >= 0 else len(data)].rstrip(b"\x00"))
    return found


def sequence_sets(codec: str, sets: Iterable[bytes]) -> tuple[bytes, ...]:
    """Of some parameter sets those that tell the size and all else that a decoder is opened for."""
    return tuple(unit for unit in sets if unit and unit_type(codec, unit[0]) == SEQUENCE_SET[codec])


def unit_type(codec: str, first: int) -> int:
    """The type in a unit's first byte."""
    return first & 0x1F if codec == "h264" else first >> 1 & 0x3F


def _has_picture(codec: str, kind: int) -> bool:
    return 1 <= kind <= 5 if codec == "h264" else kind < 32


def _avc_form(extradata: bytes) -> Form:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1)."""
    sets: list[bytes] = []
    at = _take(extradata, 6, extradata[5] & 0x1F, sets)
    _take(extradata, at + 1, extradata[at], sets)
    return Form((extradata[4] & 3) + 1, tuple(sets))


def _hevc_form(extradata: bytes) -> Form:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 8.3.3.1)."""
    sets: list[bytes] = []
    at = 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[at + 1 : at + 3], "big")
        at = _take(extradata, at + 3, count, sets)
    return Form((extradata[21] & 3) + 1, tuple(unit for unit in sets if unit_type("hevc", unit[0]) in SETS["hevc"]))


def _take(data: bytes, at: int, count: int, units: list[bytes]) -> int:
    """Add ``count`` units, each behind two bytes of length; returns where the last one ends."""
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        unit = data[at + 2 : at + 2 + size]
        if not size or len(unit) < size:
            raise ValueError("extra data cut off")
        units.append(unit)
        at += 2 + size
    return at
