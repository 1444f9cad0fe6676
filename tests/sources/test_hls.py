"""HLS: pieces made here, each address checked, however the list is written and however long it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import islice
from pathlib import Path

import pytest

from server.addresses import AddressRule
from server.plugins import SourceLost, SourceRequest, Stop
from server.sources.http import Fetcher, open_source

from ..support.plain_http import Answer, Asked, PlainServer, Send, plain_server, whole
from .clips import write_clip

LIST = "application/vnd.apple.mpegurl"
HEAD = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n"
END = "#EXT-X-ENDLIST\n"
ONLY_FIRST = AddressRule((ip_network("127.0.0.1/32"),)).resolve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PlainServer]:
    """With a piece of video of a second under every name that begins with ``piece``."""
    piece = write_clip(tmp_path / "piece.ts", frames=30).read_bytes()
    with plain_server() as running:
        for n in range(6):
            running.answers[f"/piece{n}.ts"] = lambda asked, send: send(whole(piece, "video/mp2t"))
        yield running


@pytest.fixture
def other() -> Iterator[PlainServer]:
    with plain_server("127.0.0.2") as running:
        yield running


def listed(*lines: str, end: str = END) -> Answer:
    text = HEAD + "".join(f"{line}\n" for line in lines) + end
    return lambda asked, send: send(whole(text.encode(), LIST))


def request(server: PlainServer, stop: Stop | None = None) -> SourceRequest:
    return SourceRequest(server.url("/live.m3u8"), stop or Stop(), resolve=ONLY_FIRST)


def reason(server: PlainServer) -> str:
    with pytest.raises(SourceLost) as caught, open_source(request(server)) as source:
        list(source.frames())
    return str(caught.value)


def test_pieces_are_played_one_after_the_other(server: PlainServer) -> None:
    server.answers["/live.m3u8"] = listed(*(f"#EXTINF:1,\npiece{n}.ts\n#EXT-X-DISCONTINUITY" for n in range(3)))
    with open_source(request(server)) as source:
        frames = list(islice(source.frames(), 20))
    assert source.codec == "h264"
    assert len(frames) == 20
    assert "/piece0.ts" in server.paths() or "/piece1.ts" in server.paths()


def test_a_list_of_lists(server: PlainServer) -> None:
    server.answers["/live.m3u8"] = listed("#EXT-X-STREAM-INF:BANDWIDTH=1", "low.m3u8", end="")
    server.answers["/low.m3u8"] = listed("#EXTINF:1,\npiece0.ts", "#EXTINF:1,\npiece1.ts")
    with open_source(request(server)) as source:
        assert len(list(islice(source.frames(), 5))) == 5


@pytest.mark.parametrize(
    "line",
    [
        "#EXTINF:1,\n{there}/a.ts",
        '#EXT-X-MAP:URI="{there}/init.mp4"\n#EXTINF:1,\na.mp4',
        '#EXT-X-KEY:METHOD=AES-128,URI="{there}/key"\n#EXTINF:1,\npiece0.ts',
        "#EXT-X-STREAM-INF:BANDWIDTH=1\n{there}/low.m3u8",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="{there}/a.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\n{there}/low.m3u8',
        "#EXTINF:1,\nredirect.ts",
        "#EXTINF:1,\nfile:///etc/passwd",
        "#EXTINF:1,\n/etc/passwd",
        "#EXTINF:1,\ntcp://{place}/a.ts",
        "#EXTINF:1,\ncrypto:{there}/a.ts",
        "#EXTINF:1,\nconcat:{there}/a.ts|{there}/b.ts",
        "#EXTINF:1,\nsubfile,,start,0,end,9,,:/etc/passwd",
        "#EXTINF:1,\ndata:text/plain,x",
    ],
)
def test_a_list_that_leads_elsewhere_is_not_followed(line: str, server: PlainServer, other: PlainServer) -> None:
    there = other.url("", "127.0.0.2")
    move = f"Location: {there}/a.ts\r\n"
    server.answers["/redirect.ts"] = lambda asked, send: send(whole(b"", status="302 There", extra=move))
    server.answers["/live.m3u8"] = listed(line.format(there=there, place=there.removeprefix("http://")))
    assert reason(server)
    assert other.connections == 0


def test_what_is_refused_is_said(server: PlainServer, other: PlainServer) -> None:
    server.answers["/live.m3u8"] = listed(f"#EXTINF:1,\n{other.url('/a.ts', '127.0.0.2')}")
    assert "not among those that cameras may have" in reason(server)


def test_a_camera_that_plays_for_years_keeps_no_connection(server: PlainServer, tmp_path: Path) -> None:
    from contextlib import ExitStack

    stop = Stop()
    with ExitStack() as stack:
        fetcher = Fetcher(request(server, stop), stack)
        for _ in range(200):
            fetcher.piece(server.url("/piece0.ts"), 0, {}).close()
        assert len(fetcher._live) <= 2
        assert len(stop._calls) == 1


def told_soon(stop: Stop) -> float:
    threading.Timer(0.3, stop.set).start()
    return time.monotonic()


@pytest.mark.parametrize("path", ["/live.m3u8", "/piece0.ts"])
def test_a_list_or_a_piece_without_end_is_left_when_told(path: str, server: PlainServer) -> None:
    def endless(asked: Asked, send: Send) -> None:
        send(f"HTTP/1.1 200 OK\r\nContent-Type: {LIST}\r\n\r\n{HEAD}".encode())
        while not server.over.wait(0.005):
            send(b"#EXTINF:1,\npiece0.ts\n" * 50)

    server.answers["/live.m3u8"] = listed("#EXTINF:1,\npiece0.ts")
    server.answers[path] = endless
    stop = Stop()
    begun = told_soon(stop)
    try:
        with open_source(request(server, stop)) as source:
            list(source.frames())
    except SourceLost:
        pass
    assert time.monotonic() - begun < 1.5


def test_a_list_that_never_grows_is_left_when_told(server: PlainServer) -> None:
    server.answers["/live.m3u8"] = listed("#EXTINF:1,\npiece0.ts", end="")
    stop = Stop()
    with open_source(request(server, stop)) as source:
        frames = source.frames()
        next(frames)
        begun = told_soon(stop)
        list(frames)
    assert time.monotonic() - begun < 1.5


def test_pieces_that_are_missing(server: PlainServer) -> None:
    server.answers["/live.m3u8"] = listed("#EXTINF:1,\nnone0.ts", "#EXTINF:1,\nnone1.ts")
    assert reason(server)


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\n", b"no list", b"#EXTM3U\n" + b"#" * 1_000_000])
def test_a_list_that_is_none(content: bytes, server: PlainServer) -> None:
    server.answers["/live.m3u8"] = lambda asked, send: send(whole(content, LIST))
    assert reason(server)
