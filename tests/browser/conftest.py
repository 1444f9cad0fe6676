"""A real server in its own process and a real Chromium with a fake camera that plays a real clip."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from tests.fixtures.make_camera import make_camera

FIXTURES = Path(__file__).parent.parent / "fixtures"
CLIP = FIXTURES / "gun-pan.mp4"
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Chromium these tests are skipped, and said so; in CI that is a failure."""
    if CHROMIUM or os.environ.get("CI") == "true":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The clip as Chromium's fake camera wants it."""
    path = tmp_path_factory.mktemp("camera") / "gun.mjpeg"
    make_camera(CLIP, path)
    yield path
    path.unlink()


@asynccontextmanager
async def server_process(data_dir: Path, *options: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A server as a user starts it; gives its URL and process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "--port", "0", "--data-dir", str(data_dir), *options,
        stdout=asyncio.subprocess.PIPE, cwd=FIXTURES.parent.parent,
    )  # fmt: skip
    assert process.stdout
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert "http://" in line, f"the server did not start: {line!r}"
        yield line.split("ready: ")[1].strip(), process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """A server with one camera, named clip."""
    async with server_process(tmp_path, "--source", f"clip={CLIP}") as (url, _):
        yield url


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """A Chromium with these flags on top of the usual ones."""
    assert CHROMIUM, "no Chromium: make test installs it where it may; else apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def browser(camera_file: Path) -> AsyncIterator[Browser]:
    """A Chromium whose camera plays the clip and is allowed."""
    async with chromium(
        "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={camera_file}"
    ) as browser:
        yield browser


class Watched:
    """What went wrong on a page: errors it logged, and requests it made to anyone but the server."""

    def __init__(self, page: Page, server: str) -> None:
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self._server = server
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self._server, self._server.replace("http", "ws", 1), "blob:", "data:")):
            self.strangers.append(request.url)

    def check(self) -> None:
        """Nothing went wrong."""
        assert not self.errors
        assert not self.strangers
