"""Many viewers in a process of their own: ``python -m benchmarks.watchers URL CAMERA MODE WAY``.

Each line on standard input is a number: so many viewers there shall be. When all of them get pictures, or at once when
there are enough, a line of JSON answers with the pictures and packets that each has got so far. WAY is ``whep``, as a
standard player comes, or ``page``, as Vigie's own page comes: with a data channel. No viewer decodes anything, so that
many of them fit beside the server.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

PATIENCE_S = 30.0


class Watcher:
    """One viewer."""

    def __init__(self) -> None:
        self.pictures = self.packets = 0
        self.first = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def watch(self, http: aiohttp.ClientSession, url: str, camera: str, mode: str, way: str) -> None:
        """Connect; returns with the first picture."""
        part = self._peer.addTransceiver("video", direction="recvonly")
        if way == "page":
            self._peer.createDataChannel("vigie")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        sdp = self._peer.localDescription.sdp
        if way == "page":
            offer = {"type": "offer", "sdp": sdp, "mode": mode, "camera": camera}
            async with http.post(f"{url}/api/v1/webrtc/offer", json=offer) as response:
                response.raise_for_status()
                answer = (await response.json())["sdp"]
        else:
            kind = {"Content-Type": "application/sdp"}
            async with http.post(f"{url}/whep/{camera}?mode={mode}", data=sdp.encode(), headers=kind) as response:
                response.raise_for_status()
                answer = await response.text()
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        part.receiver.transport._handle_rtp_data = self._count  # type: ignore[method-assign]
        await asyncio.wait_for(self.first.wait(), PATIENCE_S)

    async def close(self) -> None:
        """Leave."""
        await self._peer.close()

    async def _count(self, data: bytes, arrival_time_ms: int) -> None:
        self.packets += 1
        if data[1] & 0x80:
            self.pictures += 1
            self.first.set()


async def serve(url: str, camera: str, mode: str, way: str) -> None:
    """Do as standard input says, until it ends."""
    watchers: list[Watcher] = []
    async with aiohttp.ClientSession() as http:
        while line := await asyncio.to_thread(sys.stdin.readline):
            while len(watchers) < int(line):
                watchers.append(Watcher())
                await watchers[-1].watch(http, url, camera, mode, way)
            counts = {"pictures": [w.pictures for w in watchers], "packets": [w.packets for w in watchers]}
            print(json.dumps(counts), flush=True)
    await asyncio.gather(*(watcher.close() for watcher in watchers))


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:5]))
