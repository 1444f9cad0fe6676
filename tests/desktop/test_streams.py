"""Event streams and MJPEG, cut anywhere on their way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.streams import MOST_PICTURE, EventParser, PictureParser, StreamError, Told

STREAM = (
    b'retry: 3000\nid: 7\n\nid: 8\nevent: event\ndata: {"a":\ndata: 1}\n\n: alive\n\n'
    b"event: reset\r\ndata: \r\n\r\ndata:x\n\n"
)
EVENTS = [Told("event", '{"a":\n1}'), Told("reset", ""), Told("message", "x")]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(places)]


@settings(deadline=None)  # on a busy machine a call takes what it takes
@given(st.lists(st.integers(0, 1000), max_size=20))
def test_events_come_whole_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    parser = EventParser()
    assert [event for piece in pieces(STREAM, cuts) for event in parser.feed(piece)] == EVENTS
    assert parser.last_id == "8"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.lists(st.integers(0, 1000), max_size=20))
def test_pictures_come_whole_wherever_the_stream_is_cut(pictures: list[bytes], cuts: list[int]) -> None:
    heads = [b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture) for picture in pictures]
    stream = b"--cut\r\n" + b"\r\n--cut\r\n".join(map(bytes.__add__, heads, pictures))
    parser = PictureParser()
    found = [picture for piece in pieces(stream, cuts) if (picture := parser.feed(piece)) is not None]
    assert found[-1] == pictures[-1]
    assert len(found) <= len(pictures)
    assert PictureParser().feed(stream) == pictures[-1]  # of several at once the newest


def test_what_is_no_such_stream_is_refused() -> None:
    with pytest.raises(StreamError):
        PictureParser().feed(b"HTTP/1.1 200\r\n\r\n<html>")
    with pytest.raises(StreamError):
        PictureParser().feed(b"Content-Length: %d\r\n\r\n" % (MOST_PICTURE + 1))
    with pytest.raises(StreamError):
        EventParser().feed(b"x" * (5 * 1024 * 1024))
