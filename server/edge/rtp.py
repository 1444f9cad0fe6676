"""All that touches aiortc's insides, in one place: ``tests/edge/test_rtp.py`` fails when a release changes them.

aiortc gives no way to send pictures that are already encoded and answer a viewer's request for a key frame, to set the
origin of RTP timestamps, to have a picture as soon as it is whole, or to bound what waits for its decoder; and its own
way from a payload to the socket makes a dozen objects and awaits for each packet, for each viewer. Its seams used here
are ``_run_rtp``, ``_retransmit`` and ``_send_keyframe`` of its sender and ``_remove_frame`` of its jitter buffer; the
attributes reached for are named below. Sender reports, statistics and the way in stay aiortc's own.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

from aioice.turn import TurnTransport
from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCRtpSender, clock
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import random_sequence_number
from aiortc.rtp import HeaderExtensions
from aiortc.utils import random32

log = logging.getLogger(__name__)

SENDER = "_RTCRtpSender__"
STARTED, EXITED = SENDER + "rtp_started", SENDER + "rtp_exited"
MID, EXTENSIONS = SENDER + "mid", SENDER + "rtp_header_extensions_map"
RTX_TYPE, RTX_SEQUENCE = SENDER + "rtx_payload_type", SENDER + "rtx_sequence_number"
SENT_NTP, SENT_TIMESTAMP = SENDER + "ntp_timestamp", SENDER + "rtp_timestamp"
SENT_OCTETS, SENT_PACKETS = SENDER + "octet_count", SENDER + "packet_count"
TRANSPORT_BYTES, TRANSPORT_PACKETS = "_RTCDtlsTransport__tx_bytes", "_RTCDtlsTransport__tx_packets"
TURN_INNER = "_TurnTransport__inner_protocol"

TIMESTAMP_MAPPER = "_RTCRtpReceiver__timestamp_mapper"
JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"

MOST_UNDECODED = 15
"""Half a second of pictures waiting for the decoder: past this the machine is too slow, and waiting only adds delay."""

MOST_UNSENT = 256 * 1024
"""Bytes that the network has not taken yet, past which a viewer is sent nothing; then it goes on with a key frame."""

HISTORY = 512
"""Packets kept for a viewer that reports them lost: some key frames. All viewers share the memory of their payloads."""

UINT16, UINT32 = 0xFFFF, 0xFFFFFFFF
RTP_WITH_EXTENSION, RTP_PLAIN = 0x90, 0x80
MARKER = 0x80

NextPicture = Callable[[RTCRtpCodecParameters], Awaitable[tuple[Sequence[bytes], int]]]


class PlaceholderTrack(MediaStreamTrack):
    """Stands for the video in the negotiation; the pictures come from :class:`EncodedSender`."""

    kind = "video"

    async def recv(self) -> Any:
        """Never called: the sender takes encoded pictures."""
        raise MediaStreamError


@dataclass(frozen=True, slots=True)
class _Sent:
    """A picture as it went out: its first sequence number, RTP time and header extensions, and its payloads."""

    first: int
    timestamp: int
    extensions: bytes
    payloads: Sequence[bytes]


class EncodedSender:
    """Makes an aiortc sender send pictures encoded elsewhere; of a packet, only the header is this viewer's own.

    ``next_picture`` waits for the payloads of one picture and its 90 kHz timestamp, for the codec agreed upon, and
    raises ``MediaStreamError`` at the end; ``ask_key_frame`` is called when the viewer has lost the picture.
    """

    def __init__(self, sender: RTCRtpSender, next_picture: NextPicture, ask_key_frame: Callable[[], None]) -> None:
        self._sender = sender
        self._next_picture = next_picture
        self._origin = random32()
        self._sequence = random_sequence_number()
        self._payload_type = 0
        self._sent: deque[_Sent] = deque()
        self._kept = 0
        sender._run_rtp = self._run  # type: ignore[method-assign]
        sender._retransmit = self._retransmit  # type: ignore[method-assign]
        sender._send_keyframe = ask_key_frame  # type: ignore[method-assign]

    def rtp_timestamp(self, timestamp: int) -> int:
        """The RTP time under which a picture is sent."""
        return (self._origin + timestamp) & UINT32

    def blocked(self) -> bool:
        """Whether the network takes no more for now: a datagram more would only wait in memory."""
        socket, _ = self._route()
        return bool(wire_of(socket).get_write_buffer_size() > MOST_UNSENT)

    async def _run(self, codec: RTCRtpCodecParameters) -> None:
        """In the place of aiortc's own loop; it must set both events, or stopping the sender would wait for ever."""
        sender = self._sender
        getattr(sender, STARTED).set()
        try:
            self._payload_type = codec.payloadType or 0
            while True:
                payloads, timestamp = await self._next_picture(codec)
                self._send(payloads, self.rtp_timestamp(timestamp))
        except (asyncio.CancelledError, ConnectionError, MediaStreamError):
            pass
        except Exception:
            log.exception("sending a video broke")
        finally:
            sender.track.stop()
            getattr(sender, EXITED).set()

    def _send(self, payloads: Sequence[bytes], timestamp: int) -> None:
        """All packets of a picture at once: nothing here waits, so that no viewer holds up another."""
        sender, ntp = self._sender, clock.current_ntp_time()
        extensions = self._extensions(ntp)
        start = RTP_WITH_EXTENSION if extensions else RTP_PLAIN
        sent = _Sent(self._sequence, timestamp, extensions, payloads)
        packets = []
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            kind = self._payload_type | (MARKER if index == last else 0)
            number = (sent.first + index) & UINT16
            packets.append(pack("!BBHLL", start, kind, number, timestamp, sender._ssrc) + extensions + payload)
        self._dispatch(packets)
        self._sequence = (sent.first + len(payloads)) & UINT16
        self._sent.append(sent)
        self._kept += len(payloads)
        while self._kept - len(self._sent[0].payloads) >= HISTORY:
            self._kept -= len(self._sent.popleft().payloads)
        setattr(sender, SENT_NTP, ntp)
        setattr(sender, SENT_TIMESTAMP, timestamp)
        setattr(sender, SENT_OCTETS, getattr(sender, SENT_OCTETS) + sum(map(len, payloads)))
        setattr(sender, SENT_PACKETS, getattr(sender, SENT_PACKETS) + len(payloads))

    async def _retransmit(self, sequence_number: int) -> None:
        """Send a packet again that the viewer reports lost (RFC 4588 where it was agreed upon)."""
        number = sequence_number
        for sent in self._sent:
            index = (number - sent.first) & UINT16
            if index < len(sent.payloads):
                break
        else:
            return
        sender, payload = self._sender, sent.payloads[index]
        kind, source = self._payload_type, sender._ssrc
        marker = MARKER if index == len(sent.payloads) - 1 else 0
        if (rtx := getattr(sender, RTX_TYPE)) is not None:
            kind, source, payload = rtx, sender._rtx_ssrc, pack("!H", number) + payload
            number = getattr(sender, RTX_SEQUENCE)
            setattr(sender, RTX_SEQUENCE, (number + 1) & UINT16)
        start = RTP_WITH_EXTENSION if sent.extensions else RTP_PLAIN
        header = pack("!BBHLL", start, kind | marker, number, sent.timestamp, source)
        self._dispatch([header + sent.extensions + payload])

    def _extensions(self, ntp: int) -> bytes:
        """The header extensions agreed upon, as a block (RFC 8285); empty when there are none."""
        values = HeaderExtensions(mid=getattr(self._sender, MID), abs_send_time=(ntp >> 14) & 0xFFFFFF)
        profile, block = getattr(self._sender, EXTENSIONS).set(values)
        return pack("!HH", profile, len(block) >> 2) + block if block else b""

    def _dispatch(self, packets: Sequence[bytes]) -> None:
        socket, address = self._route()
        transport: Any = self._sender.transport
        protect, send = transport._tx_srtp.protect, socket.sendto
        total = 0
        for packet in packets:
            data = protect(packet)
            send(data, address)
            total += len(data)
        setattr(transport, TRANSPORT_BYTES, getattr(transport, TRANSPORT_BYTES) + total)
        setattr(transport, TRANSPORT_PACKETS, getattr(transport, TRANSPORT_PACKETS) + len(packets))

    def _route(self) -> tuple[Any, Any]:
        """The datagram socket and the address that ICE has settled on; raises ConnectionError when it has not."""
        transport: Any = self._sender.transport
        if transport.state != "connected":
            raise ConnectionError("not connected")
        pair = transport.transport._connection._nominated.get(1)
        if pair is None or wire_of(pair.protocol.transport).is_closing():
            raise ConnectionError("no candidate pair")
        return pair.protocol.transport, pair.remote_addr


