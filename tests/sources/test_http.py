"""HTTP cameras: MJPEG, passwords, redirects, and whoever answers with something else or without end."""

from __future__ import annotations

import gc
import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from server.addresses import AddressRule
from server.plugins import SourceLost, SourceRequest, Stop
from server.sources import http
from server.sources.http import open_source

from ..support.plain_http import (
    HEAD,
    JPEG,
    PART,
    Answer,
    Asked,
    PlainServer,
    Send,
    mjpeg,
    own_certificate,
    plain_server,
    three_and_silence,
    whole,
)
from .clips import write_clip

SECRET = "s3cr3t"


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with plain_server() as running:
        yield running


@pytest.fixture
def other() -> Iterator[PlainServer]:
    """Another server, at another address of this machine."""
    with plain_server("127.0.0.2") as running:
        running.answers["/mjpeg"] = mjpeg(running)
        yield running


def request(url: str, **options: Any) -> SourceRequest:
    return SourceRequest(url, options.pop("stop", None) or Stop(), **options)


def seen(url: str, count: int = 3, **options: Any) -> list[int]:
    """The timestamps of so many pictures."""
    with open_source(request(url, **options)) as source:
        frames = list(islice(source.frames(), count))
    assert all((frame.picture.width, frame.picture.height) == (64, 48) for frame in frames)
    return [frame.timestamp for frame in frames]


def reason(url: str, **options: Any) -> str:
    with pytest.raises(SourceLost) as caught, open_source(request(url, **options)) as source:
        list(source.frames())
    assert SECRET not in str(caught.value)
    return str(caught.value)


# --- MJPEG -----------------------------------------------------------------------------------------------------------


def test_mjpeg_comes_as_it_is_sent(server: PlainServer) -> None:
    """Small pictures, five a second: none waits until a buffer is full."""
    server.answers["/mjpeg"] = mjpeg(server, every_s=0.2)
    begun = time.monotonic()
    stamps = seen(server.url("/mjpeg"), 4)
    assert time.monotonic() - begun < 3
    assert (stamps[-1] - stamps[0]) / 90_000 == pytest.approx(0.6, abs=0.3)


