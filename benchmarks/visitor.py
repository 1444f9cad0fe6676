"""A visitor in a process of its own: ``python -m benchmarks.visitor URL MODE SECONDS``; what it saw comes as JSON.

MODE is ``burned_in`` or ``overlay`` over WebRTC, or ``websocket``. The picture is 640x480 at 30 a second.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from collections import Counter
from fractions import Fraction

import aiohttp
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from PIL import Image

from .results import FIXTURES

CLIP = FIXTURES / "gun-pan.mp4"
RATE = 30
UNACKNOWLEDGED = 2
QUALITY = 80


class ClipTrack(VideoStreamTrack):
    """The clip over and over, each picture at its time."""

    def __init__(self, frames: list[av.VideoFrame], counts: Counter[str]) -> None:
        super().__init__()
        self._frames = frames
        self._counts = counts
        self._sent = 0
        self._begun = 0.0

    async def recv(self) -> av.VideoFrame:
        """The next picture."""
        self._begun = self._begun or time.monotonic()
        await asyncio.sleep(max(0.0, self._begun + self._sent / RATE - time.monotonic()))
        frame = self._frames[self._sent % len(self._frames)]
        frame.pts, frame.time_base = self._sent * 3000, Fraction(1, 90_000)
        self._sent += 1
        self._counts["sent"] += 1
        return frame


async def webrtc(url: str, mode: str, seconds: float, counts: Counter[str]) -> None:
    """A visit over WebRTC."""
    with av.open(str(CLIP)) as container:
        frames = list(container.decode(video=0))
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tasks: list[asyncio.Task[None]] = []
    try:
        channel = peer.createDataChannel("vigie")
        channel.on("message", lambda text: counts.update([json.loads(text)["type"]]))
        direction = "sendrecv" if mode == "burned_in" else "sendonly"
        transceiver = peer.addTransceiver(ClipTrack(frames, counts), direction=direction)
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"sdp": peer.localDescription.sdp, "type": "offer", "mode": mode}
        async with aiohttp.ClientSession() as http, http.post(f"{url}/api/v1/webrtc/offer", json=offer) as response:
            response.raise_for_status()
            answer = await response.json()
        await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        if mode == "burned_in":
            tasks.append(asyncio.create_task(_drain(transceiver.receiver.track, counts)))
        await asyncio.sleep(seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await peer.close()


async def _drain(track: MediaStreamTrack, counts: Counter[str]) -> None:
    try:
        while True:
            await track.recv()
            counts["received"] += 1
    except MediaStreamError:
        pass


async def websocket(url: str, seconds: float, counts: Counter[str]) -> None:
    """A visit over the WebSocket, with no more pictures on the way than the page allows itself."""
    pictures = _jpegs()
    acknowledged = -1
    changed = asyncio.Event()
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/api/v1/stream?mode=burned_in") as socket:

        async def read() -> None:
            nonlocal acknowledged
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    counts["received"] += 1
                elif message.type is aiohttp.WSMsgType.TEXT:
                    told = json.loads(message.data)
                    counts[told["type"]] += 1
                    if told["type"] == "picture":
                        acknowledged = told["sequence"]
                        changed.set()

        reading = asyncio.create_task(read())
        begun = time.monotonic()
        sequence = 0
        for number in range(round(seconds * RATE)):
            await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            if sequence - 1 - acknowledged >= UNACKNOWLEDGED:
                continue
            await socket.send_bytes(pictures[number % len(pictures)])
            sequence += 1
            counts["sent"] += 1
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _jpegs() -> list[bytes]:
    pictures = []
    with av.open(str(CLIP)) as container:
        for frame in container.decode(video=0):
            buffer = io.BytesIO()
            Image.fromarray(frame.to_ndarray(format="rgb24")).save(buffer, "JPEG", quality=QUALITY)
            pictures.append(buffer.getvalue())
    return pictures


def main() -> None:
    """See the module."""
    url, mode, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    counts: Counter[str] = Counter()
    if mode == "websocket":
        asyncio.run(websocket(url, seconds, counts))
    else:
        asyncio.run(webrtc(url, mode, seconds, counts))
    print(json.dumps({"seconds": seconds, **counts}), flush=True)


if __name__ == "__main__":
    main()
