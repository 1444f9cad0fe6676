"""PyAV's waits end when told: the seam that playing.py takes for that is still there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import av.container.core
import pytest

from server import playing
from server.playing import Playback, interruptible, opened, reason_of
from server.plugins import SourceLost, SourceRequest, Stop

from .sources.clips import write_clip, write_sound
from .support.coded import grey_pictures

SECRET = "s3cr3t"
MOST_S = 1.0
"""Within this a wait must end, however long it would have lasted."""


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of one who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A stop that is told a moment from now."""
    stop = Stop()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    yield stop
    timer.cancel()
    timer.join()


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "tcp", "http"])
def test_a_hung_open_ends_when_told(scheme: str, silent: int, stop: Stop) -> None:
    begun = time.monotonic()
    url = f"{scheme}://127.0.0.1:{silent}/live"
    with pytest.raises(SourceLost), opened(SourceRequest(url, stop), url):
        pass
    assert 0.05 < time.monotonic() - begun < MOST_S


def test_an_open_told_before_it_begins_ends_at_once(silent: int) -> None:
    stop = Stop()
    stop.set()
    begun = time.monotonic()
    url = f"rtsp://127.0.0.1:{silent}/live"
    with pytest.raises(SourceLost), opened(SourceRequest(url, stop), url):
        pass
    assert time.monotonic() - begun < MOST_S


def test_a_hung_read_ends_when_told(tmp_path: Path) -> None:
    """Half a clip over TCP, and then nothing."""
    content = write_clip(tmp_path / "clip.ts", frames=40).read_bytes()
    stop = Stop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"

        def send() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(content)
                stop.wait(20)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            with opened(
                SourceRequest(url, stop),
                url,
                format="mpegts",
                options={"probesize": "20000", "analyzeduration": "100000"},
            ) as container:
                seen = 0
                told = 0.0
                for seen, _ in enumerate(Playback(container, stop).frames(), 1):
                    if seen == 20:
                        threading.Timer(0.1, stop.set).start()
                        told = time.monotonic()
            assert seen >= 20
            assert time.monotonic() - told < MOST_S
        finally:
            stop.set()
            sender.join()


def test_without_a_stop_the_clock_is_the_real_one() -> None:
    with interruptible(Stop()):
        assert abs(av.container.core.time.monotonic() - time.monotonic()) < 0.1  # type: ignore[attr-defined]
    assert not playing._stops, "nobody is left in the list"


def test_only_the_thread_that_was_told_ends() -> None:
    def late() -> bool:
        begun = playing._monotonic()
        return playing._monotonic() - begun > 1000

    stop = Stop()
    stop.set()
    seen: list[bool] = []
    with interruptible(stop):
        assert late(), "also a wait that begins after the end was told"
        with interruptible(Stop()):
            assert not late()
        assert late()
        other = threading.Thread(target=lambda: seen.append(late()))
        other.start()
        other.join()
    assert seen == [False]


def test_pyav_still_asks_the_clock_of_its_module() -> None:
    """When this fails, a release of PyAV looks at another clock: find it, or hung cameras cannot be stopped."""
    assert hasattr(av.container.core, "time"), "the interrupt callback's clock"


# --- playing ---------------------------------------------------------------------------------------------------------


def test_no_video(tmp_path: Path) -> None:
    path = str(write_sound(tmp_path / "a.m4a"))
    request = SourceRequest(path, Stop())
    with opened(request, path) as container, pytest.raises(SourceLost, match=r"^it sends no video, only sound$"):
        Playback(container, request.stop)


def test_an_endless_stream_that_ends_is_lost(tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "a.mp4"))
    request = SourceRequest(path, Stop())
    with opened(request, path) as container:
        frames = Playback(container, request.stop).frames()
        with pytest.raises(SourceLost, match=r"^it ended the stream$"):
            assert len(list(frames)) == 6


def test_what_cannot_be_decoded_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_BROKEN", 3)
    path = write_clip(tmp_path / "a.mp4", frames=30)
    content = bytearray(path.read_bytes())
    begin, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)
    request = SourceRequest(str(path), Stop())
    with opened(request, str(path)) as container, pytest.raises(SourceLost, match="cannot be decoded"):
        list(Playback(container, request.stop, endless=False).frames())


def test_who_is_late_plays_on_from_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_LATE_S", 0.1)
    path = str(write_clip(tmp_path / "a.mp4", frames=12, fps=20))
    request = SourceRequest(path, Stop())
    with opened(request, path) as container:
        frames = Playback(container, request.stop, paced=True, endless=False).frames()
        next(frames)
        assert not request.stop.wait(0.5)  # the one who shows the pictures is held up
        begun = time.monotonic()
        assert len(list(frames)) == 11
        assert time.monotonic() - begun > 0.35, "what was missed is not rushed through"


