"""A web server that sends the very bytes a test wants, as slowly or as endlessly as it wants. In threads."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .media import file_of

JPEG = file_of(np.full((48, 64, 3), 90, np.uint8))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n"
PART = b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(JPEG) + JPEG + b"\r\n"
"""MJPEG as cameras send it: how an answer begins, and a picture of 64x48."""

Send = Callable[[bytes], None]
Answer = Callable[["Asked", Send], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its path with the query, and its headers by lower-case name."""

    path: str
    headers: dict[str, str]


@dataclass(slots=True)
class PlainServer:
    """Answers each request by the function of its path; keeps what was asked."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that who sends without end stops."""
    scheme: str = "http"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Of a path here."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """What was asked for."""
        return [asked.path for asked in self.asked]

    def handle(self, connection: socket.socket) -> None:
        """One connection, one request."""
        with connection, suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                if not (more := connection.recv(65536)):
                    return
                data += more
            head, *lines = data.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            asked = Asked(head.split(" ")[1], headers)
            self.asked.append(asked)
            answer = self.answers.get(asked.path.partition("?")[0], _nothing)
            answer(asked, connection.sendall)


def whole(body: bytes, kind: str = "text/plain", status: str = "200 OK", extra: str = "") -> bytes:
    """An answer with its length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def _nothing(asked: Asked, send: Send) -> None:
    send(whole(b"", status="404 No"))


@contextmanager
def plain_server(address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[PlainServer]:
    """A server on a free port for as long as the block runs."""
    with socket.create_server((address, 0)) as listening:
        server = PlainServer(listening.getsockname()[1], scheme="https" if tls else "http")
        threads: list[threading.Thread] = []
        open_now: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                server.connections += 1
                open_now.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

        def serve(connection: socket.socket) -> None:
            if tls:
                with suppress(OSError):
                    connection = tls.wrap_socket(connection, server_side=True)
                    open_now.append(connection)
            server.handle(connection)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.over.set()
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in open_now:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for connection in open_now:
                connection.close()


def own_certificate(folder: Path) -> ssl.SSLContext:
    """The TLS of a camera that signed its own certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "camera.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def mjpeg(server: PlainServer, every_s: float = 0.05, head: bytes = HEAD) -> Answer:
    """Pictures without end."""

    def answer(asked: Asked, send: Send) -> None:
        send(head)
        while not server.over.wait(every_s):
            send(PART)

    return answer


def three_and_silence(server: PlainServer) -> Answer:
    """Three pictures, and then nothing."""

    def answer(asked: Asked, send: Send) -> None:
        send(HEAD + PART * 3)
        server.over.wait(20)

    return answer
