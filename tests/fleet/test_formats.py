"""Cameras of every kind of video, at the same time."""

from __future__ import annotations

import asyncio
import time

import pytest

from ..support.fleet import Fleet
from ..support.rtsp import RtspServer

EXPECTED = {
    "h264": ("h264", 1280, 720, 15),
    "hevc": ("hevc", 1280, 720, 15),
    "mjpeg": ("mjpeg", 1280, 720, 15),
    "4k": ("h264", 3840, 2160, 5),
    "slow": ("h264", 640, 360, 1),
    "fast": ("h264", 320, 240, 60),
    "both": ("h264", 640, 480, 15),
    "udp": ("h264", 640, 480, 15),
}
WATCHED_S = 8.0


async def test_every_kind_of_video_is_watched(fleet: Fleet, rtsp: RtspServer) -> None:
    """H.264, H.265, MJPEG, sound beside it, 4K, one and sixty pictures a second, over UDP: all live, and stay so."""
    for name in EXPECTED:
        transport, path = ("udp", "small") if name == "udp" else ("tcp", name)
        await fleet.add(name, rtsp.url(f"/{path}"), transport=transport)
    await asyncio.gather(*(fleet.until(name, "live", within_s=15) for name in EXPECTED))
    before, begun = await fleet.all(), time.monotonic()
    told = await asyncio.gather(*(fleet.states(name, WATCHED_S) for name in EXPECTED))
    assert dict(zip(EXPECTED, told, strict=True)) == {name: ["live"] for name in EXPECTED}
    cameras, took = await fleet.all(), time.monotonic() - begun
    for name, (codec, width, height, rate) in EXPECTED.items():
        camera = cameras[name]
        assert (camera["codec"], camera["width"], camera["height"]) == (codec, width, height)
        came = camera["frames"]["seen"] - before[name]["frames"]["seen"]
        assert came == pytest.approx(rate * took, rel=0.2, abs=2), name
        assert camera["frames"]["looked_at"] >= WATCHED_S / 4, (name, camera["frames"])
        assert camera["kind"] == "rtsp"
        assert camera["reason"] is None


@pytest.mark.parametrize(("path", "codec", "size"), [("/hevc", "hevc", (1280, 720)), ("/both", "h264", (640, 480))])
async def test_a_probe_tells_what_would_come(
    fleet: Fleet, rtsp: RtspServer, path: str, codec: str, size: tuple[int, int]
) -> None:
    answer = await fleet.client.post("/api/v1/cameras/probe", json={"url": rtsp.url(path)})
    assert answer.status == 200
    body = answer.json()
    assert body["ok"], body
    assert (body["codec"], body["width"], body["height"]) == (codec, *size)
    assert body["frames_per_second"] == pytest.approx(15, rel=0.25)
    assert body["picture"].startswith("data:image/jpeg;base64,")
    assert body["took_ms"] < 10_000
