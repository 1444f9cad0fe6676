"""Pins what ``server/edge/rtp.py`` uses of aiortc's insides: a release that changes them fails here, not at night."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice.ice import Connection, StunProtocol
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import TimestampMapper
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unwrap_rtx

from server.edge.rtp import (
    DECODER_QUEUE,
    EXITED,
    EXTENSIONS,
    HISTORY,
    MID,
    MOST_UNDECODED,
    MOST_UNSENT,
    RTX_SEQUENCE,
    RTX_TYPE,
    SENT_NTP,
    SENT_OCTETS,
    SENT_PACKETS,
    SENT_TIMESTAMP,
    STARTED,
    TIMESTAMP_MAPPER,
    TRANSPORT_BYTES,
    TRANSPORT_PACKETS,
    UINT32,
    EncodedSender,
    InboundVideo,
    PlaceholderTrack,
)

from ..support.browser import ClipTrack
from ..support.media import gun_frame
from ..support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


class NoTransport:
    """As much of a DTLS transport as a sender or receiver that is never started asks for."""

    state = "new"


def receiver() -> RTCRtpReceiver:
    return RTCRtpReceiver("video", NoTransport())  # type: ignore[arg-type]


async def test_the_seams_of_the_sender_are_there() -> None:
    sender = RTCRtpSender(PlaceholderTrack(), NoTransport())  # type: ignore[arg-type]
    kinds: dict[tuple[str, ...], type] = {
        (STARTED, EXITED): asyncio.Event,
        (MID, RTX_TYPE): type(None),
        (EXTENSIONS,): HeaderExtensionsMap,
        (RTX_SEQUENCE, SENT_NTP, SENT_TIMESTAMP, SENT_OCTETS, SENT_PACKETS): int,
    }
    for names, kind in kinds.items():
        for name in names:
            assert isinstance(getattr(sender, name), kind), name
    assert list(inspect.signature(sender._run_rtp).parameters) == ["codec"]
    assert list(inspect.signature(sender._retransmit).parameters) == ["sequence_number"]
    assert not inspect.signature(sender._send_keyframe).parameters
    source = inspect.getsource(RTCRtpSender)
    assert "asyncio.ensure_future(self._run_rtp(parameters.codecs[0]))" in source
    assert "await self._retransmit(seq)" in source
    assert "self._send_keyframe()" in source
    assert "self.__rtp_exited.wait()" in source
    for used in ("ntp_timestamp", "rtp_timestamp", "packet_count", "octet_count"):
        assert f"{used}=self.__{used}" in source, "the sender report says what was sent"


async def test_the_seams_of_the_transport_are_there() -> None:
    source = inspect.getsource(RTCDtlsTransport)
    assert "self._tx_srtp.protect(data)" in source
    for name in (TRANSPORT_BYTES, TRANSPORT_PACKETS):
        assert f"self.{name.removeprefix('_RTCDtlsTransport')} = 0" in source
    assert "self._nominated.get(component)" in inspect.getsource(Connection.sendto)
    assert "self.transport.sendto(data, addr)" in inspect.getsource(StunProtocol.send_data)


async def test_the_seams_of_the_receiver_are_there() -> None:
    inside = receiver()
    assert isinstance(getattr(inside, TIMESTAMP_MAPPER), TimestampMapper)
    assert isinstance(getattr(inside, DECODER_QUEUE), queue.Queue)
    assert getattr(inside, TIMESTAMP_MAPPER)._origin is None
    assert inspect.iscoroutinefunction(inside._send_rtcp_pli)


async def test_the_placeholder_has_no_pictures() -> None:
    with pytest.raises(MediaStreamError):
        await PlaceholderTrack().recv()


@pytest.mark.parametrize("first", [0, 5, UINT32 - 4000, UINT32])
async def test_rtp_time_of_a_decoded_picture_also_past_the_wrap(first: int) -> None:
    inside = receiver()
    inbound = InboundVideo(inside)
    assert inbound.rtp_timestamp(0) is None
    for step in range(10):
        arrived = (first + step * 3000) & UINT32
        assert inbound.rtp_timestamp(getattr(inside, TIMESTAMP_MAPPER).map(arrived)) == arrived


async def test_few_waiting_pictures_are_kept() -> None:
    inside = receiver()
    for number in range(MOST_UNDECODED):
        getattr(inside, DECODER_QUEUE).put(number)
    assert await InboundVideo(inside).shed() == 0
    assert getattr(inside, DECODER_QUEUE).qsize() == MOST_UNDECODED


async def test_too_many_waiting_pictures_are_forgotten_but_not_the_sign_to_end() -> None:
    inside = receiver()
    for number in range(MOST_UNDECODED + 5):
        getattr(inside, DECODER_QUEUE).put(number)
    assert await InboundVideo(inside).shed() == MOST_UNDECODED + 5
    for number in [*range(MOST_UNDECODED + 5), None]:
        getattr(inside, DECODER_QUEUE).put(number)
    assert await InboundVideo(inside).shed() == MOST_UNDECODED + 5
    assert getattr(inside, DECODER_QUEUE).get_nowait() is None


@asynccontextmanager
async def connected(sending: RTCPeerConnection, watching: RTCPeerConnection) -> AsyncIterator[None]:
    """Two peers, one of which offers, until the block ends."""
    try:
        await sending.setLocalDescription(await sending.createOffer())
        await watching.setRemoteDescription(sending.localDescription)
        await watching.setLocalDescription(await watching.createAnswer())
        await sending.setRemoteDescription(watching.localDescription)
        yield
    finally:
        await asyncio.gather(sending.close(), watching.close())


def peer() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def test_encoded_pictures_go_out_at_their_time_and_a_loss_asks_for_a_key_frame() -> None:
    sending, watching = peer(), peer()
    offered = iter(range(5_000_000_000, 10**12, 3000))  # past 32 bits, as after half a day
    asked: list[bool] = []
    codecs: list[str] = []
    packets: list[RtpPacket] = []

    async def next_picture(codec: RTCRtpCodecParameters) -> tuple[list[bytes], int]:
        codecs.append(codec.mimeType)
        await asyncio.sleep(0.01)
        return [b"\x10one", b"\x00two"], next(offered)

    outbound = EncodedSender(sending.addTrack(PlaceholderTrack()), next_picture, lambda: asked.append(True))
    async with connected(sending, watching):
        inside = watching.getTransceivers()[0].receiver

        async def received(packet: RtpPacket, arrival_time_ms: int) -> None:
            packets.append(packet)

        inside._handle_rtp_packet = received  # type: ignore[method-assign]
        await eventually(lambda: len(packets) >= 20, "20 packets")
        assert set(codecs) == {"video/VP8"}
        assert [packet.payload for packet in packets[:4]] == [packets[0].payload, packets[1].payload] * 2
        assert [packet.marker for packet in packets] == [int(p.payload == b"\x00two") for p in packets]
        times = sorted({packet.timestamp for packet in packets})
        first = outbound.rtp_timestamp(5_000_000_000)
        assert {(time - first) & UINT32 for time in times} <= {step * 3000 for step in range(10_000)}
        assert not asked
        await inside._send_rtcp_pli(packets[0].ssrc)
        await eventually(lambda: asked, "a request for a key frame")


async def test_a_packet_reported_lost_is_sent_again_while_it_is_remembered() -> None:
    sending, watching = peer(), peer()
    count = itertools.count()

    async def next_picture(codec: RTCRtpCodecParameters) -> tuple[list[bytes], int]:
        await asyncio.sleep(0.02)
        number = next(count)
        return [b"\x10%d" % number, *[b"\x00x"] * 9], number * 3000

    sender = sending.addTrack(PlaceholderTrack())
    EncodedSender(sender, next_picture, lambda: None)
    packets: list[RtpPacket] = []

    async def received(packet: RtpPacket, arrival_time_ms: int) -> None:
        packets.append(packet)

    async with connected(sending, watching):
        inside = watching.getTransceivers()[0].receiver
        inside._handle_rtp_packet = received  # type: ignore[method-assign]
        await eventually(lambda: len(packets) > 10, "a whole picture")
        rtx = next(codec for codec in sender_codecs(sending) if codec.mimeType == "video/rtx")
        for lost in (packets[3], packets[9]):
            await inside._send_rtcp_nack(lost.ssrc, [lost.sequence_number])
            await eventually(lambda: again(packets, rtx), "a packet again")
            copy = again(packets, rtx)[-1]
            back = unwrap_rtx(copy, payload_type=lost.payload_type, ssrc=lost.ssrc)
            assert (back.sequence_number, back.timestamp) == (lost.sequence_number, lost.timestamp)
            assert (back.payload, back.marker) == (lost.payload, lost.marker)
            packets[:] = [packet for packet in packets if packet.payload_type != rtx.payloadType]
        old = packets[0]
        await eventually(lambda: len(packets) > HISTORY + 30, "more than is remembered")
        await inside._send_rtcp_nack(old.ssrc, [old.sequence_number])
        sent = len(packets)
        await eventually(lambda: len(packets) > sent + 20, "two pictures more")
        assert not again(packets, rtx)
        report = next(s for s in (await sender.getStats()).values() if s.type == "outbound-rtp")
        assert report.packetsSent >= len(packets)


def again(packets: list[RtpPacket], rtx: RTCRtpCodecParameters) -> list[RtpPacket]:
    """Those of the packets that were sent a second time."""
    return [packet for packet in packets if packet.payload_type == rtx.payloadType]


def sender_codecs(peer: RTCPeerConnection) -> list[RTCRtpCodecParameters]:
    """The codecs that were agreed upon."""
    return list(peer.getTransceivers()[0]._codecs)


async def test_a_network_that_takes_nothing_blocks() -> None:
    sending, watching = peer(), peer()

    async def no_picture(codec: RTCRtpCodecParameters) -> tuple[list[bytes], int]:
        raise MediaStreamError

    outbound = EncodedSender(sending.addTrack(PlaceholderTrack()), no_picture, lambda: None)
    with pytest.raises(ConnectionError):
        outbound.blocked()
    async with connected(sending, watching):
        await eventually(lambda: sending.connectionState == "connected", "the connection")
        assert not outbound.blocked()
        socket, address = outbound._route()
        socket._buffer.append((b"", address))  # as asyncio does when the kernel takes no more
        socket._buffer_size = MOST_UNSENT + 1
        assert outbound.blocked()
        socket._buffer.clear()
        socket._buffer_size = 0
    with pytest.raises(ConnectionError):
        outbound.blocked()


async def test_the_end_of_the_pictures_ends_the_sender_quietly(caplog: pytest.LogCaptureFixture) -> None:
    sending, watching = peer(), peer()

    async def no_picture(codec: RTCRtpCodecParameters) -> tuple[list[bytes], int]:
        raise MediaStreamError

    EncodedSender(sending.addTrack(PlaceholderTrack()), no_picture, lambda: None)
    async with connected(sending, watching):
        await eventually(lambda: sending.connectionState == "connected", "the connection")
    assert "Traceback" not in caplog.text


async def test_what_is_decoded_has_the_time_it_was_sent_with() -> None:
    sending, watching = peer(), peer()
    sent: list[int] = []
    part = sending.addTransceiver(ClipTrack([gun_frame()]), direction="sendonly")
    send = part.sender.transport._send_rtp

    async def noted(data: bytes) -> None:
        if int.from_bytes(data[8:12], "big") == part.sender._ssrc:
            sent.append(int.from_bytes(data[4:8], "big"))
        await send(data)

    part.sender.transport._send_rtp = noted  # type: ignore[method-assign]
    async with connected(sending, watching):
        inside = watching.getTransceivers()[0].receiver
        inbound = InboundVideo(inside)
        for _ in range(5):
            frame: Any = await asyncio.wait_for(inside.track.recv(), 20)
            assert inbound.rtp_timestamp(frame.pts) in sent
