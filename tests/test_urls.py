"""URLs of cameras: their kind, what of them may be shown, what FFmpeg gets."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.plugins import SourceLost, SourceRequest, Stop
from server.urls import address_of, for_ffmpeg, knock, redacted, source_kind, split_credentials

SECRET = "s3cr3t"
PORTS = {"rtsp": 554, "rtsps": 322}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rtsp://camera/1", "rtsp"),
        ("RTSPS://camera/1", "rtsp"),
        ("https://camera/", "http"),
        ("rtmps://camera/app", "rtmp"),
        ("/dev/video0", "v4l2"),
        ("v4l2:/dev/video0", "v4l2"),
        ("clip.mp4", "file"),
        ("/clips/12:30.mp4", "file"),
        ("C:\\clip.mp4", "file"),
        ("file:///clip.mp4", "file"),
        ("whip:", "whip"),
        ("gopher://camera", "gopher"),
        ("a b://camera", "file"),
    ],
)
def test_which_kind_opens_a_url(url: str, kind: str) -> None:
    assert source_kind(url) == kind


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}@camera:554/live", "rtsp://camera:554/live"),
        (f"rtsp://{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}@{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}/{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}?{SECRET}@camera/live", "rtsp://camera/live"),
        (f"rtsp://admin:{SECRET}\n{SECRET}@camera/live", "rtsp://camera/live"),
        (f"http://camera/live?user=admin&password={SECRET}", "http://camera/live?..."),
        (f"http://camera/live?a={SECRET}\n{SECRET}", "http://camera/live?..."),
        (f"rtsp:admin:{SECRET}@camera", "rtsp:camera"),
        ("/dev/video0", "/dev/video0"),
        ("/home/a@b/clip.mp4", "/home/a@b/clip.mp4"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert redacted(url) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("rtsp://camera/1", ("rtsp://camera/1", None, None)),
        ("rtsp://bob@camera/1", ("rtsp://camera/1", "bob", None)),
        ("rtsp://bob:@camera/1", ("rtsp://camera/1", "bob", "")),
        ("rtsp://:p@camera/1", ("rtsp://camera/1", "", "p")),
        ("rtsp://b%40b:p%3Aq%2F@camera/1", ("rtsp://camera/1", "b@b", "p:q/")),
        ("rtsp://bob:p@ss:word@camera/1", ("rtsp://camera/1", "bob", "p@ss:word")),
        ("http://camera/a@b?c=d@e", ("http://camera/a@b?c=d@e", None, None)),
        ("/home/a@b.mp4", ("/home/a@b.mp4", None, None)),
    ],
)
def test_user_and_password_are_taken_out(url: str, parts: tuple[str, str | None, str | None]) -> None:
    assert split_credentials(url) == parts


@given(WORDS, WORDS)
def test_whatever_the_password_is_it_comes_back_and_is_not_shown(name: str, password: str) -> None:
    url = f"rtsp://{quote(name, safe='')}:{quote(password, safe='')}@camera:8554/live?{quote(password, safe='')}"
    assert split_credentials(url)[1:] == (name, password)
    assert redacted(url) == "rtsp://camera:8554/live?..."
    request = SourceRequest("rtsp://camera:8554/live", Stop(), name, password, resolve=lambda host, port: "10.0.0.7")
    assert for_ffmpeg(request, PORTS) == (
        f"rtsp://{quote(name, safe='')}:{quote(password, safe='')}@10.0.0.7:8554/live"
    )


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("rtsp://camera/1", ("camera", 554)),
        ("RTSPS://camera/1", ("camera", 322)),
        ("rtsp://camera:8554", ("camera", 8554)),
        ("rtsp://[fd00::7]:8554/1", ("fd00::7", 8554)),
        ("rtsp://camera:0/1", ("camera", 554)),
    ],
)
def test_the_address_of_a_url(url: str, address: tuple[str, int]) -> None:
    assert address_of(url, PORTS) == address


@pytest.mark.parametrize("url", ["rtsp://", "rtsp:camera", "rtsp://:554/", "rtsp://[::1/", "rtsp://camera:99999/"])
def test_a_url_without_an_address_says_so_and_not_what_it_is(url: str) -> None:
    with pytest.raises(SourceLost, match=r"^its URL (names no host|cannot be read)$"):
        address_of(url, PORTS)


def test_ffmpeg_gets_the_address_that_was_checked() -> None:
    request = SourceRequest("rtsp://camera/1?a=b#c", Stop(), resolve=lambda host, port: "fd00::7")
    assert for_ffmpeg(request, PORTS) == "rtsp://[fd00::7]:554/1?a=b#c"
    plain = SourceRequest("rtsp://camera/1", Stop(), username="bob")
    assert for_ffmpeg(plain, PORTS) == "rtsp://bob:@camera:554/1"


def test_knock() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        knock("127.0.0.1", port, 5)
    with pytest.raises(SourceLost, match="nothing listens at this address and port"):
        knock("127.0.0.1", port, 5)
    with pytest.raises(SourceLost, match="no way"):
        knock("name.invalid", 1, 5)


def test_knock_where_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        try:
            for _ in range(3):  # as many as the queue takes
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(full.getsockname())
                waiting.append(one)
            with pytest.raises(SourceLost, match="nothing answers at this address"):
                knock("127.0.0.1", full.getsockname()[1], 0.2)
        finally:
            for one in waiting:
                one.close()
