"""Coded pictures on disk, and the clip that is made of them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.nal import parameter_sets
from server.evidence import clip as clip_module
from server.evidence.clip import PacketLog, Reel, decode_times, first_key, until, write_clip
from server.evidence.tape import Coded

from ..support.coded import RATE, STEP, CodedPicture, coded, grey_pictures, number_of, shown

OFFSET = 5_000_000_000
"""Where a tape may stand by then."""


def on_tape(pictures: list[CodedPicture]) -> tuple[Coded, ...]:
    return tuple(Coded(n, p.pts + OFFSET, p.is_key, p.data, 0.0) for n, p in enumerate(pictures))


def tag_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec_tag


@pytest.mark.parametrize(("codec", "tag"), [("h264", "avc1"), ("hevc", "hvc1")])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_picture_is_in_the_clip_at_its_time(codec: str, tag: str, b_frames: int, tmp_path: Path) -> None:
    pictures = coded(grey_pictures(20), codec, b_frames=b_frames)
    made = write_clip(tmp_path / "clip.mp4", Reel(codec, (), on_tape(pictures)))
    seen = list(shown(tmp_path / "clip.mp4"))
    assert [number_of(frame) for _, frame in seen] == list(range(20))
    assert [at for at, _ in seen] == pytest.approx([n / RATE for n in range(20)], abs=1e-4)
    assert (made.codec, made.width, made.height) == (codec, 64, 48)
    assert (made.begins, made.ends) == (OFFSET, OFFSET + 20 * STEP)
    assert tag_of(tmp_path / "clip.mp4") == tag


def test_a_clip_can_be_played_from_its_beginning_and_sought(tmp_path: Path) -> None:
    """Its index stands before the pictures, and it says how long it is."""
    write_clip(tmp_path / "clip.mp4", Reel("h264", (), on_tape(coded(grey_pictures(60)))))
    data = (tmp_path / "clip.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.duration == pytest.approx(4_000_000, abs=1000)
        container.seek(2_500_000)
        assert next(container.decode(video=0)).time == 2.0


def test_parameter_sets_that_are_only_apart(tmp_path: Path) -> None:
    pictures = coded(grey_pictures(10), sets=True)
    sets = tuple(parameter_sets("h264", pictures[0].data))
    bare = pictures[0].data[pictures[0].data.index(sets[-1]) + len(sets[-1]) :]
    pictures[0] = CodedPicture(bare, pictures[0].pts, pictures[0].dts, True)
    write_clip(tmp_path / "clip.mp4", Reel("h264", sets, on_tape(pictures)))
    assert [number_of(frame) for _, frame in shown(tmp_path / "clip.mp4")] == list(range(10))


def test_what_is_shown_before_the_first_key_frame_is_left_out(tmp_path: Path) -> None:
    """Pictures that lead into it refer to what is not there (as after a CRA of H.265)."""
    pictures = list(on_tape(coded(grey_pictures(10))))
    pictures.insert(1, Coded(99, OFFSET - STEP, False, pictures[3].data, 0.0))
    made = write_clip(tmp_path / "clip.mp4", Reel("h264", (), tuple(pictures)))
    assert made.begins == OFFSET
    assert len(list(shown(tmp_path / "clip.mp4"))) == 10


def test_two_pictures_of_one_time_and_a_pause(tmp_path: Path) -> None:
    pictures = list(on_tape(coded(grey_pictures(10))))
    pictures[5] = Coded(5, pictures[4].pts, False, pictures[5].data, 0.0)
    pictures[9] = Coded(9, pictures[9].pts + 90_000 * 7, False, pictures[9].data, 0.0)
    made = write_clip(tmp_path / "clip.mp4", Reel("h264", (), tuple(pictures)))
    seen = [at for at, _ in shown(tmp_path / "clip.mp4")]
    assert len(seen) == 9
    assert seen[-1] == pytest.approx(9 / RATE + 7, abs=1e-4)
    assert made.ends - made.begins == 10 * STEP + 7 * 90_000


def test_one_picture_is_a_clip_too(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", Reel("h264", (), on_tape(coded(grey_pictures(1)))))
    assert len(list(shown(tmp_path / "clip.mp4"))) == 1


def test_noise_makes_no_video(tmp_path: Path) -> None:
    noise = (Coded(0, 0, True, b"\x00\x00\x00\x01\x67noise", 0.0),)
    with pytest.raises(ValueError, match="make no video"):
        write_clip(tmp_path / "clip.mp4", Reel("h264", (), noise))


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True))
def test_no_picture_is_decoded_after_it_is_shown(times: list[int]) -> None:
    decoded = decode_times(times)
    assert decoded == sorted(set(decoded))
    assert all(then <= at for then, at in zip(decoded, times, strict=True))
    if times == sorted(times):
        assert decoded == times


def test_where_a_clip_begins() -> None:
    pictures = [Coded(n, n * STEP, n % 5 == 2, b"", 0.0) for n in range(20)]
    assert first_key(pictures, 9 * STEP) == 7
    assert first_key(pictures, 7 * STEP) == 7
    assert first_key(pictures, 0) == 2, "no key frame is before it"
    assert first_key(pictures[:2], 0) is None
    assert first_key([], 0) is None


def test_where_it_ends(tmp_path: Path) -> None:
    """What a picture is decoded from may be shown after it, and belongs to it."""
    reel = Reel("h264", (), on_tape(coded(grey_pictures(20), b_frames=2)))
    short = until(reel, OFFSET + 7 * STEP)
    assert short
    write_clip(tmp_path / "clip.mp4", short)
    numbers = [number_of(frame) for _, frame in shown(tmp_path / "clip.mp4")]
    assert numbers[:8] == list(range(8))
    assert len(numbers) <= 10
    assert until(reel, OFFSET - 1) is None


# --- the log ---------------------------------------------------------------------------------------------------------


def test_a_log_gives_back_what_was_put_into_it(tmp_path: Path) -> None:
    pictures = on_tape(coded(grey_pictures(20)))
    kept = PacketLog(tmp_path / "packets")
    kept.begin("h264", [b"sps", b"pps"])
    kept.append(pictures[:7])
    kept.append(pictures[7:])
    reel = PacketLog(tmp_path / "packets").read()
    assert reel == Reel("h264", (b"sps", b"pps"), pictures)


def test_a_log_cut_off_anywhere_gives_back_what_is_whole(tmp_path: Path) -> None:
    pictures = on_tape(coded(grey_pictures(5)))
    path = tmp_path / "packets"
    PacketLog(path).begin("h264", [b"sps"])
    PacketLog(path).append(pictures)
    whole = path.read_bytes()
    counts = []
    for size in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:size])
        reel = PacketLog(path).read()
        counts.append(len(reel.pictures) if reel else 0)
        assert reel is None or reel.pictures == pictures[: counts[-1]]
    assert counts == sorted(counts)
    assert counts[-1] >= 4


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b'{"codec":"vp8","sets":[]}\n', b'{"codec":"h264","sets":["\xff"]}\n', b"\xff\n", b"3\n"],
)
def test_something_else_is_no_log(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "packets").write_bytes(content)
    assert PacketLog(tmp_path / "packets").read() is None
    assert PacketLog(tmp_path / "missing").read() is None


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = on_tape(coded(grey_pictures(6)))
    path = tmp_path / "packets"
    kept = PacketLog(path)
    kept.begin("h264", [])
    kept.append(pictures[:3])
    before = path.read_bytes()
    real = Path.open

    class Full:
        """Takes a few bytes, and then no more."""

        def __init__(self, file: Any) -> None:
            self._file, self._taken = file, 0

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def tell(self) -> int:
            return int(self._file.tell())

        def write(self, data: memoryview) -> int:
            if self._taken:
                raise OSError(errno.ENOSPC, "No space left on device")
            self._taken = int(self._file.write(data[:10]))
            return self._taken

    monkeypatch.setattr(Path, "open", lambda self, *a, **k: Full(real(self, *a, **k)))
    with pytest.raises(OSError, match="No space"):
        kept.append(pictures[3:])
    monkeypatch.undo()
    assert path.read_bytes() == before
    kept.append(pictures[3:])
    reel = kept.read()
    assert reel
    assert reel.pictures == pictures


def test_errors_of_the_disk_are_told_from_those_of_the_video() -> None:
    assert errno.ENOSPC in clip_module._OF_DISK
    assert errno.EINVAL not in clip_module._OF_DISK
