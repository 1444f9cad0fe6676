"""Video files: at their own speed, once or in a loop."""

from __future__ import annotations

import os
import threading
import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from server.plugins import SourceFrame, SourceLost, SourceRequest, Stop
from server.sources.file import open_source

from .clips import write_clip, write_sound


def lumas(frames: list[SourceFrame]) -> list[int]:
    return [round(int(frame.picture.y[20, 20]) / 20) - 1 for frame in frames]


def request(url: object, **options: Any) -> SourceRequest:
    return SourceRequest(str(url), Stop(), **options)


def reason(url: object) -> str:
    with pytest.raises(SourceLost) as caught, open_source(request(url)) as source:
        list(source.frames())
    return str(caught.value)


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    with open_source(request(write_clip(tmp_path / "a.mp4"))) as source:
        frames = list(source.frames())
    assert source.codec == "h264"
    assert lumas(frames) == list(range(6))
    assert (frames[0].picture.width, frames[0].picture.height) == (64, 48)
    assert {after.timestamp - before.timestamp for before, after in pairwise(frames)} == {3000}


def test_a_file_plays_at_its_own_speed(tmp_path: Path) -> None:
    begin = time.monotonic()
    with open_source(request(write_clip(tmp_path / "a.mp4", fps=20))) as source:
        assert len(list(source.frames())) == 6
    assert time.monotonic() - begin >= 0.2


def test_a_loop_begins_again_and_its_clock_goes_on(tmp_path: Path) -> None:
    with open_source(request(write_clip(tmp_path / "a.mp4"), loop=True)) as source:
        frames = list(islice(source.frames(), 14))
    assert lumas(frames) == [*range(6), *range(6), 0, 1]
    assert {after.timestamp - before.timestamp for before, after in pairwise(frames)} == {3000}


@pytest.mark.parametrize("name", ["a.mp4", "12:30.mp4", "tcp:a.mp4", "50% off?.mp4", "a#b.mp4", "\u00e9t\u00e9 1.mp4"])
def test_odd_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "plain.mp4").rename(tmp_path / name)
    for url in (tmp_path / name, name):
        with open_source(request(url)) as source:
            assert len(list(islice(source.frames(), 2))) == 2


def test_a_url_of_a_file(tmp_path: Path) -> None:
    write_clip(tmp_path / "a b.mp4")
    for url in (f"file://{tmp_path}/a%20b.mp4", f"file:{tmp_path}/a%20b.mp4"):
        with open_source(request(url)) as source:
            assert len(list(islice(source.frames(), 2))) == 2


def test_stop_ends_the_wait_for_the_next_picture(tmp_path: Path) -> None:
    asked = request(write_clip(tmp_path / "slow.mkv", frames=2, fps=1), loop=True)
    with open_source(asked) as source:
        frames = source.frames()
        next(frames)
        threading.Timer(0.05, asked.stop.set).start()
        begin = time.monotonic()
        rest = list(frames)
        assert len(rest) <= 1
        assert time.monotonic() - begin < 0.9


@pytest.mark.parametrize("name", ["none.mp4", "", "a" * 300, "none/a.mp4", "a\x00b"])
def test_no_such_file(name: str, tmp_path: Path) -> None:
    assert reason(tmp_path / name) == "there is no such file"


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path / "pipe") == "there is no such file"


@pytest.mark.parametrize("content", [b"", b"This is no video.\n" * 100])
def test_not_a_video(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    assert reason(path) == "what it sends is not video that can be read"


def test_no_video_stream(tmp_path: Path) -> None:
    assert reason(write_sound(tmp_path / "a.m4a")) == "it sends no video, only sound"


def test_a_list_in_a_file_leads_to_no_address(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n")
    assert reason(path)


def test_pictures_that_cannot_be_decoded_are_passed_over(tmp_path: Path) -> None:
    """Some bytes in the middle are lost; what comes after is seen again."""
    whole = write_clip(tmp_path / "a.ts", frames=12)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle + 20 : middle + 900] = bytes(880)
    (tmp_path / "b.ts").write_bytes(content)
    with open_source(request(tmp_path / "b.ts")) as source:
        seen = lumas(list(source.frames()))
    assert seen[0] == 0
    assert seen[-1] == 11
