"""The last seconds of a feed, coded: what stays, what goes, and what time it was."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from server.core.nal import SHORT_START, joined, parameter_sets
from server.evidence import tape as tape_module
from server.evidence.tape import SourceTap, Tape, Taping

from ..support.coded import RATE, STEP, CodedPicture, coded, grey_pictures


@pytest.fixture(scope="module")
def stream() -> list[CodedPicture]:
    """Four seconds, a key frame each."""
    return coded(grey_pictures(4 * RATE))


class Clock:
    """The machine's clock, set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tape_module, "time", clock)
    return clock


def play(tap: SourceTap, stream: list[CodedPicture], clock: Clock, shift: int = 0) -> list[int | None]:
    """Let the packets come in real time."""
    times = []
    for picture in stream:
        times.append(tap.packet(picture.data, picture.pts + shift, picture.dts + shift, picture.is_key))
        clock.now += 1 / RATE
    return times


def begun(taping: Taping, codec: str = "h264", extradata: bytes = b"") -> SourceTap:
    tap = taping.tap()
    tap.begin(codec, extradata)
    return tap


def tape_of(taping: Taping) -> Tape:
    assert taping.tape
    return taping.tape


def test_the_last_seconds_stay_from_a_key_frame_on(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(reach_s=1.5)
    play(begun(taping), stream, clock)
    kept = tape_of(taping).since(0)
    assert kept[0].is_key
    assert [coded.number for coded in kept] == list(range(RATE, 4 * RATE)), "of 4 s at the last key frame, 3 s"
    assert kept[-1].at - kept[0].at >= 1.5
    assert tape_of(taping).since(50) == kept[-10:]
    assert tape_of(taping).since(4 * RATE) == []


def test_nothing_before_the_first_key_frame(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(5)
    times = play(begun(taping), stream[4:], clock)
    assert times[: RATE - 4] == [None] * (RATE - 4)
    assert tape_of(taping).since(0)[0].data == stream[RATE].data


def test_a_tape_has_a_bound_of_bytes(stream: list[CodedPicture], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    most = sum(len(picture.data) for picture in stream[: 2 * RATE])
    monkeypatch.setattr(tape_module, "MOST_BYTES", most)
    told: list[int] = []
    taping = Taping(60, told.append)
    play(begun(taping), stream, clock)
    tape = tape_of(taping)
    assert tape.since(0)[0].is_key
    assert tape.size <= most
    assert tape.size == sum(len(coded.data) for coded in tape.since(0)) == sum(told)
    taping.close("the end")
    assert sum(told) == 0


def test_one_group_larger_than_the_bound_goes_as_a_whole(
    stream: list[CodedPicture], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape_module, "MOST_BYTES", 10)
    taping = Taping(60)
    play(begun(taping), stream, clock)
    assert (tape_of(taping).since(0), tape_of(taping).size) == ([], 0)


def test_parameter_sets_of_the_container(clock: Clock) -> None:
    """As MP4 and RTMP have it: apart, and lengths instead of start codes."""
    pictures = coded(grey_pictures(RATE))
    sps, pps = parameter_sets("h264", pictures[0].data)
    extradata = b"\x01\x42\x00\x1f\xff\xe1" + len(sps).to_bytes(2, "big") + sps
    extradata += b"\x01" + len(pps).to_bytes(2, "big") + pps
    bare = [unit for unit in pictures[0].data.split(SHORT_START) if unit.rstrip(b"\0")][2:]
    data = b"".join(len(unit.rstrip(b"\0")).to_bytes(4, "big") + unit.rstrip(b"\0") for unit in bare)
    taping = Taping(5)
    tap = begun(taping, extradata=extradata)
    assert tap.packet(data, 0, 0, True) is not None
    assert tap.packet(b"\x00\x00\x10\x00cut off", 1, 1, False) is None, "broken on its way"
    tape = tape_of(taping)
    assert tape.sets == (sps, pps)
    assert tape.since(0)[0].data == joined(unit.rstrip(b"\0") for unit in bare)


@pytest.mark.parametrize("codec", ["mjpeg", "vp8", "rawvideo"])
def test_other_codecs_are_not_kept(codec: str) -> None:
    taping = Taping(5)
    tap = begun(taping, codec)
    assert tap.packet(b"x", 0, 0, True) is None
    assert (taping.tape, taping.copies) == (None, False)


def test_another_size_begins_a_new_tape(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    tap = begun(taping)
    play(tap, stream, clock)
    first = tape_of(taping)
    other = coded(grey_pictures(RATE, 96, 64))
    play(tap, other, clock, shift=4 * RATE * STEP)
    assert first.ended == "the video changed its form"
    assert first.since(0) == [], "nothing of it is held any more"
    assert len(tape_of(taping).since(0)) == RATE
    assert tape_of(taping).since(0)[0].pts > stream[-1].pts, "time goes on"


def test_the_clock_of_the_tape_only_grows(stream: list[CodedPicture], clock: Clock) -> None:
    """The stream's own clock begins anew, jumps ahead, and ends; the time that passed counts."""
    taping = Taping(1000)
    tap = begun(taping)
    times = play(tap, stream, clock)
    times += play(tap, stream, clock)
    times += play(tap, stream, clock, shift=90_000 * 3600)
    tap.end()
    clock.now += 2.0
    times += play(begun(taping), stream, clock, shift=-5)
    known = [value for value in times if value is not None]
    steps = [after - before for before, after in pairwise(known)]
    assert len(known) == len(times)
    assert steps.count(STEP) == len(steps) - 1
    assert max(steps) == pytest.approx(STEP + 180_000, abs=2), "while it was not there"
    assert len(tape_of(taping).since(0)) == len(times), "and all on one tape"


def test_a_tape_never_goes_back_after_its_clock_ran_ahead(stream: list[CodedPicture], clock: Clock) -> None:
    """A camera's crystal is faster than ours: after a day its tape is ahead, and then it reconnects."""
    taping = Taping(1000)
    tap = begun(taping)
    for picture in stream:
        tap.packet(picture.data, picture.pts, picture.dts, picture.is_key)
        clock.now += 0.5 / RATE
    newest = taping.newest
    play(begun(taping), stream, clock)
    kept = tape_of(taping).since(0)
    assert kept[len(stream)].pts > newest


def test_an_older_reading_is_not_heard_any_more(stream: list[CodedPicture], clock: Clock) -> None:
    """Its thread may hang in a look-up and go on when another reads already."""
    taping = Taping(60)
    old = begun(taping)
    new = begun(taping)
    assert old.packet(stream[0].data, 0, 0, True) is None
    assert new.packet(stream[0].data, 0, 0, True) is not None
    old.shown(5, clock.now)
    old.end()
    assert tape_of(taping).time_of(clock.now) is None
    assert taping.copies


def test_times_of_pictures_shown(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    tap = begun(taping)
    (first, second, *_) = play(tap, stream[:3], clock)
    assert first is not None
    assert second is not None
    tape = tape_of(taping)
    assert tape.time_near(1000.0) == first, "by when it came, before anything is shown"
    tap.shown(first, 1000.25)
    tap.shown(second, 1000.35)
    assert (tape.time_of(1000.25), tape.time_of(1000.3)) == (first, None)
    assert tape.time_near(1000.3) == first + round(0.05 * 90_000)
    assert tape.time_near(1001.35) == second + 90_000
    assert tape.time_near(999.25) == first - 90_000


def test_masks_let_go_of_everything_and_keep_no_packet(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    tap = begun(taping)
    play(tap, stream, clock)
    before = tape_of(taping)
    taping.mask(True, "the masks changed")
    assert (before.ended, before.since(0), taping.tape, taping.copies) == ("the masks changed", [], None, False)
    assert play(tap, stream, clock, shift=4 * RATE * STEP)[0] is None
    taping.mask(False, "the masks changed")
    assert taping.copies
    play(tap, stream, clock, shift=8 * RATE * STEP)
    assert len(tape_of(taping).since(0)) == len(stream)


def test_pictures_coded_here_are_kept_unless_the_source_gives_its_own(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    taping.coded(stream[0].data, True, clock.now, taping.epoch)
    tape = tape_of(taping)
    assert tape.time_of(1000.0) == 1000 * 90_000
    tap = begun(taping)
    taping.coded(stream[1].data, False, clock.now, taping.epoch)
    assert len(tape.since(0)) == 1
    tap.end()
    taping.coded(stream[1].data, False, clock.now, taping.epoch)
    assert len(tape.since(0)) == 1, "a source that broke off is mostly back soon"
    clock.now += 3
    taping.coded(stream[1].data, False, clock.now, taping.epoch)
    assert len(tape.since(0)) == 2


def test_a_picture_from_before_the_masks_comes_too_late(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    before = taping.epoch
    taping.mask(True, "the masks changed")
    taping.coded(stream[0].data, True, clock.now, before)
    assert taping.tape is None
    taping.coded(stream[0].data, True, clock.now, taping.epoch)
    assert taping.tape


def test_after_the_end_nothing_comes(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    tap = begun(taping)
    play(tap, stream, clock)
    tape = tape_of(taping)
    taping.close("the camera was removed")
    taping.close("a second time")
    assert tap.packet(stream[0].data, 0, 0, True) is None
    taping.coded(stream[0].data, True, clock.now, taping.epoch)
    assert taping.tape is None
    assert tape.ended == "the camera was removed"
    assert len(tape.since(0)) == len(stream), "a clip may still be made of it"


def test_without_times_the_arrival_counts(stream: list[CodedPicture], clock: Clock) -> None:
    taping = Taping(60)
    tap = begun(taping)
    assert tap.packet(stream[0].data, None, None, True) == 1000 * 90_000
    clock.now = time.monotonic()
    assert tap.packet(stream[1].data, None, None, False) == round(clock.now * 90_000)
