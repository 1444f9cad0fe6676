"""The FFmpeg source, on files made here."""

from __future__ import annotations

import socket
import threading
import time
from itertools import islice, pairwise
from pathlib import Path

import pytest

from server.plugins import SourceFrame, SourceLost
from server.sources import ffmpeg
from server.sources.ffmpeg import open_source

from .clips import write_clip, write_sound

SECRET = "s3cr3t"


def lumas(frames: list[SourceFrame]) -> list[int]:
    return [round(int(frame.picture.y[20, 20]) / 20) - 1 for frame in frames]


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    with open_source(str(write_clip(tmp_path / "a.mp4"))) as source:
        frames = list(source.frames())
    assert lumas(frames) == list(range(6))
    assert (frames[0].picture.width, frames[0].picture.height) == (64, 48)
    assert {after.timestamp - before.timestamp for before, after in pairwise(frames)} == {3000}


def test_a_file_plays_at_its_own_speed(tmp_path: Path) -> None:
    begin = time.monotonic()
    with open_source(str(write_clip(tmp_path / "a.mp4", fps=20))) as source:
        assert len(list(source.frames())) == 6
    assert time.monotonic() - begin >= 0.2


def test_a_loop_begins_again_and_its_clock_goes_on(tmp_path: Path) -> None:
    with open_source(str(write_clip(tmp_path / "a.mp4")), loop=True) as source:
        frames = list(islice(source.frames(), 14))
    assert lumas(frames) == [*range(6), *range(6), 0, 1]
    assert {after.timestamp - before.timestamp for before, after in pairwise(frames)} == {3000}


def test_a_url_of_a_file(tmp_path: Path) -> None:
    with open_source(f"file://{write_clip(tmp_path / 'a.mp4')}") as source:
        assert len(list(source.frames())) == 6


def test_stop_ends_the_wait_for_the_next_picture(tmp_path: Path) -> None:
    """One picture in five seconds: who waits for the second is let go at once."""
    clip = write_clip(tmp_path / "slow.mkv", frames=2, fps=1)
    with open_source(str(clip), loop=True) as source:
        frames = source.frames()
        next(frames)
        threading.Timer(0.05, source.stop).start()
        begin = time.monotonic()
        rest = list(frames)
        assert len(rest) <= 1
        assert time.monotonic() - begin < 0.9


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match=r"^there is no such file$"), open_source(str(tmp_path / "none.mp4")):
        pass


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match=r"^there is no such file$"), open_source(str(tmp_path)):
        pass


@pytest.mark.parametrize("content", [b"", b"This is no video.\n" * 100])
def test_not_a_video(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceLost, match="nvalid data"), open_source(str(path)):
        pass


def test_no_video_stream(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match="no video stream"), open_source(str(write_sound(tmp_path / "a.m4a"))):
        pass


def test_pictures_that_cannot_be_decoded_are_passed_over(tmp_path: Path) -> None:
    """Some bytes in the middle are lost; what comes after is seen again."""
    whole = write_clip(tmp_path / "a.ts", frames=12)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle + 20 : middle + 900] = bytes(880)
    (tmp_path / "b.ts").write_bytes(content)
    with open_source(str(tmp_path / "b.ts")) as source:
        seen = lumas(list(source.frames()))
    assert seen[0] == 0
    assert seen[-1] == 11


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
def test_a_camera_that_is_not_there_is_lost_without_its_password(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        pytest.raises(SourceLost) as caught,
        open_source(f"{scheme}://admin:{SECRET}@127.0.0.1:{port}/stream?token={SECRET}"),
    ):
        pass
    assert str(caught.value)
    assert SECRET not in str(caught.value)
    assert "admin" not in str(caught.value)


def test_an_unknown_scheme_is_lost() -> None:
    with pytest.raises(SourceLost) as caught, open_source(f"gopherx://admin:{SECRET}@host/x"):
        pass
    assert SECRET not in str(caught.value)


def test_a_camera_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "OPEN_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with pytest.raises(SourceLost), open_source(f"http://127.0.0.1:{silent.getsockname()[1]}/"):
            pass
        assert time.monotonic() - begin < 5
