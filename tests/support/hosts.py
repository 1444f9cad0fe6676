"""Hosts that are there and do not help: one that accepts and says nothing, one from which nothing comes at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_host() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port that accepts and says nothing, and the connections it has accepted."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, name="silent host")
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


@contextmanager
def black_hole() -> Iterator[int]:
    """A port from which no answer to a connection comes, as from a host that is switched off: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        queued = [socket.socket() for _ in range(3)]
        try:
            for connection in queued:
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for connection in queued:
                connection.close()
