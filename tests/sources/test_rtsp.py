"""RTSP and RTMP where no server is needed: refused, silent, a name that is not known, an address not allowed."""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import ip_network
from types import ModuleType
from typing import Any

import pytest

from server import playing
from server.addresses import AddressRule
from server.plugins import SourceLost, SourceRequest, Stop
from server.sources import rtmp, rtsp

SECRET = "s3cr3t"
BOTH = pytest.mark.parametrize(("kind", "scheme"), [(rtsp, "rtsp"), (rtsp, "rtsps"), (rtmp, "rtmp"), (rtmp, "rtmps")])


def reason(kind: ModuleType, url: str, **options: Any) -> str:
    given = {"stop": Stop(), "username": "bob", "password": SECRET, **options}
    with pytest.raises(SourceLost) as caught, kind.open_source(SourceRequest(url, **given)):
        pass
    said = str(caught.value)
    assert SECRET not in said
    assert "bob" not in said
    return said


@BOTH
def test_nobody_listens(kind: ModuleType, scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}/live?token={SECRET}"
        assert reason(kind, url) == "nothing listens at this address and port"


@BOTH
def test_a_silent_host_is_given_up(kind: ModuleType, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "PATIENCE_S", 0.3)
    monkeypatch.setattr(rtsp, "PATIENCE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        assert reason(kind, f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/live") == "it did not answer in time"
        assert time.monotonic() - begun < 3


@BOTH
def test_a_silent_host_is_left_at_once(kind: ModuleType, scheme: str) -> None:
    stop = Stop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Timer(0.1, stop.set).start()
        begun = time.monotonic()
        reason(kind, f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/live", stop=stop)
        assert time.monotonic() - begun < 1


def test_a_host_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no connection and refuses none."""
    monkeypatch.setattr(rtsp, "PATIENCE_S", 0.3)
    monkeypatch.setattr(playing, "KNOCK_S", 0.2)
    waiting = []
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        said = reason(rtsp, f"rtsp://127.0.0.1:{full.getsockname()[1]}/live")
        for one in waiting:
            one.close()
    assert said == "nothing answers at this address"


@BOTH
def test_one_that_speaks_something_else(kind: ModuleType, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n" * 500)

        speaker = threading.Thread(target=speak)
        speaker.start()
        try:
            assert reason(kind, f"{scheme}://127.0.0.1:{server.getsockname()[1]}/live")
        finally:
            speaker.join()


@BOTH
def test_an_address_that_is_not_allowed_gets_no_connection(kind: ModuleType, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        url = f"{scheme}://localhost:{server.getsockname()[1]}/live"
        assert "not among those" in reason(kind, url, resolve=AddressRule().resolve)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_redirect_to_an_address_that_is_not_allowed_is_not_followed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.2", 0)) as other:
        other.settimeout(0.3)
        stop = Stop()

        def redirect() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(4096):
                    number = next(line for line in data.split(b"\r\n") if line.lower().startswith(b"cseq"))
                    status = b"200 OK" if data.startswith(b"OPTIONS") else b"302 There"
                    place = b"rtsp://127.0.0.2:%d/live" % other.getsockname()[1]
                    connection.sendall(b"RTSP/1.0 %s\r\n%s\r\nLocation: %s\r\n\r\n" % (status, number, place))

        redirecting = threading.Thread(target=redirect)
        redirecting.start()
        ending = threading.Timer(1.0, stop.set)
        ending.start()
        only_first = AddressRule((ip_network("127.0.0.1/32"),)).resolve
        reason(rtsp, f"rtsp://127.0.0.1:{server.getsockname()[1]}/live", resolve=only_first, stop=stop)
        ending.cancel()
        redirecting.join()
        with pytest.raises(TimeoutError):
            other.accept()[0].close()
