"""How long evidence stays, what goes when there is no room, and that nothing waits for it."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from server.core.evidence import folder_of
from server.evidence import keeper as keeper_module
from server.evidence.folder import EvidenceFolder
from server.store.evidence import EvidenceState
from server.store.rows import EvidenceFile

from ..store.test_evidence import DAY_S, NOW, add_event, judge
from ..support.small_disk import small_disk, why_not
from ..support.waiting import eventually
from .stage import BOX, Stage, staged


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "STOPPED_EVERY_S", 0.1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    if missing := why_not(tmp_path):
        assert os.environ.get("CI") != "true" or os.geteuid(), missing
        pytest.skip(missing)
    with small_disk(tmp_path / "disk", 16) as path:
        yield path


async def kept_before(stage: Stage, days_ago: float, size: int = 1_000_000, **fields: object) -> str:
    """Evidence of an event of so long ago."""
    event_id = await add_event(stage.database, (NOW - time.time()) / DAY_S + days_ago)
    await judge(stage.database, event_id, **fields) if fields else None
    file = EvidenceFolder(stage.folder).write(event_id, "clip.mp4", bytes(size))
    assert await stage.rows.save(event_id, EvidenceState.COMPLETE, [file], time.time())
    return event_id


def here(stage: Stage, event_id: str) -> bool:
    return (stage.folder / folder_of(event_id)).exists()


async def test_what_had_its_time_goes(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        old, young = await kept_before(stage, 31), await kept_before(stage, 29)
        real, held = await kept_before(stage, 32, verdict="real"), await kept_before(stage, 400, held=True)
        await stage.evidence._retention.sweep()
        assert [here(stage, event) for event in (old, young, real, held)] == [False, True, True, True]
        kept = await stage.rows.find(old)
        assert kept
        assert (kept.state, kept.files) == (EvidenceState.REMOVED, {})
        assert not (stage.folder / folder_of(old)).parent.exists(), "no empty folders are left"
        await judge(stage.database, held, held=False)
        await stage.evidence._retention.sweep()
        assert not here(stage, held)


async def test_the_oldest_goes_when_there_is_too_much(tmp_path: Path) -> None:
    async with staged(tmp_path, most_bytes=2_500_000) as stage:
        events = [await kept_before(stage, 9 - n, held=n == 0) for n in range(4)]
        await stage.evidence._retention.sweep()
        assert [here(stage, event) for event in events] == [True, False, False, True]
        assert stage.reports == []


async def test_when_all_is_held_evidence_stops_once_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with staged(tmp_path, most_bytes=900_000) as stage:
        held = await kept_before(stage, 9, held=True)
        await stage.evidence._retention.sweep()
        for _ in range(2):
            event = await stage.confirm()
            await stage.play(2.6)
            assert (await stage.is_over(event.id, EvidenceState.STOPPED)).files == {}
        assert len(stage.reports) == 1
        assert "evidence.most_bytes" in (stage.reports[0] or "")
        await judge(stage.database, held, held=False)
        await eventually(lambda: stage.reports[1:] == [None])
        event = await stage.confirm()
        await stage.play(2.6)
        assert "clip.mp4" in (await stage.is_over(event.id)).files


async def test_a_removal_that_was_broken_off_is_finished(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        event = await kept_before(stage, 9)
        assert await stage.rows.let_go(event)
    async with staged(tmp_path) as stage:
        await eventually(lambda: not here(stage, event))
        await eventually(lambda: _is_forgotten(stage, event))


async def _is_forgotten(stage: Stage, event: str) -> bool:
    kept = await stage.rows.find(event)
    return kept is not None and not kept.files


async def test_files_that_something_is_in_the_way_of_go_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeper_module, "RESUME_EVERY_S", 0.2)
    async with staged(tmp_path) as stage:
        event = await kept_before(stage, 9)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)
            assert await stage.evidence._retention.remove(event)
            assert f"the files of event {event} are not removed yet" in caplog.text
            kept = await stage.rows.find(event)
            assert kept
            assert kept.files, "they are known still"
        await eventually(lambda: _is_forgotten(stage, event))
        assert not here(stage, event)


async def test_a_clock_that_is_set_wipes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = time.time
    async with staged(tmp_path) as stage:
        old, young = await kept_before(stage, 31), await kept_before(stage, 1)
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: real() + 400 * DAY_S)
            for _ in range(3):
                await stage.evidence._retention.sweep()
        assert [here(stage, event) for event in (old, young)] == [True, True]
        errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 1
        assert "the clock was set by +9600.0 hours" in errors[0]
        await stage.evidence._retention.sweep()
        assert [here(stage, event) for event in (old, young)] == [False, True]


async def test_room_that_hovers_at_the_limit_is_told_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, least_free_bytes=1_000_000) as stage:
        for free, ready in ((1_000_001, True), (999_999, False), (1_050_000, False), (999_999, False)):
            monkeypatch.setattr(stage.evidence._folder, "free", lambda free=free: free)
            assert await stage.evidence._retention.ready() is ready
        assert len(stage.reports) == 1
        monkeypatch.setattr(stage.evidence._folder, "free", lambda: 1_100_000)
        assert await stage.evidence._retention.ready()
        assert stage.reports[1:] == [None]


async def test_where_none_is_wanted_no_room_is_missed_and_time_goes_on(tmp_path: Path) -> None:
    async with staged(tmp_path, enabled=False, least_free_bytes=10**18) as stage:
        old, young = await kept_before(stage, 31), await kept_before(stage, 29)
        await stage.evidence._retention.sweep()
        assert [here(stage, event) for event in (old, young)] == [False, True]
        assert stage.reports == []


async def test_what_nobody_writes_any_more_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path) as stage:
        some, none = await add_event(stage.database, 1, number=1), await add_event(stage.database, 1, number=2)
        for event in (some, none):
            await judge(stage.database, event, ended_at=time.time() - 2 * keeper_module.ABANDONED_S)
        file = EvidenceFile("clean.jpg", "image/jpeg", 3, "ab" * 32)
        assert await stage.rows.save(some, EvidenceState.WRITING, [file], 0)
        assert await stage.rows.save(none, EvidenceState.WRITING, [], 0)
        await stage.evidence._settle()
        states = [kept.state for event in (some, none) if (kept := await stage.rows.find(event))]
        assert states == [EvidenceState.COMPLETE, EvidenceState.REMOVED]


# --- a disk that is full ---------------------------------------------------------------------------------------------


async def test_on_a_full_disk_the_oldest_goes_first(disk: Path, tmp_path: Path) -> None:
    async with staged(disk, place=tmp_path, least_free_bytes=11_000_000) as stage:
        events = [await kept_before(stage, 9 - n, 2_000_000) for n in range(4)]
        event = await stage.confirm()
        await stage.play(2.6)
        assert "clip.mp4" in (await stage.is_over(event.id)).files
        gone = [not here(stage, event) for event in events]
        assert gone == sorted(gone, reverse=True)
        assert 1 <= sum(gone) <= 3
        assert stage.reports == []


async def test_then_evidence_stops_and_looks_and_alarms_do_not(disk: Path, tmp_path: Path) -> None:
    async with staged(disk, place=tmp_path, least_free_bytes=4_000_000) as stage:
        await stage.play(0.5)
        (disk / "of-others").write_bytes(bytes(13_500_000))
        began, took = time.monotonic(), []
        event = await stage.confirm()
        for _ in range(40):
            before = time.monotonic()
            await stage.show(BOX)
            took.append(time.monotonic() - before)
            await asyncio.sleep(0.02)
        assert stage.events[event.id].confirmed_at
        assert sorted(took)[35] < 0.1, "a look never waits for the disk"
        await stage.play(2.6)
        assert time.monotonic() - began < 10
        assert (await stage.is_over(event.id, EvidenceState.STOPPED)).files == {}
        assert len(stage.reports) == 1
        assert "the disk has" in (stage.reports[0] or "")
        (disk / "of-others").unlink()
        await eventually(lambda: stage.reports[1:] == [None])
        later = await stage.confirm()
        await stage.play(2.6)
        assert "clip.mp4" in (await stage.is_over(later.id)).files


async def test_a_disk_that_fills_up_meanwhile_leaves_the_pictures(disk: Path, tmp_path: Path) -> None:
    async with staged(disk, place=tmp_path) as stage:
        await stage.play(1.0)
        event = await stage.confirm()

        async def pictures() -> bool:
            kept = await stage.rows.find(event.id)
            return kept is not None and len(kept.files) == 3

        await eventually(pictures)
        await stage.play(0.6, BOX)
        fill(disk / "of-others")
        await stage.play(1.0, BOX)
        await stage.play(2.7)
        kept = await stage.is_over(event.id, EvidenceState.STOPPED)
        assert {"clean.jpg", "annotated.jpg", "thumb.jpg"} <= set(kept.files)


async def test_a_disk_without_a_byte_left_is_no_deadlock(disk: Path) -> None:
    """To write that evidence is removed, the database on the same disk needs room, too."""
    async with staged(disk, least_free_bytes=2_500_000) as stage:
        await stage.play(0.5)
        held = await kept_before(stage, 10, held=True)
        earlier = [await kept_before(stage, 9 - n) for n in range(4)]
        await stage.evidence._retention.sweep()
        fill(disk / "of-others")
        assert await stage.evidence._retention.ready()
        assert here(stage, held)
        assert [here(stage, event) for event in earlier] == [False, False, False, True]
        for gone in earlier[:3]:
            kept = await stage.rows.find(gone)
            assert kept
            assert (kept.state, kept.files) == (EvidenceState.REMOVED, {})
        event = await stage.confirm()
        await stage.play(2.6)
        await stage.is_over(event.id)
        assert stage.reports == []


async def test_what_is_held_stays_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the database is locked besides."""
    async with staged(tmp_path) as stage:
        retention = stage.evidence._retention
        held, free = await kept_before(stage, 9, held=True), await kept_before(stage, 8)

        async def locked(event_id: str) -> bool:
            raise OSError("the database is locked")

        monkeypatch.setattr(stage.evidence._rows, "let_go", locked)
        with pytest.raises(OSError, match="locked"):
            await retention.remove(free)
        assert here(stage, free), "there is room on the disk"
        monkeypatch.setattr(stage.evidence._folder, "free", lambda: 999_999)
        assert not await retention.remove(held)
        assert not await retention.remove(free), "it cannot be written down yet"
        assert [here(stage, event) for event in (held, free)] == [True, False]


async def test_room_that_others_take_at_once_does_not_end_it(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(disk, least_free_bytes=1_500_000) as stage:
        events = [await kept_before(stage, 9 - n) for n in range(4)]
        await stage.evidence._retention.sweep()
        fill(disk / "of-others")
        discard, folder = stage.evidence._folder.discard, stage.evidence._folder

        def discard_and_fill(event_id: str) -> int:
            size = discard(event_id)
            if event_id == events[0]:
                fill(disk / "of-yet-others")
            return size

        monkeypatch.setattr(folder, "discard", discard_and_fill)
        assert await stage.evidence._retention.ready()
        assert [here(stage, event) for event in events] == [False, False, False, True]


def fill(path: Path) -> None:
    """Take all the room there is, to the last byte."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
