"""A real RTSP server with a mount for each kind of video, and a fleet of cameras on the shared Vigie."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path

import pytest
import pytest_asyncio

from ..support.encoded import clip_pictures, write_units
from ..support.fleet import Fleet, fleet_of
from ..support.media import FIXTURES
from ..support.rtsp import Mount, RtspServer, available, rtsp_server
from ..support.server import Client

KINDS: dict[str, tuple[str, int, int, int, int]] = {
    "h264": ("h264", 1280, 720, 15, 60),
    "hevc": ("hevc", 1280, 720, 15, 60),
    "mjpeg": ("mjpeg", 1280, 720, 15, 30),
    "4k": ("h264", 3840, 2160, 5, 10),
    "slow": ("h264", 640, 360, 1, 8),
    "fast": ("h264", 320, 240, 60, 120),
    "small": ("h264", 640, 480, 15, 60),
}
"""Codec, width, height, pictures a second, pictures."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without an RTSP server these tests are skipped, and said so; in CI that is a failure."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    if not mine or os.environ.get("CI") == "true" or available():
        return
    for item in mine:
        item.add_marker(pytest.mark.skip(reason="no RTSP server on this machine: see tests/rtsp-server.sh"))


class Units:
    """Files of encoded pictures, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.get = lru_cache(maxsize=None)(self._make)

    def _make(self, name: str) -> Path:
        """The file of this kind."""
        codec, width, height, rate, count = KINDS[name]
        frames = clip_pictures(FIXTURES / "people-720p.mp4", rate, count)
        return write_units(self._folder / name, frames, codec, width, height, rate)


@pytest.fixture(scope="session")
def units(tmp_path_factory: pytest.TempPathFactory) -> Units:
    """The encoded clips."""
    return Units(tmp_path_factory.mktemp("units"))


@pytest_asyncio.fixture(scope="session")
async def rtsp(units: Units) -> AsyncIterator[RtspServer]:
    """A server that all tests share and none disturbs: a mount for each kind."""
    assert available(), "no RTSP server: make test installs it where it may; else see tests/rtsp-server.sh"
    mounts = {f"/{kind}": Mount(units.get(kind)) for kind in KINDS}
    mounts |= {"/sound": Mount(audio=True), "/both": Mount(units.get("small"), audio=True)}
    async with rtsp_server(mounts) as server:
        yield server


@pytest_asyncio.fixture
async def fleet(client: Client) -> AsyncIterator[Fleet]:
    """Cameras of the shared server, removed at the end."""
    async with fleet_of(client) as fleet:
        yield fleet