@pytest.mark.parametrize("kind", sorted(set(playing.REASONS) & set(dir(av.error))))
def test_every_reason_is_of_an_error_there_is(kind: str) -> None:
    error = getattr(av.error, kind)(-5, f"words with {SECRET}", f"rtsp://bob:{SECRET}@camera/")
    assert reason_of(error) == playing.REASONS[kind]


def test_the_names_of_errors_are_those_of_pyav() -> None:
    import builtins

    unknown = {name for name in playing.REASONS if not hasattr(av.error, name) and not hasattr(builtins, name)}
    assert unknown <= {"HostUnreachableError", "NetworkUnreachableError"}


def test_another_error_is_told_without_its_url() -> None:
    assert reason_of(OSError(5, "Input/output error", f"rtsp://bob:{SECRET}@camera/")) == "input/output error"
    assert SECRET not in reason_of(ValueError(SECRET))


# --- what is kept besides --------------------------------------------------------------------------------------------


class FakeTap:
    """Keeps every packet under its number, and remembers what it was told."""

    def __init__(self, keeps: bool = True, wants: bool = True) -> None:
        self.keeps, self.wants = keeps, wants
        self.began: list[tuple[str, bytes]] = []
        self.packets: list[tuple[bytes, int | None, int | None, bool]] = []

    def begin(self, codec: str, extradata: bytes) -> bool:
        self.began.append((codec, extradata))
        return self.wants

    def packet(self, data: bytes, pts: int | None, dts: int | None, is_key: bool) -> int | None:
        self.packets.append((data, pts, dts, is_key))
        return len(self.packets) - 1 if self.keeps else None

    def shown(self, tape_time: int, captured_at: float) -> None:
        raise AssertionError("that is for the reader to tell")

    def end(self) -> None:
        raise AssertionError("that is for the reader to tell")


@pytest.mark.parametrize("paced", [False, True])
def test_a_tap_gets_every_packet_and_each_picture_knows_its_own(paced: bool, tmp_path: Path) -> None:
    """With B-frames, so that pictures come in another order than packets."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=60, options={"crf": "10", "x264-params": "bframes=3:b-adapt=0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in grey_pictures(20):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    tap = FakeTap()
    request = SourceRequest(str(path), Stop())
    with opened(request, str(path)) as source:
        frames = list(Playback(source, request.stop, paced=paced, endless=False, tap=tap).frames())
    ((codec, extradata),) = tap.began
    assert (codec, extradata[0]) == ("h264", 1)
    assert len(frames) == len(tap.packets) == 20
    assert [is_key for _, _, _, is_key in tap.packets] == [True] + [False] * 19
    shown_at = [pts for _, pts, _, _ in tap.packets]
    assert shown_at != sorted(shown_at, key=lambda pts: pts or 0), "there are B-frames"
    numbers = [frame.tape_time for frame in frames]
    assert sorted(number for number in numbers if number is not None) == list(range(20))
    assert [shown_at[number] for number in numbers if number is not None] == sorted(
        pts for pts in shown_at if pts is not None
    )
    with av.open(str(path)) as container:
        assert [bytes(packet) for packet in container.demux(video=0) if packet.size] == [
            data for data, *_ in tap.packets
        ]


def test_a_clip_in_a_loop_goes_to_the_tap_each_time(tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "a.mp4", frames=4, fps=60))
    tap = FakeTap()
    request = SourceRequest(path, Stop())
    with opened(request, path) as container:
        frames = Playback(container, request.stop, paced=True, loop=True, endless=False, tap=tap).frames()
        assert [frame.tape_time for _, frame in zip(range(10), frames, strict=False)] == list(range(10))


def test_pictures_whose_packets_were_not_kept_know_of_no_tape(tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "a.mp4"))
    request = SourceRequest(path, Stop())
    with opened(request, path) as container:
        frames = list(Playback(container, request.stop, endless=False, tap=FakeTap(keeps=False)).frames())
    assert {frame.tape_time for frame in frames} == {None}


def test_a_tap_that_wants_none_is_not_asked_again(tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "a.mp4"))
    tap = FakeTap(wants=False)
    request = SourceRequest(path, Stop())
    with opened(request, path) as container:
        assert len(list(Playback(container, request.stop, endless=False, tap=tap).frames())) == 6
    assert (len(tap.began), tap.packets) == (1, [])
