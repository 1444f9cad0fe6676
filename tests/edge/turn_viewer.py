"""Run by ``test_turn.py`` in a network where no UDP leaves: watch a camera with and without TURN, and say what came."""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription


async def watch(http: aiohttp.ClientSession, url: str, servers: list[RTCIceServer], within_s: float) -> str:
    """``picture`` and the kind of the way it took, or ``nothing``."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    receiver = peer.addTransceiver("video", direction="recvonly").receiver
    try:
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"sdp": peer.localDescription.sdp, "type": "offer", "mode": "burned_in", "camera": "gate"}
        async with http.post(f"{url}/api/v1/webrtc/offer", json=offer) as response:
            answer = await response.json()
        await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        async with asyncio.timeout(within_s):
            await receiver.track.recv()
        pair = receiver.transport.transport._connection._nominated[1]
        return f"picture {pair.local_candidate.type}"
    except TimeoutError:
        return "nothing"
    finally:
        await peer.close()


async def main(url: str) -> None:
    """Both, one line each."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {os.environ['TOKEN']}"}) as http:
        async with http.get(f"{url}/api/v1/ice") as response:
            given = (await response.json())["iceServers"]
        servers = [
            RTCIceServer(part["urls"], part.get("username"), part.get("credential"))
            for part in given
            if "username" in part
        ]
        forged = [RTCIceServer(part.urls, part.username, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=") for part in servers]
        print("with turn:", await watch(http, url, servers, 20))
        print("with another password:", await watch(http, url, forged, 2))
        print("without:", await watch(http, url, [], 2))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
