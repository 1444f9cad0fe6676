"""Evidence from the first picture to the manifest, on a feed that shows numbered pictures."""

from __future__ import annotations

import asyncio
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.core.evidence import MEDIA_TYPES, folder_of
from server.core.identifiers import uuid7
from server.core.replay import read_recording
from server.core.watch import WatchSettings
from server.evidence import keeper as keeper_module
from server.evidence.folder import EvidenceFolder
from server.evidence.keeper import Evidence
from server.metrics import Metrics
from server.store.evidence import EvidenceState

from ..core.builders import detections_of
from ..support.coded import RATE, number_of, shown
from ..support.s3 import fake_s3
from ..support.waiting import eventually
from .stage import BOX, Stage, settings, staged

ALL = set(MEDIA_TYPES)
RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


async def whole_event(stage: Stage, before_s: float = 2.0) -> str:
    """A gun that comes, is confirmed, and goes; returns the event once its evidence is complete."""
    await stage.play(before_s)
    event = await stage.confirm()
    await stage.play(0.4, BOX)
    await stage.play(2.7)
    await stage.is_over(event.id)
    return event.id


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_all_files_are_there_and_true(codec: str, tmp_path: Path) -> None:
    async with staged(tmp_path, codec) as stage:
        event_id = await whole_event(stage)
        kept = await stage.is_over(event_id)
        assert set(kept.files) == ALL
        for name, file in kept.files.items():
            content = await stage.content(event_id, name)
            assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
            assert file.media_type == MEDIA_TYPES[name]
        manifest = await stage.json(event_id)
        assert manifest["event"]["id"] == event_id
        assert manifest["event"]["state"] == "ended"
        assert (manifest["event"]["model"], manifest["event"]["camera"]) == ("yolo", "door")
        assert manifest["event"]["policy"].startswith("p2-")
        assert {f["name"]: f["sha256"] for f in manifest["files"]} == {
            name: file.sha256 for name, file in kept.files.items() if name != "manifest.json"
        }
        assert manifest["clip"]["codec"] == codec
        assert manifest["notes"] == []
        place = tmp_path / "evidence" / folder_of(event_id)
        assert {path.name for path in place.iterdir()} == ALL
        assert list((tmp_path / "evidence" / "work").iterdir()) == [tmp_path / "evidence" / "work" / "lock"]


