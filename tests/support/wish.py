"""WHIP and WHEP as a plain client speaks them, with aiortc for its media."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import av
from aiortc import RTCSessionDescription
from aiortc.rtp import RtpPacket

from .browser import Browser, ClipTrack
from .server import Answer, Client

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


class WishClient(Browser):
    """A standard player or publisher: it has no data channel unless asked for one."""

    def __init__(self, client: Client, *, channel: bool = False) -> None:
        super().__init__(client, channel=channel)
        self.client = client
        self.location = self.tag = ""

    async def watch(self, name: str, query: str = "", *, audio: bool = True, trickle: bool = False) -> Answer:
        """Post an offer to receive, to WHEP, and take the answer."""
        if audio:
            self.peer.addTransceiver("audio", direction="recvonly")
        part = self.peer.addTransceiver("video", direction="recvonly")
        self.tap(part.sender, part.receiver)
        return await self._post(f"/whep/{name}{query}", {}, trickle)

    async def push(
        self, name: str, token: str, frames: Sequence[av.VideoFrame], *, audio: bool = True, trickle: bool = False
    ) -> Answer:
        """Post an offer to send, to WHIP, and take the answer."""
        if audio:
            self.peer.addTransceiver("audio", direction="sendonly")
        part = self.peer.addTransceiver(ClipTrack(frames), direction="sendonly")
        self.tap(part.sender, part.receiver)
        return await self._post(f"/whip/{name}", {"Authorization": f"Bearer {token}"}, trickle)

    async def end(self) -> Answer:
        """End the session, as the standards have it."""
        return await self.client.send("DELETE", self.location)

    def fragment(self) -> str:
        """The candidates that an offer sent without them left out."""
        sdp = self.peer.localDescription.sdp
        ice = re.findall(r"a=ice-(?:ufrag|pwd):.*\r\n", sdp)[:2]
        middle = re.findall(r"a=mid:.*\r\n", sdp)[:1]
        candidates = dict.fromkeys(re.findall(r"a=candidate:.*\r\n", sdp))
        return "".join([*ice, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", *middle, *candidates, "a=end-of-candidates\r\n"])

    async def _post(self, path: str, headers: dict[str, str], trickle: bool) -> Answer:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp = self.peer.localDescription.sdp
        if trickle:
            sdp = re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", sdp)
        answer = await self.client.post(path, data=sdp.encode(), headers={**SDP, **headers})
        if answer.status == 201:
            self.location, self.tag = answer.headers["Location"], answer.headers["Etag"]
            self.answer_sdp = answer.text
            await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer.text, type="answer"))
        return answer


class LightViewer(WishClient):
    """A viewer that counts packets and decodes none, so that many fit on a small machine."""

    def __init__(self, client: Client, *, channel: bool = False) -> None:
        super().__init__(client, channel=channel)
        self.packets = 0
        self.sequence_numbers: list[int] = []

    async def watch(self, name: str, query: str = "", *, audio: bool = False, trickle: bool = False) -> Answer:
        """As any player; but the pictures end at the wire."""
        answer = await super().watch(name, query, audio=audio, trickle=trickle)
        receiver = next(part for part in self.peer.getTransceivers() if part.kind == "video").receiver

        async def count(packet: RtpPacket, arrival_time_ms: int) -> None:
            self.packets += 1
            self.sequence_numbers.append(packet.sequence_number)
            if packet.marker:
                self.timestamps_received.append(packet.timestamp)

        receiver._handle_rtp_packet = count  # type: ignore[method-assign]
        return answer


@asynccontextmanager
async def wish_client_of(client: Client, *, channel: bool = False) -> AsyncIterator[WishClient]:
    """A player or publisher that leaves with the block."""
    peer = WishClient(client, channel=channel)
    try:
        yield peer
    finally:
        await peer.close()
