"""Evidence on S3, and what happens while it is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.evidence import MEDIA_TYPES, folder_of
from server.core.identifiers import uuid7
from server.evidence import keeper as keeper_module
from server.evidence.bucket import Bucket, BucketAway
from server.store.evidence import EvidenceState
from server.store.rows import EvidenceFile

from ..store.test_evidence import DAY_S, NOW, add_event
from ..support.s3 import FakeS3, fake_s3
from ..support.waiting import eventually
from .stage import Stage, settings, staged

EVENT = uuid7(1_790_000_000, bytes(10))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with fake_s3(monkeypatch) as server:
        yield server


async def short_event(stage: Stage) -> str:
    await stage.play(0.5)
    event = await stage.confirm()
    await stage.play(2.7)
    await stage.is_over(event.id)
    return event.id


async def read(bucket: Bucket, name: str, start: int, stop: int) -> bytes:
    return b"".join([part async for part in bucket.read(EVENT, name, start, stop)])


async def test_a_file_is_kept_read_in_part_and_removed(s3: FakeS3, tmp_path: Path) -> None:
    bucket = Bucket(settings(**s3.settings()))
    (tmp_path / "clip").write_bytes(bytes(range(256)) * 40_000)
    await bucket.put(EVENT, "clip.mp4", tmp_path / "clip")
    key = f"site/one/{folder_of(EVENT)}/clip.mp4"
    assert list(s3.objects()) == [key]
    assert s3.media_type(key) == "video/mp4"
    assert await read(bucket, "clip.mp4", 250, 260) == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
    assert len(await read(bucket, "clip.mp4", 0, 10_240_000)) == 10_240_000
    with pytest.raises(FileNotFoundError):
        await read(bucket, "clean.jpg", 0, 1)
    await bucket.remove(EVENT)
    await bucket.remove(EVENT)
    assert s3.objects() == {}


async def test_a_bucket_that_is_away_says_so_in_words(s3: FakeS3, tmp_path: Path) -> None:
    bucket = Bucket(settings(**{**s3.settings(), "url": "s3://no-such-bucket/x"}))
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(BucketAway, match=r"^the bucket answers NoSuchBucket$"):
        await bucket.put(EVENT, "clean.jpg", tmp_path / "file")
    s3.stop()
    with pytest.raises(BucketAway, match=r"^HTTP error: error sending request$"):
        await Bucket(settings(**s3.settings())).put(EVENT, "clean.jpg", tmp_path / "file")


async def test_evidence_goes_to_the_bucket_and_leaves_the_disk(s3: FakeS3, tmp_path: Path) -> None:
    async with staged(tmp_path, **s3.settings()) as stage:
        event = await short_event(stage)
        await eventually(lambda: not stage.folder.joinpath(folder_of(event)).exists())
        kept = await stage.rows.find(event)
        assert kept
        assert set(kept.files) == set(MEDIA_TYPES)
        assert {key.rpartition("/")[2] for key in s3.objects()} == set(MEDIA_TYPES)
        for name, file in kept.files.items():
            assert len(await stage.content(event, name)) == file.size
        assert [path.name for path in (stage.folder / "work").iterdir()] == ["lock"]
        assert await stage.evidence._retention.remove(event)
        assert s3.objects() == {}


async def test_while_the_bucket_is_away_evidence_waits_here_and_is_shown(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.core.backoff.MOST_S", 0.2)
    s3.stop()
    async with staged(tmp_path, **s3.settings()) as stage:
        event = await short_event(stage)
        await eventually(lambda: "waits here" in caplog.text)
        assert len(await stage.content(event, "clip.mp4")) > 1000
        value = stage.metrics.registry.get_sample_value
        await eventually(lambda: value("vigie_evidence_waiting") == 1)
        assert stage.reports == []
    async with staged(tmp_path, **s3.settings()) as stage:  # and over a restart
        assert len(await stage.content(event, "clip.mp4")) > 1000
        s3.start()
        await eventually(lambda: len(s3.objects()) == len(MEDIA_TYPES))
        await eventually(lambda: not stage.folder.joinpath(folder_of(event)).exists())
        assert len(await stage.content(event, "clip.mp4")) > 1000


async def test_a_full_spool_stops_evidence_and_loses_none(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.core.backoff.MOST_S", 0.2)
    monkeypatch.setattr(keeper_module, "STOPPED_EVERY_S", 0.2)
    s3.stop()
    async with staged(tmp_path, spool_bytes=1000, **s3.settings()) as stage:
        first = await short_event(stage)
        second = await stage.confirm()
        await stage.play(2.7)
        kept = await stage.is_over(second.id, EvidenceState.STOPPED)
        assert kept.files == {}
        assert len(stage.reports) == 1
        assert "wait for the bucket" in (stage.reports[0] or "")
        assert len(await stage.content(first, "clip.mp4")) > 1000, "nothing that waits is thrown away"
        s3.start()
        await eventually(lambda: stage.reports[1:] == [None], "evidence to go on")
        third = await stage.confirm()
        await stage.play(2.7)
        await stage.is_over(third.id)
        await eventually(lambda: len(s3.objects()) == 2 * len(MEDIA_TYPES))


async def test_what_is_removed_while_it_is_on_its_way_does_not_stay(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.core.backoff.MOST_S", 0.5)
    s3.stop()
    async with staged(tmp_path, **s3.settings()) as stage:
        event = await short_event(stage)
        assert await stage.rows.let_go(event)
        s3.start()
        await eventually(lambda: not stage.folder.joinpath(folder_of(event)).exists())
        assert s3.objects() == {}


async def test_while_it_is_away_no_more_is_let_go_than_makes_room(s3: FakeS3, tmp_path: Path) -> None:
    """What is let go is not removed yet then, and letting go of more would make no room either."""
    async with staged(tmp_path, most_bytes=2_500_000, **s3.settings()) as stage:
        for days_ago in (3, 2, 1):
            event = await add_event(stage.database, (NOW - time.time()) / DAY_S + days_ago)
            file = EvidenceFile("clip.mp4", "video/mp4", 1_000_000, "ab" * 32)
            assert await stage.rows.save(event, EvidenceState.COMPLETE, [file], time.time())
        s3.stop()
        await stage.evidence._retention.sweep()
        assert len(await stage.rows.oldest()) == 2
        s3.start()
        await stage.evidence._retention.resume()
        await stage.evidence._retention.sweep()
        assert len(await stage.rows.oldest()) == 2
        assert stage.reports[-1:] in ([], [None])
