"""What a killed server leaves of evidence at instants that chance seldom hits."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from server.core.evidence import folder_of
from server.store.evidence import EvidenceState

from ..evidence.stage import Stage, staged
from ..support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

PICTURES = {"clean.jpg", "annotated.jpg", "thumb.jpg"}


async def killed_at_work(folder: Path) -> str:
    """The id of an event whose server was killed when its pictures were there, and it was over in the database."""

    async def pictures(stage: Stage, event_id: str) -> bool:
        kept = await stage.rows.find(event_id)
        return kept is not None and set(kept.files) == PICTURES

    async with staged(folder) as stage:
        await stage.play(1.2)
        event = await stage.confirm()
        await eventually(lambda: pictures(stage, event.id), "the pictures")
        for task in stage.evidence._cases.values():
            task.cancel()
        await eventually(lambda: not stage.evidence.is_writing(event.id))
    return event.id


async def test_what_was_half_written_goes(tmp_path: Path) -> None:
    event_id = await killed_at_work(tmp_path)
    finished = tmp_path / "evidence" / folder_of(event_id)
    for name in ("clean.jpg", "clip.mp4", "manifest.json"):
        (finished / f"{name}.part").write_bytes(b"half of")
    async with staged(tmp_path) as stage:
        kept = await stage.is_over(event_id)
    assert {path.name for path in finished.iterdir()} == set(kept.files)
    assert set(kept.files) > PICTURES


async def test_what_nobody_writes_any_more_does_not_count_as_being_written(tmp_path: Path) -> None:
    """Killed between the row that says it and the folder for it, or the other way round at its end."""
    event_id = await killed_at_work(tmp_path)
    shutil.rmtree(tmp_path / "evidence" / "work" / event_id)
    async with staged(tmp_path) as stage:
        assert set((await stage.is_over(event_id)).files) == PICTURES


async def test_nothing_at_all_is_told_as_removed(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(0.5)
        event = await stage.confirm()
        await stage.end()
        await stage.is_over(event.id)
        await stage.rows.save(event.id, EvidenceState.WRITING, [], time.time())
        await stage.rows.forget(event.id)
        shutil.rmtree(tmp_path / "evidence" / folder_of(event.id))
    async with staged(tmp_path) as stage:
        await stage.is_over(event.id, EvidenceState.REMOVED)
