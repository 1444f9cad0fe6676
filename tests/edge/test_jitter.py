"""A picture is given as soon as it is whole, and never in pieces."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from server.edge.rtp import PromptJitterBuffer


def packets_of(*sizes: int, first: int = 65_530, markers: bool = True) -> list[RtpPacket]:
    """Pictures of so many packets each; the sequence numbers wrap."""
    packets: list[RtpPacket] = []
    for picture, size in enumerate(sizes):
        for part in range(size):
            packet = RtpPacket(
                sequence_number=(first + len(packets)) % 65_536,
                timestamp=picture * 3000,
                marker=int(markers and part == size - 1),
            )
            packet._data = f"{picture}.{part} ".encode()  # type: ignore[attr-defined]
            packets.append(packet)
    return packets


def frames_of(packets: list[RtpPacket]) -> list[tuple[int, bytes]]:
    buffer = PromptJitterBuffer(128, is_video=True)
    given_frames = [buffer.add(packet)[1] for packet in packets]
    return [(frame.timestamp, frame.data) for frame in given_frames if frame]


def test_a_picture_comes_with_its_last_packet() -> None:
    buffer = PromptJitterBuffer(128, is_video=True)
    came = [buffer.add(packet)[1] for packet in packets_of(3, 1)]
    assert [frame and frame.timestamp for frame in came] == [None, None, 0, 3000]
    assert came[2] is not None
    assert came[2].data == b"0.0 0.1 0.2 "


def test_without_marker_bits_a_picture_comes_with_the_next_one() -> None:
    assert frames_of(packets_of(2, 2, 1, markers=False)) == [(0, b"0.0 0.1 "), (3000, b"1.0 1.1 ")]


@pytest.mark.parametrize("late", range(1, 6))
def test_a_late_packet_holds_its_picture_and_all_behind_it(late: int) -> None:
    packets = packets_of(3, 3, 3)
    packets.insert(late + 3, packets.pop(late))
    frames = frames_of(packets)
    assert frames == [(picture * 3000, b"%d.0 %d.1 %d.2 " % ((picture,) * 3)) for picture in range(len(frames))]
    assert len(frames) >= 2


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.randoms())
def test_pictures_are_whole_and_in_order_however_packets_are_shuffled(sizes: list[int], random: object) -> None:
    packets = packets_of(*sizes)
    behind = packets[1:]
    random.shuffle(behind)  # type: ignore[attr-defined]
    frames = frames_of([packets[0], *behind])
    whole = [
        (picture * 3000, b"".join(b"%d.%d " % (picture, part) for part in range(size)))
        for picture, size in enumerate(sizes)
    ]
    assert frames == whole[: len(frames)]