def wire_of(transport: Any) -> Any:
    """The transport of asyncio below one of aioice: where a pair goes through TURN, the connection to that server."""
    return getattr(transport, TURN_INNER).transport if isinstance(transport, TurnTransport) else transport


class PromptJitterBuffer(JitterBuffer):
    """Gives a picture as soon as the packet with the marker bit completes it (RFC 7741 4.1, RFC 6184 5.1).

    aiortc's own waits for the first packet of the next picture: a whole frame's time of delay for nothing.
    """

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        packets: list[Any] = []
        assert self._origin is not None, "a packet was added just before"
        for offset in range(self._capacity):
            packet = self._packets[(self._origin + offset) % self._capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                break
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(part._data for part in packets), packets[0].timestamp)
        frame: JitterFrame | None = super()._remove_frame(sequence_number)
        return frame


class InboundVideo:
    """The clock and the backlog of a video receiver. Make it before the first packet comes."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self._receiver = receiver
        setattr(receiver, JITTER_BUFFER, PromptJitterBuffer(getattr(receiver, JITTER_BUFFER).capacity, is_video=True))

    def rtp_timestamp(self, timestamp: int) -> int | None:
        """The RTP time of the packets a decoded picture came in."""
        origin: int | None = getattr(self._receiver, TIMESTAMP_MAPPER)._origin
        return None if origin is None else (origin + timestamp) & UINT32

    async def shed(self) -> int:
        """When too many pictures wait for the decoder, forget them and ask for a key frame; returns how many."""
        waiting: queue.Queue[Any] = getattr(self._receiver, DECODER_QUEUE)
        if waiting.qsize() <= MOST_UNDECODED:
            return 0
        count = 0
        try:
            while True:
                if waiting.get_nowait() is None:  # the decoder's own sign to end
                    waiting.put(None)
                    break
                count += 1
        except queue.Empty:
            pass
        for source in self._receiver.getSynchronizationSources():
            await self._receiver._send_rtcp_pli(source.source)
        return count
