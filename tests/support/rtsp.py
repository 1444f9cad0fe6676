"""The RTSP server of rtsp_server.py as a child process: started, spoken to, killed, started again on its port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

PYTHON = "/usr/bin/python3"
"""Debian's own: its packages of GStreamer's bindings are for no other."""

SCRIPT = Path(__file__).with_name("rtsp_server.py")
START_TIMEOUT_S = 20.0


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether this machine has GStreamer's RTSP server; tests/rtsp-server.sh installs it."""
    try:
        return subprocess.run([PYTHON, str(SCRIPT), "--help"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Mount:
    """What is played at a path: a file of encoded.py, sound, both; ``damaged``: share of the units that is spoilt."""

    units: Path | None = None
    audio: bool = False
    damaged: float = 0.0


class RtspServer:
    """One server process. ``namespace``: the network namespace it runs in, on ``address``."""

    def __init__(
        self,
        mounts: dict[str, Mount],
        *,
        user: str = "",
        password: str = "",
        digest: bool = False,
        address: str = "127.0.0.1",
        namespace: str = "",
    ) -> None:
        self.mounts = dict(mounts)
        self.port = 0
        self._address = address
        self._into = ["ip", "netns", "exec", namespace] if namespace else []
        self._options = ["--address", address]
        if user:
            self._options += ["--user", user, "--password", password, *(["--digest"] if digest else [])]
        self._process: asyncio.subprocess.Process | None = None
        self._speaking = asyncio.Lock()

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process
        return self._process.pid

    def url(self, path: str, credentials: str = "") -> str:
        """Where a mount is; ``credentials`` as ``user:password``."""
        return f"rtsp://{credentials + '@' if credentials else ''}{self._address}:{self.port}{path}"

    async def start(self) -> None:
        """Start it; a second time on the port that it had."""
        assert self._process is None
        self._process = await asyncio.create_subprocess_exec(
            *self._into, PYTHON, SCRIPT, *self._options, "--port", str(self.port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.port = json.loads(await self._answer())["port"]
        for path, mount in self.mounts.items():
            await self._mount(path, mount)

    async def kill(self) -> None:
        """End it at once, as when the power fails: no goodbye to anybody."""
        process, self._process = self._process, None
        if process:
            process.kill()
            await process.communicate()

    def hang(self) -> None:
        """Stop the process without ending it: connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After :meth:`hang`."""
        os.kill(self.pid, signal.SIGCONT)

    async def mount(self, path: str, mount: Mount) -> None:
        """Play something at a path for those who come from now on."""
        self.mounts[path] = mount
        await self._mount(path, mount)

    async def freeze(self, path: str, frozen: bool = True) -> None:
        """Let no picture go out, or let them again; the connection stays."""
        await self._do("freeze", path, frozen=frozen)

    async def switch(self, path: str, units: Path) -> None:
        """Play another file of the same codec, in the middle of the stream."""
        await self._do("switch", path, units=str(units))

    async def jump(self, path: str, seconds: float) -> None:
        """Set the clock of a mount forward."""
        await self._do("jump", path, seconds=seconds)

    async def damage(self, path: str, share: float) -> None:
        """Spoil this share of the units from now on."""
        await self._do("damage", path, share=share)

    async def _mount(self, path: str, mount: Mount) -> None:
        what = asdict(mount)
        await self._do("mount", path, **{**what, "units": str(mount.units) if mount.units else None})

    async def _do(self, what: str, path: str, **more: object) -> None:
        assert self._process
        assert self._process.stdin
        async with self._speaking:
            self._process.stdin.write(json.dumps({"do": what, "path": path, **more}).encode() + b"\n")
            await self._answer()

    async def _answer(self) -> bytes:
        assert self._process
        assert self._process.stdout
        line = await asyncio.wait_for(self._process.stdout.readline(), START_TIMEOUT_S)
        assert line, "the RTSP server ended: see its message above"
        return line


@asynccontextmanager
async def rtsp_server(mounts: dict[str, Mount], **options: str | bool) -> AsyncIterator[RtspServer]:
    """A server that runs for as long as the block does; see :class:`RtspServer` for the options."""
    server = RtspServer(mounts, **options)  # type: ignore[arg-type]
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