async def test_the_clip_shows_what_was_before_and_each_look_is_at_its_picture(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        event_id = await whole_event(stage, before_s=3.0)
        event = stage.events[event_id]
        place = tmp_path / "evidence" / folder_of(event_id)
        pictures = list(shown(place / "clip.mp4"))
        looks = await stage.looks(event_id)
        recording = read_recording((place / "detections.jsonl").read_text().splitlines())
        assert (recording.feed, recording.width, recording.model) == ("door", 64, "yolo")
        assert len(recording.looks) == len(looks)

        first_hit = next(look for look in looks if look["detections"])
        assert recording.began + first_hit["at"] == pytest.approx(event.first_seen, abs=0.002)
        assert 1.0 <= first_hit["clip_at"] <= 1.0 + 1.1, "a second before, and back to the key frame before that"
        hits = [look for look in looks if look["detections"]]
        (detection,) = hits[0]["detections"]
        assert detection["box"] == pytest.approx([0.25, 0.25, 0.5, 0.75], abs=1e-4)
        assert (detection["label"], detection["track_id"]) == ("gun", event.track_id)
        assert detection["score"] == pytest.approx(0.8, abs=1e-6)

        began = stage.guns[0] - first_hit["at"]
        for look in looks:
            captured_at = min(stage.numbers, key=lambda at: abs(at - began - look["at"]))
            assert captured_at - began == pytest.approx(look["at"], abs=1e-5)
            at, frame = min(pictures, key=lambda pair: abs(pair[0] - look["clip_at"]))
            assert at == pytest.approx(look["clip_at"], abs=1e-4)
            assert number_of(frame) == stage.numbers[captured_at]
        assert pictures[-1][0] >= hits[-1]["clip_at"] + 2.0, "what is after the end is in it too"


async def test_pictures_are_there_at_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(0.5)
        event = await stage.confirm()

        async def pictures() -> bool:
            kept = await stage.rows.find(event.id)
            return kept is not None and set(kept.files) == {"clean.jpg", "annotated.jpg", "thumb.jpg"}

        await eventually(pictures, within_s=2)
        kept = await stage.rows.find(event.id)
        assert kept
        assert kept.state is EvidenceState.WRITING
        assert stage.evidence.is_writing(event.id)
        clean, annotated = [
            np.asarray(Image.open(io.BytesIO(await stage.content(event.id, name))).convert("L"))
            for name in ("clean.jpg", "annotated.jpg")
        ]
        assert clean.std() < 2, "as the camera saw it"
        assert annotated.std() > 5
        early = {name: file.sha256 for name, file in kept.files.items()}
        await stage.play(3)
        kept = await stage.is_over(event.id)
        assert {name: kept.files[name].sha256 for name in early} == early, "a hash told once holds"


async def test_the_best_look_so_far_is_shown(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for score in (0.5, 0.9, 0.6):
            frame = await stage.show(keep=False)
            stage.look(frame, detections_of(BOX, scores=score))
        await stage.keep()
        (event,) = [event for event in stage.events.values() if event.confirmed_at]
        await stage.end()
        await stage.is_over(event.id)
        assert (await stage.json(event.id))["frame"]["sequence"] == 1


async def test_two_events_at_once_have_one_each(tmp_path: Path) -> None:
    other = (44, 12, 60, 36)
    async with staged(tmp_path) as stage:
        await stage.play(1.5)
        first = await stage.confirm(BOX)
        for _ in range(8):
            await stage.show(BOX, other)
            await stage.pace()
        second = next(e for e in stage.events.values() if e.confirmed_at and e.id != first.id)
        await stage.play(3)
        for event in (first, second):
            assert set((await stage.is_over(event.id)).files) == ALL
            manifest = await stage.json(event.id)
            assert manifest["event"]["track_id"] == event.track_id


async def test_a_suspicion_leaves_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.show(BOX)
        await stage.play(2.5)
        (event,) = stage.events.values()
        assert event.ended_at
        kept = await stage.rows.find(event.id)
        assert kept
        assert kept.state is None
        assert [path.name for path in stage.folder.iterdir()] == ["work"]


async def test_a_clip_ends_when_it_is_long_enough(tmp_path: Path) -> None:
    async with staged(tmp_path, longest_s=2.5) as stage:
        await stage.play(1.5)
        event = await stage.confirm()
        await stage.play(3.0, BOX)
        assert stage.events[event.id].ended_at is None
        await stage.is_over(event.id)
        manifest = await stage.json(event.id)
        assert 2.3 <= manifest["clip"]["seconds"] <= 2.5 + 1.1
        assert manifest["event"]["state"] == "confirmed", "as it stood then"


async def test_a_feed_that_ends_finishes_at_once(tmp_path: Path) -> None:
    async with staged(tmp_path, after_s=30) as stage:
        await stage.play(1.5)
        event = await stage.confirm()
        await stage.end()
        kept = await stage.is_over(event.id)
        assert set(kept.files) == ALL
        assert (await stage.json(event.id))["clip"]["seconds"] > 1


async def test_a_server_that_stops_finishes_what_it_has(tmp_path: Path) -> None:
    async with staged(tmp_path, after_s=30) as stage:
        await stage.play(1.2)
        event = await stage.confirm()
    async with staged(tmp_path) as stage:
        kept = await stage.is_over(event.id)
        assert set(kept.files) == ALL


async def test_pictures_coded_here_make_a_clip_too(tmp_path: Path) -> None:
    """As of a browser, an MJPEG camera, and whatever has masks."""
    async with staged(tmp_path, codec=None) as stage:
        event_id = await whole_event(stage)
        manifest = await stage.json(event_id)
        assert manifest["clip"]["codec"] == "h264"
        place = tmp_path / "evidence" / folder_of(event_id)
        pictures = list(shown(place / "clip.mp4"))
        looks = await stage.looks(event_id)
        known = [look for look in looks if look["clip_at"] is not None]
        assert len(known) > RATE
        matched = sum(min(abs(at - look["clip_at"]) for at, _ in pictures) < 0.002 for look in known)
        assert matched >= len(known) / 2, "most looks are at pictures that were coded"


# --- what is not to be seen ------------------------------------------------------------------------------------------


async def test_masks_that_come_end_the_clip_and_what_follows_has_them(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(1.5)
        first = await stage.confirm()
        await stage.play(0.6, BOX)
        stage.configure(masks=(RIGHT_HALF,))
        await stage.play(2.7)
        await stage.is_over(first.id)
        manifest = await stage.json(first.id)
        assert manifest["notes"] == ["the clip ends early: the masks of the camera changed"]
        assert manifest["clip"]["seconds"] < 3.5
        looks = await stage.looks(first.id)
        assert looks[-1]["clip_at"] is None, "what was seen after the clip's end is still told"

        second = await stage.confirm((14, 10, 30, 30))
        await stage.play(3)
        await stage.is_over(second.id)
        clip = (await stage.json(second.id))["clip"]
        assert clip["codec"] == "h264"
        assert clip["seconds"] < 7, "nothing from before the masks"


async def test_a_picture_from_before_the_masks_is_not_shown_for_a_later_confirmation(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.show(BOX)
        before = await stage.show(BOX, keep=False)
        stage.configure(masks=(RIGHT_HALF,))
        stage.look(before, detections_of(BOX, scores=0.99))
        event = await stage.confirm()
        await stage.end()
        await stage.is_over(event.id)
        frame = (await stage.json(event.id))["frame"]
        assert frame is None or frame["sequence"] > before.sequence


async def test_without_clips_no_video_is_held(tmp_path: Path) -> None:
    async with staged(tmp_path, clips=False, codec=None) as stage:
        assert stage.witness
        assert stage.witness.tap() is None
        event_id = await whole_event(stage, before_s=0.2)
        kept = await stage.is_over(event_id)
        assert set(kept.files) == ALL - {"clip.mp4"}
        manifest = await stage.json(event_id)
        assert (manifest["clip"], manifest["notes"]) == (None, ["no clip: clips are off"])


async def test_none_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    async with staged(tmp_path, enabled=False, codec=None) as stage:
        assert stage.witness is None


# --- too much, too late, gone ----------------------------------------------------------------------------------------


async def test_past_the_bound_events_get_pictures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "MOST_CLIPS", 0)
    async with staged(tmp_path) as stage:
        event_id = await whole_event(stage)
        assert set((await stage.is_over(event_id)).files) == ALL - {"clip.mp4"}
        assert (await stage.json(event_id))["notes"] == ["no clip: too many events at once"]


async def test_past_the_other_bound_they_get_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "MOST_CASES", 0)
    async with staged(tmp_path) as stage:
        event = await stage.confirm()
        assert not stage.evidence.is_writing(event.id)


async def test_the_event_may_come_to_the_database_late(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for _ in range(5):
            await stage.show(BOX, keep=False)
            await stage.pace()
        (event,) = [event for event in stage.events.values() if event.confirmed_at]
        stage.tell(stage.analyzer.close(0))
        await asyncio.sleep(1.5)
        assert await stage.rows.find(event.id) is None
        await stage.keep()
        assert set((await stage.is_over(event.id)).files) == ALL


async def test_an_event_that_never_comes_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.evidence.case.UNKNOWN_S", 0.2)
    async with staged(tmp_path) as stage:
        for _ in range(5):
            await stage.show(BOX, keep=False)
        (event,) = [event for event in stage.events.values() if event.confirmed_at]
        stage.unwritten = []
        stage.tell(stage.analyzer.close(0))
        stage.unwritten = []
        await eventually(lambda: not stage.evidence.is_writing(event.id))
        assert not stage.evidence._folder.has(event.id)
        assert list((tmp_path / "evidence" / "work").iterdir()) == [tmp_path / "evidence" / "work" / "lock"]


async def test_while_the_database_is_away_nothing_piles_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(1.0)
        event = await stage.confirm()
        assert stage.witness
        case, away = stage.witness._cases[event.id], OSError("the database is away")

        async def save(*_: object) -> bool:
            raise away

        with monkeypatch.context() as patch:
            patch.setattr(stage.evidence._rows, "save", save)
            await stage.play(3.0)
            await eventually(lambda: stage.evidence._folder.path(event.id, "manifest.json").exists())
            await stage.play(1.5)
            assert stage.evidence.is_writing(event.id)
            assert (len(case._pictures), case._waiting, len(case._looks), case._shot) == (0, 0, 0, None)
        assert set((await stage.is_over(event.id)).files) == ALL


async def test_nor_does_it_where_no_room_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path, least_free_bytes=10**18) as stage:
        await stage.play(1.0)

        async def save(*_: object) -> bool:
            raise OSError("the database is away")

        with monkeypatch.context() as patch:
            patch.setattr(stage.evidence._rows, "save", save)
            event = await stage.confirm()
            assert stage.witness
            case = stage.witness._cases[event.id]
            await stage.play(1.5)
            assert (len(case._pictures), case._waiting, len(case._looks), case._shot) == (0, 0, 0, None)
        await stage.is_over(event.id, EvidenceState.STOPPED)


async def test_what_was_cut_off_is_finished_at_the_next_start(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(1.5)
        event = await stage.confirm()
        await stage.play(1.5, BOX)
        for task in stage.evidence._cases.values():  # as when the power fails
            task.cancel()
        await eventually(lambda: not stage.evidence.is_writing(event.id))
        kept = await stage.rows.find(event.id)
        assert kept
        assert kept.state is EvidenceState.WRITING
    looks = tmp_path / "evidence" / "work" / event.id / "looks"
    looks.write_bytes(looks.read_bytes()[:-20])
    packets = looks.with_name("packets")
    packets.write_bytes(packets.read_bytes()[:-20])
    async with staged(tmp_path) as stage:
        kept = await stage.is_over(event.id)
        assert set(kept.files) == ALL
        manifest = await stage.json(event.id)
        assert manifest["notes"] == ["the server ended while this was written"]
        assert 1.5 < manifest["clip"]["seconds"] < 4
        assert len(await stage.looks(event.id)) > RATE
        assert len(list(shown(tmp_path / "evidence" / folder_of(event.id) / "clip.mp4"))) > RATE


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"event": {}}'])
async def test_what_cannot_be_finished_is_told_as_it_is(content: bytes | None, tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        event = await stage.confirm()
        await eventually(lambda: _has_thumb(stage, event.id))
        for task in stage.evidence._cases.values():
            task.cancel()
        await eventually(lambda: not stage.evidence.is_writing(event.id))
    facts = tmp_path / "evidence" / "work" / event.id / "facts.json"
    facts.unlink()
    if content is not None:
        facts.write_bytes(content)
    (tmp_path / "evidence" / "work" / "not-an-event").mkdir()
    async with staged(tmp_path) as stage:
        kept = await stage.is_over(event.id)
        assert set(kept.files) == {"clean.jpg", "annotated.jpg", "thumb.jpg"}


async def _has_thumb(stage: Stage, event_id: str) -> bool:
    kept = await stage.rows.find(event_id)
    return kept is not None and "thumb.jpg" in kept.files


async def test_a_second_server_in_the_folder_leaves_the_first_alone(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(1.2)
        event = await stage.confirm()
        async with Evidence(settings(), tmp_path, stage.database, ("gun",), Metrics()):
            await stage.play(0.3, BOX)
        await stage.play(2.7)
        await stage.is_over(event.id)
        assert (await stage.json(event.id))["notes"] == []


async def test_what_it_did_is_counted(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(1.5)
        value = stage.metrics.registry.get_sample_value
        assert (value("vigie_evidence_tape_bytes", {"kind": "camera"}) or 0) > 1000
        await whole_event(stage, 0.1)
        assert value("vigie_evidence_total", {"state": "complete"}) == 1
        await stage.end()
        assert value("vigie_evidence_tape_bytes", {"kind": "camera"}) == 0


async def test_a_changed_watch_with_the_same_masks_changes_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(1.0)
        assert stage.witness
        stage.witness.configure(WatchSettings(look_rate=3))
        event_id = await whole_event(stage, 0.5)
        assert (await stage.json(event_id))["notes"] == []


async def test_a_picture_that_cannot_be_made_does_not_hold_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.evidence.case.stills", lambda picture, marks: 1 / 0)
    async with staged(tmp_path) as stage:
        event = await stage.confirm()
        kept = await stage.is_over(event.id, EvidenceState.STOPPED)
        assert kept.files == {}
        assert "ZeroDivisionError" in caplog.text
        await stage.end()


async def test_what_can_never_be_finished_is_settled_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(tmp_path) as stage:
        event = await stage.confirm()
        await eventually(lambda: _has_thumb(stage, event.id))
        for task in stage.evidence._cases.values():
            task.cancel()
        await eventually(lambda: not stage.evidence.is_writing(event.id))
    monkeypatch.setattr(keeper_module, "ABANDONED_S", -100.0)
    monkeypatch.setattr("server.evidence.papers.finish_left", _broken)
    async with staged(tmp_path) as stage:
        await eventually(lambda: not stage.evidence._left)
        await stage.evidence._settle()
        assert set((await stage.is_over(event.id)).files) == {"clean.jpg", "annotated.jpg", "thumb.jpg"}


def _broken(*_: object) -> None:
    raise OSError(5, "Input/output error")


async def test_events_of_other_times_are_brought_to_a_new_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence was kept here before; and some that this database does not know stays as it is."""
    async with staged(tmp_path) as stage:
        event = await whole_event(stage, 0.3)
    unknown = EvidenceFolder(tmp_path / "evidence").write(uuid7(1_790_000_000, bytes(10)), "clean.jpg", b"x")
    assert unknown.size == 1
    with fake_s3(monkeypatch) as s3:
        async with staged(tmp_path, **s3.settings()) as stage:
            await eventually(lambda: len(s3.objects()) == len(ALL))
            await eventually(lambda: not stage.evidence._folder.has(event))
            assert stage.evidence._folder.has(uuid7(1_790_000_000, bytes(10)))
            assert len(await stage.content(event, "clip.mp4")) > 1000
