"""A browser made of aiortc: what it sends, what comes back, and what went over the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket

from .media import stamped
from .server import Answer, Client, Json
from .waiting import eventually

VP8_IS_DELTA = 0x01


class ClipTrack(MediaStreamTrack):
    """Plays decoded pictures in real time, again and again. As a camera does, it passes over those it is late for."""

    kind = "video"

    def __init__(self, frames: Sequence[av.VideoFrame], rate: int = 30) -> None:
        super().__init__()
        self._frames = frames
        self._rate = rate
        self._begun: float | None = None
        self.sent = 0

    async def recv(self) -> av.VideoFrame:
        """The next picture, when its time has come."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._begun = now if self._begun is None else self._begun
        self.sent = max(self.sent, int((now - self._begun) * self._rate))
        await asyncio.sleep(max(0.0, self._begun + self.sent / self._rate - now))
        frame = stamped(self._frames[self.sent % len(self._frames)], self.sent * 90_000 // self._rate)
        self.sent += 1
        return frame


class Browser:
    """One page that calls the server. Its messages, pictures and RTP timestamps are kept in lists."""

    def __init__(self, client: Client, *, channel: bool = True) -> None:
        self._client = client
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages: list[Json] = []
        self.pictures: list[av.VideoFrame] = []
        self.timestamps_sent: list[int] = []
        self.timestamps_received: list[int] = []
        self.keys_received: list[int] = []
        self.session = self.feed = ""
        self.answer_sdp = ""
        self._draining: asyncio.Task[None] | None = None
        if channel:
            self.peer.createDataChannel("vigie").on("message", lambda text: self.messages.append(json.loads(text)))
        self.peer.on("track", self._on_track)

    async def offer(self, mode: str, camera: str | None = None, **more: Any) -> Answer:
        """Gather, and post the offer."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        body: Json = {"type": "offer", "sdp": self.peer.localDescription.sdp, "mode": mode, **more}
        if camera:
            body["camera"] = camera
        return await self._client.post("/api/v1/webrtc/offer", json=body)

    async def call(self, mode: str, frames: Sequence[av.VideoFrame] = (), camera: str | None = None) -> Json:
        """Offer one's own video, or ask for a camera's, and take the answer."""
        if camera:
            part = self.peer.addTransceiver("video", direction="recvonly")
        else:
            direction = "sendrecv" if mode == "burned_in" else "sendonly"
            part = self.peer.addTransceiver(ClipTrack(frames), direction=direction)
        self.tap(part.sender, part.receiver)
        answer = await self.offer(mode, camera)
        assert answer.status == 200, answer
        body = answer.json()
        self.session, self.feed, self.answer_sdp = body["session"], body["feed"], body["sdp"]
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=body["sdp"], type="answer"))
        return body

    def of_type(self, kind: str) -> list[Json]:
        """The messages of one type so far."""
        return [message for message in self.messages if message["type"] == kind]

    async def wait_for(self, kind: str, count: int = 1) -> list[Json]:
        """So many messages of one type."""
        await eventually(lambda: len(self.of_type(kind)) >= count, f"{count} {kind}")
        return self.of_type(kind)

    async def wait_for_pictures(self, count: int) -> list[av.VideoFrame]:
        """So many decoded pictures."""
        await eventually(lambda: len(self.pictures) >= count, f"{count} pictures")
        return self.pictures

    async def ask_key_frame(self) -> None:
        """Send a picture loss indication for what comes in."""
        receiver = self.peer.getTransceivers()[0].receiver
        for source in receiver.getSynchronizationSources():
            await receiver._send_rtcp_pli(source.source)

    def vanish(self) -> None:
        """Lose the network: the sockets go, without a goodbye on any of them."""
        for transport in _ice_transports(self.peer):
            for protocol in transport._connection._protocols:
                protocol.transport.abort()

    async def close(self) -> None:
        """Leave, telling the server."""
        await self.peer.close()
        if self._draining:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._draining = asyncio.create_task(self._drain(track))

    async def _drain(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, av.VideoFrame)
            self.pictures.append(frame)

    def tap(self, sender: RTCRtpSender, receiver: RTCRtpReceiver) -> None:
        """Note the time of each picture on the wire, in both directions."""
        handle = receiver._handle_rtp_packet
        send = sender.transport._send_rtp

        async def sent(data: bytes) -> None:
            if 96 <= data[1] & 0x7F <= 127 and data[1] & 0x80 and int.from_bytes(data[8:12], "big") == sender._ssrc:
                self.timestamps_sent.append(int.from_bytes(data[4:8], "big"))
            await send(data)

        async def received(packet: RtpPacket, arrival_time_ms: int) -> None:
            if packet.marker:
                self.timestamps_received.append(packet.timestamp)
            if is_vp8_key_frame(packet.payload):
                self.keys_received.append(packet.timestamp)
            await handle(packet, arrival_time_ms)

        sender.transport._send_rtp = sent  # type: ignore[method-assign]
        receiver._handle_rtp_packet = received  # type: ignore[method-assign]


def is_vp8_key_frame(payload: bytes) -> bool:
    """Whether a packet begins a VP8 key frame (RFC 7741, sections 4.2 and 4.3)."""
    if len(payload) < 4 or not payload[0] & 0x10 or payload[0] & 0x0F:  # not the start of the first partition
        return False
    at = 1
    if payload[0] & 0x80:
        extensions = payload[1]
        at = 2
        if extensions & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        at += bool(extensions & 0x40) + bool(extensions & 0x30)
    return len(payload) > at and not payload[at] & VP8_IS_DELTA


def _ice_transports(peer: RTCPeerConnection) -> Iterator[Any]:
    transports = [part.receiver.transport for part in peer.getTransceivers()]
    transports += [peer.sctp.transport] if peer.sctp else []
    yield from {transport.transport for transport in transports}


@asynccontextmanager
async def browser_of(client: Client, *, channel: bool = True) -> AsyncIterator[Browser]:
    """A browser that leaves with the block."""
    browser = Browser(client, channel=channel)
    try:
        yield browser
    finally:
        await browser.close()