def test_mjpeg_in_chunks_and_one_that_breaks_off(server: PlainServer) -> None:
    def chunks(asked: Asked, send: Send) -> None:
        send(HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"))
        for _ in range(5):
            send(b"%x\r\n" % len(PART) + PART + b"\r\n")
        send(b"%x\r\n" % len(PART) + PART[:40])

    server.answers["/mjpeg"] = chunks
    assert len(seen(server.url("/mjpeg"), 3)) == 3
    assert reason(server.url("/mjpeg")) in ("it closed the connection", "it ended the stream")


def test_video_without_a_content_type(server: PlainServer, tmp_path: Path) -> None:
    content = write_clip(tmp_path / "a.ts", frames=30).read_bytes()
    server.answers["/video"] = lambda asked, send: send(b"HTTP/1.0 200 OK\r\n\r\n" + content)
    assert seen(server.url("/video"))


def test_the_read_ends_when_told(server: PlainServer) -> None:
    server.answers["/mjpeg"] = three_and_silence(server)
    stop = Stop()
    with open_source(request(server.url("/mjpeg"), stop=stop)) as source:
        frames = source.frames()
        next(frames)
        threading.Timer(0.1, stop.set).start()
        begun = time.monotonic()
        list(frames)
    assert time.monotonic() - begun < 1


# --- user and password -----------------------------------------------------------------------------------------------


def basic(server: PlainServer) -> Answer:
    def answer(asked: Asked, send: Send) -> None:
        if asked.headers.get("authorization") == "Basic Ym9iOnMzY3IzdA==":
            mjpeg(server)(asked, send)
        send(whole(b"", status="401 No", extra='WWW-Authenticate: Basic realm="camera"\r\n'))

    return answer


def digest(server: PlainServer, *algorithms: str) -> Answer:
    """Takes the last of these algorithms only, and offers them all."""
    offers = "".join(
        f'WWW-Authenticate: Digest realm="cam", nonce="n1", qop="auth"{f", algorithm={name}" if name else ""}\r\n'
        for name in algorithms
    )
    hashed = hashlib.sha256 if "SHA-256" in algorithms[-1] else hashlib.md5

    def h(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    def answer(asked: Asked, send: Send) -> None:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', asked.headers.get("authorization", "")))
        if given:
            a1, a2 = h(f"bob:cam:{SECRET}"), h(f"GET:{asked.path}")
            expected = h(f"{a1}:n1:{given['nc']}:{given['cnonce']}:auth:{a2}")
            if given["response"] == expected:
                mjpeg(server)(asked, send)
        send(whole(b"", status="401 No", extra=offers))

    return answer


CREDENTIALS: dict[str, Any] = {"username": "bob", "password": SECRET}
REFUSED = "it refused the user name or the password"


def test_basic(server: PlainServer) -> None:
    server.answers["/mjpeg"] = basic(server)
    assert seen(server.url("/mjpeg"), **CREDENTIALS)
    assert reason(server.url("/mjpeg")) == REFUSED
    assert reason(server.url("/mjpeg"), username="eve", password=SECRET) == REFUSED
    assert "authorization" not in server.asked[0].headers, "a password goes to nobody who does not ask for it"


@pytest.mark.parametrize("algorithms", [("",), ("MD5",), ("SHA-256",), ("SHA-512-256", "MD5"), ("md-odd", "SHA-256")])
def test_digest(algorithms: tuple[str, ...], server: PlainServer) -> None:
    server.answers["/mjpeg"] = digest(server, *algorithms)
    assert seen(server.url("/mjpeg?a=b"), **CREDENTIALS)
    before = len(server.asked)
    assert reason(server.url("/mjpeg"), username="bob", password="wrong") == REFUSED
    assert len(server.asked) == before + 2, "tried once: cameras lock out who is wrong a few times"
    assert reason(server.url("/mjpeg")) == REFUSED


@pytest.mark.parametrize("challenge", ["Negotiate", "Bearer realm=x", "Digest", "", "Digest algorithm=SHA-512-256, x"])
def test_a_challenge_that_cannot_be_met(challenge: str, server: PlainServer) -> None:
    answer = whole(b"", status="401 No", extra=f"WWW-Authenticate: {challenge}\r\n")
    server.answers["/mjpeg"] = lambda asked, send: send(answer)
    assert reason(server.url("/mjpeg"), **CREDENTIALS)
    assert len(server.asked) < 3


# --- redirects -------------------------------------------------------------------------------------------------------


def leads_to(url: str, status: int = 302, body: bytes = b"") -> Answer:
    return lambda asked, send: send(whole(body, status=f"{status} There", extra=f"Location: {url}\r\n"))


ONLY_FIRST = AddressRule((ip_network("127.0.0.1/32"),)).resolve


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int, server: PlainServer) -> None:
    server.answers |= {"/": leads_to("/mjpeg", status), "/mjpeg": mjpeg(server)}
    assert seen(server.url("/"), resolve=ONLY_FIRST)


def test_a_redirect_elsewhere_takes_no_password_along(server: PlainServer, other: PlainServer) -> None:
    other.answers["/mjpeg"] = basic(other)
    server.answers["/"] = leads_to(other.url("/mjpeg", "127.0.0.2"))
    assert reason(server.url("/"), **CREDENTIALS) == REFUSED
    assert len(other.asked) == 1
    assert "authorization" not in other.asked[0].headers


def test_a_redirect_to_an_address_that_is_not_allowed_is_not_asked(server: PlainServer, other: PlainServer) -> None:
    server.answers["/"] = leads_to(other.url("/mjpeg", "127.0.0.2"))
    assert "not among those" in reason(server.url("/"), resolve=ONLY_FIRST)
    assert other.connections == 0


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "rtsp://127.0.0.1/a", "gopher://x", "//user:x@127.0.0.1/a"]
)
def test_a_redirect_to_something_else(url: str, server: PlainServer) -> None:
    server.answers["/"] = leads_to(url)
    assert reason(server.url("/"), resolve=ONLY_FIRST)
    assert server.connections == 1


def test_a_circle_of_redirects(server: PlainServer) -> None:
    server.answers["/"] = leads_to("/")
    assert reason(server.url("/"))
    assert len(server.asked) < 8


# --- whoever answers with something else -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (whole(b"<html>", "text/html"), "this address gives a page, not a video"),
        (whole(JPEG, "image/jpeg"), "this address gives a single picture, not a video"),
        (whole(b"", "video/mp4"), "what it sends is not video that can be read"),
        (whole(b"{}", "application/json"), "what it sends is not video that can be read"),
        (whole(b"", status="403 No"), "it refused access: the user may not see this stream"),
        (whole(b"", status="404 No"), "it has no stream at this path"),
        (whole(b"", status="500 No"), "it answered with the HTTP status 500"),
        (b"", "it does not speak HTTP as expected"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it does not speak HTTP as expected"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "it does not speak HTTP as expected"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000, "it does not speak HTTP as expected"),
        (HEAD.replace(b"boundary", b"x") + b"-" * 100_000, None),
        (HEAD + b"--f\r\n\r\n" * 100, None),
    ],
)
def test_no_video(answer: bytes, said: str | None, server: PlainServer) -> None:
    server.answers["/"] = lambda asked, send: send(answer)
    told = reason(server.url("/"))
    assert told
    if said and answer:
        assert told == said


