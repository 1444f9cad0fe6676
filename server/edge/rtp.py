"""All that touches aiortc's insides, in one place: ``tests/edge/test_rtp.py`` fails when a release changes them.

aiortc gives no way to send pictures that are already encoded and answer a viewer's request for a key frame, to learn
the origin of RTP timestamps, to have a picture as soon as it is whole, or to bound what waits for its decoder. Its
seams used here are ``_next_encoded_frame`` and ``_send_keyframe`` of its sender and ``_remove_frame`` of its jitter
buffer; the attributes reached for are named below.
"""

from __future__ import annotations

import queue
from collections.abc import Awaitable, Callable
from typing import Any

from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCRtpSender
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame

SENT_TIMESTAMP = "_RTCRtpSender__rtp_timestamp"
TIMESTAMP_MAPPER = "_RTCRtpReceiver__timestamp_mapper"
JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"

MOST_UNDECODED = 15
"""Half a second of pictures waiting for the decoder: past this the machine is too slow, and waiting only adds delay."""

UINT32 = 0xFFFFFFFF

NextPicture = Callable[[RTCRtpCodecParameters], Awaitable[tuple[list[bytes], int]]]


class PlaceholderTrack(MediaStreamTrack):
    """Stands for the video in the negotiation; the pictures come from :class:`EncodedSender`."""

    kind = "video"

    async def recv(self) -> Any:
        """Never called: the sender takes encoded pictures."""
        raise MediaStreamError


class EncodedSender:
    """Lets an aiortc sender send pictures encoded elsewhere.

    ``next_picture`` waits for the payloads of one picture and its 90 kHz timestamp, for the codec agreed upon, and
    raises ``MediaStreamError`` at the end; ``ask_key_frame`` is called when the viewer has lost the picture.
    """

    def __init__(self, sender: RTCRtpSender, next_picture: NextPicture, ask_key_frame: Callable[[], None]) -> None:
        self._sender = sender
        self._next_picture = next_picture
        self._last: int | None = None
        self._origin: int | None = None
        sender._next_encoded_frame = self._next  # type: ignore[method-assign]
        sender._send_keyframe = ask_key_frame  # type: ignore[method-assign]

    def rtp_timestamp(self, timestamp: int) -> int | None:
        """The RTP time under which a picture is sent, or None until the first picture has gone out."""
        return None if self._origin is None else (self._origin + timestamp) & UINT32

    async def _next(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame:
        if self._last is not None and self._origin is None:
            self._origin = (getattr(self._sender, SENT_TIMESTAMP) - self._last) & UINT32
        payloads, timestamp = await self._next_picture(codec)
        self._last = timestamp
        return RTCEncodedFrame(payloads, timestamp & UINT32, 0)


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
