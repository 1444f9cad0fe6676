"""Debian's Mosquitto as a broker of the tests' own: started, killed, started again; who reads along; a cable to it."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt

from .certificates import Certificates
from .rtsp import free_port
from .waiting import eventually

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
"""Debian puts the broker where only root looks."""


def why_not() -> str | None:
    """What is missing for a :class:`Broker`, or None; tests/services.sh installs it."""
    if all(shutil.which(name, path=PATH) for name in ("mosquitto", "mosquitto_passwd")):
        return None
    return "no Mosquitto on this machine: see tests/services.sh"


class Broker:
    """One broker, which keeps nothing when it ends. ``users``: whom it lets in, with their passwords; without any,
    everybody. ``rules``: lines of its ACL file."""

    def __init__(
        self,
        folder: Path,
        *,
        users: dict[str, str] | None = None,
        rules: tuple[str, ...] = (),
        certificates: Certificates | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self.port = free_port()
        self._folder = folder
        self.certificates = certificates
        self._process: asyncio.subprocess.Process | None = None
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "log_dest stderr", *options]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes a user who may not enter the folders of tests
        if certificates:
            lines += [f"certfile {certificates.certificate}", f"keyfile {certificates.key}"]
        if rules:
            (folder / "rules").write_text("\n".join(rules) + "\n")
            (folder / "rules").chmod(0o600)
            lines.append(f"acl_file {folder / 'rules'}")
        if users:
            self._let_in(users)
            lines.append(f"password_file {folder / 'passwords'}")
        lines.append(f"allow_anonymous {'false' if users else 'true'}")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    @property
    def url(self) -> str:
        """Where it is, as the settings have it."""
        return f"mqtt{'s' if self.certificates else ''}://localhost:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it listens; a second time on the port that it had."""
        assert self._process is None
        program = shutil.which("mosquitto", path=PATH)
        assert program
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                program, "-c", self._folder / "mosquitto.conf", stderr=log
            )
        await eventually(self._listens, "a broker that listens")

    async def kill(self) -> None:
        """End it at once: no goodbye to anybody. A second time does nothing."""
        process, self._process = self._process, None
        if process:
            process.kill()
            await process.wait()

    async def _listens(self) -> bool:
        assert self._process
        assert self._process.returncode is None, (self._folder / "log").read_text()
        with suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            await writer.wait_closed()
            return True
        return False

    def _let_in(self, users: dict[str, str]) -> None:
        path = self._folder / "passwords"
        path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        path.chmod(0o600)
        program = shutil.which("mosquitto_passwd", path=PATH)
        assert program
        subprocess.run([program, "-U", path], check=True)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    properties: dict[str, object]


@dataclass
class Listener:
    """Somebody who reads along, and all that came so far."""

    heard: list[Heard] = field(default_factory=list)

    def of(self, topic: str) -> list[bytes]:
        """The payloads of one topic so far."""
        return [message.payload for message in self.heard if message.topic == topic]

    async def wait_for(self, topic: str, *payloads: bytes) -> None:
        """Until exactly these came of a topic, in this order."""
        try:
            await eventually(lambda: self.of(topic) == list(payloads))
        except AssertionError:
            raise AssertionError(f"of {topic} came {self.of(topic)}, not {list(payloads)}") from None


@asynccontextmanager
async def listening(
    broker: Broker, topic: str = "#", username: str | None = None, password: str | None = None
) -> AsyncIterator[Listener]:
    """A client that reads a topic for as long as the block runs, or the broker does."""
    listener = Listener()
    certificates = broker.certificates
    tls = ssl.create_default_context(cafile=certificates.authority) if certificates else None

    async def listen(client: aiomqtt.Client) -> None:
        with suppress(aiomqtt.MqttError):
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                listener.heard.append(
                    Heard(
                        str(message.topic),
                        message.payload,
                        bool(message.retain),
                        message.qos,
                        dict(vars(message.properties) if message.properties else {}),
                    )
                )

    client = aiomqtt.Client(
        "localhost", broker.port, username=username, password=password, tls_context=tls,
        protocol=aiomqtt.ProtocolVersion.V5,
    )  # fmt: skip
    # A broker that is killed ends the client too, which is no fault of the test.
    with suppress(aiomqtt.MqttError):
        async with client:
            await client.subscribe(topic, qos=1)
            task = asyncio.create_task(listen(client))
            try:
                yield listener
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


class Cable:
    """Between a client and the broker: it can be cut, or carry nothing for a while though it seems whole."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.connections = 0
        """How many there were."""
        self._to = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break what is connected now; who comes again gets through."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Carry nothing until :meth:`thaw`."""
        self._whole.clear()

    def thaw(self) -> None:
        """After :meth:`freeze`."""
        self._whole.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers |= {writer, far_writer}
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)


@asynccontextmanager
async def cable_to(broker: Broker) -> AsyncIterator[Cable]:
    """A cable for as long as the block runs."""
    cable = Cable(broker.port)
    server = await asyncio.start_server(cable._join, "127.0.0.1", 0)
    cable.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield cable
        finally:
            cable.thaw()
            cable.cut()