@pytest.mark.parametrize("kind", ["application/octet-stream", "video/mp4", "application/dash+xml"])
def test_no_format_leads_ffmpeg_elsewhere(kind: str, server: PlainServer, other: PlainServer) -> None:
    """DASH, SDP, lists of FFmpeg's own and HLS under another name: each names another address, and none is asked."""
    there = other.url("/mjpeg", "127.0.0.2")
    bodies = [
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S"'
        ' minBufferTime="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType='
        f'"video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{there}</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>",
        f"ffconcat version 1.0\nfile '{there}'\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.2\r\ns=x\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n"
        "a=rtpmap:96 H264/90000\r\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{there}\n#EXT-X-ENDLIST\n",
        f"[playlist]\nFile1={there}\n",
    ]
    for body in bodies:
        server.answers["/"] = lambda asked, send, body=body: send(whole(body.encode(), kind))  # type: ignore[misc]
        assert reason(server.url("/"), resolve=ONLY_FIRST)
    assert other.connections == 0


def soon(seconds: float = 0.2) -> Stop:
    """A stop that comes by itself, as the reader's does after its patience."""
    stop = Stop()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    return stop


def slowly(server: PlainServer, head: bytes, piece: bytes) -> Answer:
    def answer(asked: Asked, send: Send) -> None:
        send(head)
        while not server.over.wait(0.02):
            send(piece)

    return answer


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 2", b"0"),
        (b"HTTP/1.1 200 OK\r\n", b"A"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 302 There\r\nLocation: /\r\n\r\n", b"x"),
        (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\n", b"x"),
        (HEAD, b"-"),
        (HEAD + b"--f\r\n", b"A: b\r\n"),
        (HEAD + b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 9999999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n", b"x"),
    ],
    ids=["silent", "status", "header", "continue", "redirect", "refusal", "boundary", "part", "picture", "body"],
)
def test_who_never_comes_to_an_end_is_left_when_told(head: bytes, piece: bytes, server: PlainServer) -> None:
    server.answers["/"] = slowly(server, head, piece)
    begun = time.monotonic()
    reason_or_none(server.url("/"), soon(), **CREDENTIALS)
    assert time.monotonic() - begun < 1.2


def reason_or_none(url: str, stop: Stop, **options: Any) -> None:
    """A source that was told to stop may end by an error or without."""
    try:
        with open_source(request(url, stop=stop, **options)) as source:
            list(source.frames())
    except SourceLost:
        pass


def test_a_redirect_with_a_body_without_end_is_not_read(server: PlainServer) -> None:
    def answer(asked: Asked, send: Send) -> None:
        send(b"HTTP/1.1 302 There\r\nLocation: /mjpeg\r\n\r\n")
        while not server.over.is_set():
            send(bytes(65536))

    server.answers |= {"/": answer, "/mjpeg": mjpeg(server)}
    assert seen(server.url("/"))


def test_a_silent_server_is_given_up(server: PlainServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PATIENCE_S", 0.2)
    server.answers["/"] = lambda asked, send: send(HEAD[: server.over.wait(20)])
    assert reason(server.url("/")) == "it did not answer in time"


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/?token={SECRET}"
        assert reason(url, **CREDENTIALS) == "nothing listens at this address and port"


def test_a_host_that_takes_no_connection_is_left_when_told() -> None:
    waiting = []
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        begun = time.monotonic()
        reason_or_none(f"http://127.0.0.1:{full.getsockname()[1]}/", soon())
        for one in waiting:
            one.close()
    assert time.monotonic() - begun < 1.2


def test_tls_that_never_shakes_hands_is_left_when_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        reason_or_none(f"https://127.0.0.1:{silent.getsockname()[1]}/", soon())
    assert time.monotonic() - begun < 1.2


def test_tls_of_a_camera_that_signed_for_itself(tmp_path: Path) -> None:
    stop = Stop()
    with plain_server(tls=own_certificate(tmp_path)) as server:
        server.answers["/mjpeg"] = mjpeg(server)
        assert seen(server.url("/mjpeg"))
        server.answers["/mjpeg"] = three_and_silence(server)
        with open_source(request(server.url("/mjpeg"), stop=stop)) as source:
            frames = source.frames()
            next(frames)
            threading.Timer(0.1, stop.set).start()
            begun = time.monotonic()
            list(frames)
        assert time.monotonic() - begun < 1, "also a read behind TLS ends when told"


def test_plain_http_where_tls_is_asked_for(server: PlainServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PATIENCE_S", 0.2)
    assert reason(server.url("/").replace("http:", "https:")) == "it did not answer in time"


def test_nothing_is_left_open(server: PlainServer) -> None:
    server.answers["/mjpeg"] = mjpeg(server)
    for _ in range(3):
        seen(server.url("/mjpeg"), 1)
        reason(server.url("/none"))
    gc.collect()  # a socket left open would be a warning, and so an error
