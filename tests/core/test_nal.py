"""The units of H.264 and H.265, and the two ways to string them together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.nal import START, annex_b, form_of, joined, parameter_sets, sequence_sets

SPS, PPS, SEI, IDR = b"\x67\x42\x00\x1f\x95", b"\x68\xce\x3c\x80", b"\x06\x05\xff\x80", b"\x65\x88\x84\x00\x01\x7f"
VPS_5, SPS_5, PPS_5, IDR_5 = b"\x40\x01\x0c\x01", b"\x42\x01\x01\x60", b"\x44\x01\xc1\x72", b"\x26\x01\xaf\x00\x80"

units = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=9)


def behind_lengths(parts: list[bytes], size: int) -> bytes:
    return b"".join(len(part).to_bytes(size, "big") + part for part in parts)


def avcc(sps: list[bytes], pps: list[bytes], length_size: int = 4) -> bytes:
    head = bytes([1, 66, 0, 31, 0xFC | (length_size - 1), 0xE0 | len(sps)])
    return head + behind_lengths(sps, 2) + bytes([len(pps)]) + behind_lengths(pps, 2)


def hvcc(arrays: list[tuple[int, list[bytes]]], length_size: int = 4) -> bytes:
    head = bytes([1]) + bytes(20) + bytes([0xF0 | (length_size - 1), len(arrays)])
    return head + b"".join(
        bytes([0x80 | kind]) + len(sets).to_bytes(2, "big") + behind_lengths(sets, 2) for kind, sets in arrays
    )


@given(units)
def test_lengths_become_start_codes(parts: list[bytes]) -> None:
    assert annex_b(behind_lengths(parts, 4), 4) == joined(parts)
    assert annex_b(behind_lengths(parts, 2), 2) == joined(parts)


def test_what_has_start_codes_stays() -> None:
    assert annex_b(joined([IDR]), 0) == START + IDR


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x09abc", b"\x00\x00\x00\x03abc\x00\x00\x01\x00"])
def test_lengths_past_the_end_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="longer"):
        annex_b(data, 4)


def test_parameter_sets_stand_before_the_picture() -> None:
    assert parameter_sets("h264", joined([SPS, PPS, SEI, IDR])) == [SPS, PPS]
    assert parameter_sets("h264", b"\x00\x00\x01" + SPS + b"\x00\x00\x01" + PPS) == [SPS, PPS]
    assert parameter_sets("h264", joined([IDR, SPS])) == []
    assert parameter_sets("hevc", joined([VPS_5, SPS_5, PPS_5, IDR_5])) == [VPS_5, SPS_5, PPS_5]
    assert sequence_sets("h264", [SPS, PPS]) == (SPS,)
    assert sequence_sets("hevc", [VPS_5, SPS_5, PPS_5]) == (SPS_5,)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00\x01", b"\x00\x00\x00\x01", b"nothing of the kind"])
def test_no_units(data: bytes) -> None:
    assert parameter_sets("h264", data) == []


@given(st.binary(max_size=400), st.sampled_from(["h264", "hevc"]))
def test_whatever_comes_is_read_or_refused(data: bytes, codec: str) -> None:
    parameter_sets(codec, data)
    for extradata in (data, b"\x01" + data):
        try:
            form_of(codec, extradata)
        except ValueError:
            continue


def test_extra_data_with_start_codes() -> None:
    form = form_of("h264", joined([SPS, PPS]))
    assert (form.length_size, form.sets) == (0, (SPS, PPS))
    assert form_of("hevc", b"").sets == ()


def test_extra_data_of_mp4() -> None:
    form = form_of("h264", avcc([SPS], [PPS, PPS], 2))
    assert (form.length_size, form.sets) == (2, (SPS, PPS, PPS))
    form = form_of("hevc", hvcc([(32, [VPS_5]), (33, [SPS_5]), (34, [PPS_5]), (39, [b"\x4e\x01\x05"])]))
    assert (form.length_size, form.sets) == (4, (VPS_5, SPS_5, PPS_5)), "other units are no parameter sets"


@pytest.mark.parametrize("cut", range(1, 20))
def test_extra_data_cut_off(cut: int) -> None:
    whole = avcc([SPS], [PPS])
    with pytest.raises(ValueError, match="cut off"):
        form_of("h264", whole[:cut])
