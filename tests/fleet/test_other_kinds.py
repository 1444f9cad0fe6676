"""Cameras that do not speak RTSP: MJPEG and HLS over HTTP, RTMP."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from ..support.encoded import clip_pictures
from ..support.fleet import Fleet
from ..support.http_camera import HttpCamera, write_pieces
from ..support.media import FIXTURES, GUN_CLIP
from ..support.rtsp import free_port
from ..support.waiting import eventually

RATE = 10


@pytest_asyncio.fixture
async def http_camera(tmp_path: Path) -> AsyncIterator[HttpCamera]:
    frames = clip_pictures(FIXTURES / "people-720p.mp4", RATE, 60)
    jpegs = []
    for frame in frames[:RATE]:
        buffer = io.BytesIO()
        Image.fromarray(frame.reformat(640, 360, format="rgb24").to_ndarray()).save(buffer, "JPEG")
        jpegs.append(buffer.getvalue())
    camera = HttpCamera(write_pieces(tmp_path, frames, 640, 360, RATE), jpegs, RATE)
    async with camera.serving():
        yield camera


@pytest.mark.timeout(60)
async def test_mjpeg_and_hls_over_http(http_camera: HttpCamera, fleet: Fleet) -> None:
    await fleet.add("mjpeg", f"{http_camera.url}/mjpeg")
    await fleet.add("hls", f"{http_camera.url}/live.m3u8")
    for name, codec in (("mjpeg", "mjpeg"), ("hls", "h264")):
        camera = await fleet.until(name, "live", within_s=15)
        assert (camera["kind"], camera["codec"]) == ("http", codec)
        assert (camera["width"], camera["height"]) == (640, 360)
    told = await asyncio.gather(*(fleet.states(name, 8) for name in ("mjpeg", "hls")))
    assert told == [["live"], ["live"]]
    for name, camera in (await fleet.all()).items():
        assert camera["frames_per_second"] == pytest.approx(RATE, rel=0.3), name
        assert camera["frames"]["looked_at"] > 8, name


def listens(port: int) -> bool:
    """Whether somebody listens there, found out without a connection: it would be taken for a player."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


@asynccontextmanager
async def rtmp_server(clip: Path) -> AsyncIterator[str]:
    """A server that plays a clip again and again; the URL. FFmpeg's own: one player at a time, then it begins anew."""
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/door"
    play = f"ffmpeg -v quiet -re -stream_loop -1 -i {clip} -c copy -f flv -listen 1 {url}"
    process = await asyncio.create_subprocess_shell(f"while :; do {play}; done", start_new_session=True)
    try:
        await eventually(lambda: listens(port), "the RTMP server")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.mark.timeout(60)
@pytest.mark.skipif(not (shutil.which("ffmpeg") or os.environ.get("CI") == "true"), reason="no ffmpeg on this machine")
async def test_rtmp(fleet: Fleet) -> None:
    async with rtmp_server(GUN_CLIP) as url:
        await fleet.add("rtmp", url)
        camera = await fleet.until("rtmp", "live")
        assert (camera["kind"], camera["codec"]) == ("rtmp", "h264")
        assert await fleet.states("rtmp", 4) == ["live"]
        assert (await fleet.show("rtmp"))["frames"]["seen"] > 60
    assert (await fleet.until("rtmp", "retrying", within_s=12))["reason"]
