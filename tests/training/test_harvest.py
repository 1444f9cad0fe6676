"""From what people said of events to pictures for the next training: real stores, real evidence."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from sqlalchemy import text

from server.core.events import Event, Verdict
from server.core.evidence import CLEAN, folder_of
from server.core.identifiers import uuid7
from server.evidence.bucket import Bucket
from server.evidence.folder import EvidenceFolder
from server.store.database import Database
from server.store.evidence import EvidenceRows, EvidenceState
from training.__main__ import main
from training.index import Entry, boxes_of

from ..evidence.stage import BOX, HEIGHT, WIDTH, Stage, settings, staged
from ..store.test_evidence import DAY_S, NOW, add_event, judge
from ..support.s3 import FakeS3, fake_s3
from .builders import made, picture

CENTRED = [0, (BOX[0] + BOX[2]) / 2 / WIDTH, (BOX[1] + BOX[3]) / 2 / HEIGHT, 0.25, 0.5]


async def harvest(data_dir: Path, out: Path, *words: str) -> int:
    """The command, as another process would run it beside the server."""
    return await asyncio.to_thread(main, ["harvest", "--data-dir", str(data_dir), "--out", str(out), *words])


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number).save(buffer, "JPEG")
    return buffer.getvalue()


def number_shown(data: bytes) -> int:
    """Which of the numbered pictures of :mod:`tests.evidence.stage` this is."""
    with Image.open(io.BytesIO(data)) as image:
        return round((float(np.asarray(image.convert("L")).mean()) * 219 / 255 + 16 - 20) / 8)


async def judged(stage: Stage, verdict: Verdict) -> Event:
    """An event from its beginning to its evidence and what a person said of it."""
    await stage.play(0.3)
    event = await stage.confirm()
    await stage.play(2.7)
    await stage.is_over(event.id)
    await stage.store.judge(event.id, verdict, None, time.time())
    return event


async def kept(database: Database, data_dir: Path, number: int, verdict: Verdict, days_ago: float = 0) -> str:
    """An event with a picture of its own for evidence."""
    event_id = await add_event(database, days_ago, verdict=verdict, number=number)
    file = EvidenceFolder(data_dir / "evidence")
    (data_dir / "evidence" / folder_of(event_id)).mkdir(parents=True, exist_ok=True)
    await EvidenceRows(database).save(
        event_id, EvidenceState.COMPLETE, [file.write(event_id, CLEAN, jpeg(number))], NOW
    )
    return event_id


async def test_real_evidence_becomes_a_source_that_data_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "harvest"
    async with staged(tmp_path) as stage:
        false = await judged(stage, Verdict.FALSE)
        seen_in = {stage.numbers[at] for at in stage.guns}
        real = await judged(stage, Verdict.REAL)
        assert await harvest(tmp_path, out, "--frames", "3") == 0, "while the server runs"
        clean = {event.id: await stage.content(event.id, CLEAN) for event in (false, real)}
    assert "New: 1 false, 1 real." in capsys.readouterr().out
    found = files(out)
    negative = f"harvest-door-negative-{false.id}"
    assert found[f"images/{negative}-0.jpg"] == clean[false.id]
    assert found[f"images/harvest-door-{real.id}-0.jpg"] == clean[real.id]
    assert all(found[f"labels/{negative}-{number}.txt"] == b"" for number in range(4))
    frames = {number_shown(found[f"images/{negative}-{number}.jpg"]) for number in (1, 2, 3)}
    assert frames <= seen_in, "further pictures are those in which the false alarm was seen"
    assert len(frames) > 1

    of: dict[str, list[Entry]] = {"harvest-door": [], "harvest-door-negative": []}
    for entry in made(tmp_path / "set", out):
        of[entry.set].append(entry)
    (positive,) = of["harvest-door"]
    assert boxes_of(tmp_path / "set", positive)[0].tolist() == pytest.approx(CENTRED, abs=1e-3)
    assert len({entry.split for entry in of["harvest-door-negative"]}) == 1, "one event, one split"
    assert all(entry.boxes == 0 for entry in of["harvest-door-negative"])


async def test_a_second_harvest_adds_only_what_is_new_and_keeps_what_a_person_changed(
    database: Database, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, words = tmp_path / "harvest", ("--database", database_url)
    first = await kept(database, tmp_path, 1, Verdict.REAL)
    await kept(database, tmp_path, 2, Verdict.FALSE)
    await kept(database, tmp_path, 3, Verdict.UNSURE)
    assert await harvest(tmp_path, out, *words) == 0
    label = out / "labels" / f"harvest-door-{first}-0.txt"
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    notes = out / "sources.yaml"
    notes.write_text(notes.read_text().replace("own pictures", "all rights reserved"))
    assert await harvest(tmp_path, out, *words) == 0
    assert notes.read_text().count("all rights reserved") == 2
    before = files(out)
    assert len(list((out / "images").iterdir())) == 2
    assert await harvest(tmp_path, out, *words) == 0
    assert files(out) == before
    assert "Harvested before: 2." in capsys.readouterr().out
    await kept(database, tmp_path, 4, Verdict.FALSE)
    assert await harvest(tmp_path, out, *words) == 0
    assert {name: data for name, data in files(out).items() if name in before and name != "harvest.jsonl"} == {
        name: data for name, data in before.items() if name != "harvest.jsonl"
    }
    assert len(list((out / "images").iterdir())) == 3


async def test_a_line_that_was_cut_off_is_made_again(database: Database, database_url: str, tmp_path: Path) -> None:
    out, words = tmp_path / "harvest", ("--database", database_url)
    for number in (1, 2):
        await kept(database, tmp_path, number, Verdict.FALSE)
    assert await harvest(tmp_path, out, *words) == 0
    whole = files(out)
    journal = out / "harvest.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert await harvest(tmp_path, out, *words) == 0
    assert files(out) == whole


async def test_an_event_that_is_judged_otherwise_is_made_anew(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "harvest"
    event_id = await kept(database, tmp_path, 1, Verdict.REAL)
    assert await harvest(tmp_path, out, "--database", database_url) == 0
    await judge(database, event_id, verdict=Verdict.FALSE)
    assert await harvest(tmp_path, out, "--database", database_url) == 0
    assert [path.name for path in (out / "images").iterdir()] == [f"harvest-door-negative-{event_id}-0.jpg"]
    assert [path.read_text() for path in (out / "labels").iterdir()] == [""]
    assert list(yaml.safe_load((out / "sources.yaml").read_text())["sets"]) == ["harvest-door-negative"]


async def test_evidence_that_is_gone_or_was_changed_is_counted(
    database: Database, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed, gone = [await kept(database, tmp_path, number, Verdict.FALSE) for number in (1, 2)]
    await add_event(database, verdict=Verdict.FALSE, number=3)
    await kept(database, tmp_path, 4, Verdict.FALSE)
    folder = EvidenceFolder(tmp_path / "evidence")
    folder.path(changed, CLEAN).write_bytes(jpeg(9))
    folder.remove(gone)
    assert await harvest(tmp_path, tmp_path / "harvest", "--database", database_url) == 0
    assert "New: 1 false, 0 real. Harvested before: 0. Without evidence: 3." in capsys.readouterr().out


async def test_days_and_verdicts_are_chosen(database: Database, database_url: str, tmp_path: Path) -> None:
    old, new, real = [
        await kept(database, tmp_path, number, verdict, days)
        for number, verdict, days in ((1, Verdict.FALSE, 9), (2, Verdict.FALSE, 0), (3, Verdict.REAL, 0))
    ]
    day = time.strftime("%Y-%m-%d", time.gmtime(NOW - 5 * DAY_S))
    words = ("--database", database_url, "--since", day, "--verdicts", "false")
    assert await harvest(tmp_path, tmp_path / "harvest", *words) == 0
    names = {path.name for path in (tmp_path / "harvest/images").iterdir()}
    assert names == {f"harvest-door-negative-{new}-0.jpg"}
    assert not any(event in name for name in names for event in (old, real))


async def test_many_events_are_read_page_by_page(database: Database, database_url: str, tmp_path: Path) -> None:
    for number in range(120):
        await kept(database, tmp_path, number, Verdict.FALSE, number / 10)
    assert await harvest(tmp_path, tmp_path / "harvest", "--database", database_url) == 0
    assert len(list((tmp_path / "harvest/images").iterdir())) == 120


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with fake_s3(monkeypatch) as server:
        yield server


async def test_evidence_on_s3(s3: FakeS3, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for name, value in s3.settings().items() for word in (f"--{name}", value)]
    words = ["--bucket" if word == "--url" else word for word in words]
    async with Database(f"sqlite:///{tmp_path / 'vigie.db'}") as database:
        event_id = await kept(database, tmp_path, 1, Verdict.FALSE)
        path = EvidenceFolder(tmp_path / "evidence").path(event_id, CLEAN)
        await Bucket(settings(**s3.settings())).put(event_id, CLEAN, path)
        path.unlink()
    assert await harvest(tmp_path, tmp_path / "one", *words) == 0
    (found,) = (tmp_path / "one/images").iterdir()
    assert found.read_bytes() == jpeg(1)
    s3.stop()
    assert await harvest(tmp_path, tmp_path / "two", *words) == 1
    assert "The evidence cannot be read" in capsys.readouterr().err


async def test_the_database_is_only_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither made where it is missing, nor brought up to date."""
    assert await harvest(tmp_path, tmp_path / "out") == 1
    assert "vigie.db is not there" in capsys.readouterr().err
    assert not (tmp_path / "vigie.db").exists()
    async with Database(f"sqlite:///{tmp_path / 'vigie.db'}") as database:
        await kept(database, tmp_path, 1, Verdict.FALSE)
        async with database.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert await harvest(tmp_path, tmp_path / "out") == 1
    assert "is of another version of Vigie (0000" in capsys.readouterr().err
    (tmp_path / "vigie.db").write_bytes(b"no database at all, but a text that is long enough" * 9)
    for name in ("vigie.db-wal", "vigie.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert await harvest(tmp_path, tmp_path / "out") == 1
    assert "cannot be used: file is not a database" in capsys.readouterr().err


async def test_a_folder_with_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Database(f"sqlite:///{tmp_path / 'vigie.db'}"):
        pass
    (tmp_path / "out").mkdir()
    (tmp_path / "out/letter.txt").write_text("Dear ...")
    assert await harvest(tmp_path, tmp_path / "out") == 1
    assert "holds something else" in capsys.readouterr().err
    (tmp_path / "out/harvest.jsonl").write_text(json.dumps({"event": uuid7(NOW, bytes(10))}) + "\n")
    assert await harvest(tmp_path, tmp_path / "out") == 1
    assert "was changed by hand" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--verdicts", "unsure"], "write false, real"),
        (["--since", "yesterday"], "write a day as 2026-01-31"),
        (["--bucket", "ftp://x"], "--bucket or --endpoint"),
        (["--database", "mysql://x/y"], "sqlite:///PATH or postgresql://"),
    ],
)
async def test_what_is_asked_wrongly_is_said(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await harvest(tmp_path, tmp_path / "out", *words) == 1
    assert said in capsys.readouterr().err
