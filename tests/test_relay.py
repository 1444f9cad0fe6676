"""The relay between FFmpeg and a camera: what it passes on, what it does not, how it ends."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.plugins import SourceLost, Stop
from server.relay import relayed

from .support.plain_http import own_certificate

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
REDIRECT = b"RTSP/1.0 302 There\r\nLocation: rtsp://elsewhere/\r\n\r\n"


@contextmanager
def camera(*pieces: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A camera that answers the first request with these pieces, one after the other, and then echoes; its port."""

    def serve() -> None:
        connection, _ = server.accept()
        if tls:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(4096)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.05)  # so that each is a packet of its own
            while data := connection.recv(4096):
                connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
    thread.join(10)
    assert not thread.is_alive(), "the camera was hung up on"


def relays() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("relay ")]


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while more := connection.recv(4096):
        data += more
    return data


@pytest.mark.parametrize("encrypted", [False, True])
def test_what_comes_is_passed_on_both_ways(encrypted: bool, tmp_path: Path) -> None:
    video = bytes(range(256)) * 4000
    tls = own_certificate(tmp_path) if encrypted else None
    with (
        camera(ANSWER, tls=tls) as port,
        relayed("127.0.0.1", port, Stop(), tls=encrypted, seconds=5) as relay,
    ):
        with socket.create_connection(("127.0.0.1", relay.port)) as ffmpeg:
            ffmpeg.settimeout(10)
            ffmpeg.sendall(b"DESCRIBE")
            assert ffmpeg.recv(4096) == ANSWER
            sender = threading.Thread(target=ffmpeg.sendall, args=(video,))
            sender.start()
            data = b""
            while len(data) < len(video):
                data += ffmpeg.recv(65536)
            sender.join()
        assert data == video
        assert not relay.redirected
    assert not relays()


@pytest.mark.parametrize("cut", [0, 4, 8, 11, len(REDIRECT)])
def test_a_redirect_is_not_passed_on(cut: int) -> None:
    """However the network cuts it, its number never arrives whole."""
    pieces = [piece for piece in (ANSWER, REDIRECT[:cut], REDIRECT[cut:]) if piece]
    with camera(*pieces) as port, relayed("127.0.0.1", port, Stop(), tls=False, seconds=5) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as ffmpeg:
            ffmpeg.settimeout(10)
            ffmpeg.sendall(b"DESCRIBE")
            assert b"elsewhere" not in read_all(ffmpeg)
        assert relay.redirected


def test_a_stop_ends_it_at_once() -> None:
    stop = Stop()
    with (
        camera(ANSWER) as port,
        relayed("127.0.0.1", port, stop, tls=False, seconds=5) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as ffmpeg,
    ):
        ffmpeg.settimeout(10)
        threading.Timer(0.05, stop.set).start()
        begun = time.monotonic()
        assert read_all(ffmpeg) == b""
        assert time.monotonic() - begun < 1
    assert not relays()


def test_nobody_may_come_and_it_ends_all_the_same() -> None:
    with camera() as port:
        with relayed("127.0.0.1", port, Stop(), tls=False, seconds=5):
            assert len(relays()) == 1
        assert not relays()


def test_a_stop_ends_the_greeting_of_tls() -> None:
    stop = Stop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Timer(0.05, stop.set).start()
        begun = time.monotonic()
        with (
            pytest.raises(SourceLost),
            relayed("127.0.0.1", silent.getsockname()[1], stop, tls=True, seconds=5),
        ):
            pass
        assert time.monotonic() - begun < 1
