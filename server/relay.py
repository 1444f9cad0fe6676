"""A way to one host and to no other, for RTSP.

FFmpeg follows the redirect of a camera by itself, and takes the password along. What it connects to is this end; the
other is connected to the address that was checked.
"""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from .plugins import SourceLost, Stop

REDIRECT = re.compile(rb"RTSP/1\.[01] 3\d\d")
LONGEST = 12
"""Bytes of the end of a piece that may hold the beginning of a redirect."""

PIECE = 64 * 1024


class Relay:
    """Passes on what comes, both ways, until either end is closed or the camera sends a redirect."""

    def __init__(self, camera: socket.socket) -> None:
        self.redirected = False
        self._camera = camera
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        """Of 127.0.0.1; it takes one connection."""
        self._reader: socket.socket | None = None
        self._over = threading.Event()

    def run(self) -> None:
        """In a thread of its own."""
        with suppress(OSError), self._listener:  # somebody hung up: that is how it ends
            self._reader, _ = self._listener.accept()
        if self._reader:
            with suppress(OSError), self._reader as reader:
                reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not self._over.is_set():
                    self._pass_on(reader)
        self.hang_up()

    def hang_up(self) -> None:
        """Let it end. Any thread may call, a second time does nothing.

        Nothing is closed here: a socket closed under a thread that waits for it would never wake that thread.
        """
        self._over.set()
        for end in (self._listener, self._camera, self._reader):
            if end:
                _hang_up(end)

    def _pass_on(self, reader: socket.socket) -> None:
        tail = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self._camera, selectors.EVENT_READ)
            ready.register(reader, selectors.EVENT_READ)
            self._camera.setblocking(False)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is reader:
                        request = reader.recv(PIECE)
                        self._to_camera(request)
                        if not request:
                            return
                    elif (data := self._from_camera()) is not None:
                        if REDIRECT.search(tail + data):
                            self.redirected = True
                            return
                        tail = data[-LONGEST:]
                        reader.sendall(data)
                        if not data:
                            return

    def _from_camera(self) -> bytes | None:
        """What has come, empty at the end; None when that was only TLS talking to itself."""
        try:
            data = self._camera.recv(PIECE)
        except ssl.SSLWantReadError:
            return None
        # What TLS has decrypted already would not wake the selector again.
        while isinstance(self._camera, ssl.SSLSocket) and (more := self._camera.pending()):
            data += self._camera.recv(more)
        return data

    def _to_camera(self, data: bytes) -> None:
        self._camera.setblocking(True)
        self._camera.sendall(data)
        self._camera.setblocking(False)


@contextmanager
def relayed(address: str, port: int, stop: Stop, *, tls: bool, seconds: float) -> Iterator[Relay]:
    """A relay to an IP address, which is connected to at once. Raises :class:`SourceLost` where nobody is there.

    ``tls``: speak it with the camera; FFmpeg is spoken to in the clear. ``seconds``: how long the camera may take.
    """
    with ExitStack() as stack:
        relay = Relay(stack.enter_context(_connected(address, port, stop, tls, seconds)))
        thread = threading.Thread(target=relay.run, name=f"relay {relay.port}", daemon=True)
        thread.start()
        stack.callback(thread.join, 1)
        stack.callback(relay.hang_up)
        stack.enter_context(stop.calling(relay.hang_up))
        yield relay


@contextmanager
def _connected(address: str, port: int, stop: Stop, tls: bool, seconds: float) -> Iterator[socket.socket]:
    connection: socket.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with connection, stop.calling(partial(_hang_up, connection)):
        connection.settimeout(seconds)
        try:
            connection.connect((address, port))
        except ConnectionRefusedError as error:
            raise SourceLost("nothing listens at this address and port") from error
        except TimeoutError as error:
            raise SourceLost("nothing answers at this address") from error
        except OSError as error:
            raise SourceLost("there is no way to this address") from error
        if not tls:
            connection.settimeout(None)
            yield connection
            return
        # Cameras sign their own certificates, as in sources/http.py.
        context = ssl._create_unverified_context()
        with context.wrap_socket(connection, do_handshake_on_connect=False) as secure:
            with stop.calling(partial(_hang_up, secure)):
                try:
                    secure.do_handshake()
                except TimeoutError as error:
                    raise SourceLost("it did not answer in time") from error
                except OSError as error:
                    raise SourceLost("it does not speak TLS as expected") from error
            secure.settimeout(None)
            yield secure


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS would wait for its own farewell
