"""The command that makes data sets."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import yaml
from PIL import Image

from training.__main__ import main
from training.duplicates import pairs
from training.errors import TrainingError
from training.index import boxes_of, label_path, read_index
from training.sources import Notes, read_notes

from .builders import GUN, good, made, put

FIXTURES = Path(__file__).parents[1] / "fixtures" / "guns"
SOURCES = Path(__file__).parents[2] / "training" / "sources.yaml"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_real_pictures_become_a_data_set_with_sets_licences_and_sheets(tmp_path: Path) -> None:
    out = tmp_path / "out"
    entries = made(out, FIXTURES, "--by-prefix", "--sources", SOURCES, "--sheets")
    assert len(entries) == sum(1 for _ in FIXTURES.glob("*/images/*"))
    assert {entry.set for entry in entries} == {"openimages", "cctv-negative", "gesture-negative", "phone-negative"}
    for entry in entries:
        data = (out / entry.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        with Image.open(out / entry.file) as image:
            assert image.size == (entry.width, entry.height)
        split, _, name = entry.origin.split("/")
        given = (FIXTURES / split / "labels" / name).with_suffix(".txt").read_text()
        assert len(boxes_of(out, entry)) == entry.boxes == len(given.splitlines())
        assert (entry.boxes == 0) == entry.set.endswith("-negative")
    described = {source["name"]: source for source in json.loads((out / "sources.json").read_text())}
    assert described["gesture-negative"]["licence"] == "MIT"
    assert described["openimages"]["redistribute"] == "credit"
    assert sum(sum(source["pictures"].values()) for source in described.values()) == len(entries)
    body = yaml.safe_load((out / "data.yaml").read_text())
    assert body == {"train": "images/train", "val": "images/valid", "test": "images/test", "names": {0: "gun"}}
    sheets = {f"{entry.set}-{entry.split}.jpg" for entry in entries}
    assert set(left(out / "sheets")) == sheets
    with Image.open(out / "sheets/openimages-train.jpg") as sheet:
        r, g, b = np.asarray(sheet.convert("RGB")).transpose(2, 0, 1)
    assert ((r > 200) & (g < 90) & (b < 90)).sum() > 500, "no boxes are drawn"


def test_formats_classes_and_splits_are_merged(tmp_path: Path) -> None:
    put(tmp_path / "yolo/train/images/a.png", 1, "1 0.5 0.5 0.25 0.5\n0 0.2 0.2 0.1 0.1\n")
    (tmp_path / "yolo/data.yaml").write_text("names: [person, Pistol]\n")
    put(tmp_path / "coco/test/a.png", 2, None)
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 128, "height": 96}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [48, 24, 32, 48]}],
        "categories": [{"id": 1, "name": "rifle"}],
    }
    (tmp_path / "coco/test/_annotations.coco.json").write_text(json.dumps(coco))
    entries = made(
        tmp_path / "out", tmp_path / "yolo", f"Long Guns={tmp_path / 'coco'}",
        *("--map", "pistol=gun"), *("--map", "rifle=gun"), *("--map", "*="),
    )  # fmt: skip
    assert [(entry.file, entry.set, entry.boxes) for entry in entries] == [
        ("images/train/yolo-a.png", "yolo", 1),
        ("images/test/long-guns-a.png", "long-guns", 1),
    ]
    for entry in entries:
        assert boxes_of(tmp_path / "out", entry).tolist() == [[0, 0.5, 0.5, 0.25, 0.5]]


def test_pictures_are_linked_and_the_sources_stay_as_they_are(tmp_path: Path) -> None:
    source = good(tmp_path / "source")
    before = {path: path.read_bytes() for path in source.rglob("*.*")}
    entries = made(tmp_path / "out", source)
    assert all((tmp_path / "out" / entry.file).stat().st_nlink == 2 for entry in entries)
    shutil.rmtree(tmp_path / "out")
    assert {path: path.read_bytes() for path in source.rglob("*.*")} == before


def test_pictures_are_copied_where_they_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> NoReturn:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr("os.link", refused)
    entries = made(tmp_path / "out", good(tmp_path / "source"))
    assert all((tmp_path / "out" / entry.file).stat().st_nlink == 1 for entry in entries)


def test_a_data_set_can_be_a_source_and_keeps_sets_splits_and_licences(tmp_path: Path) -> None:
    first = made(tmp_path / "first", FIXTURES, "--by-prefix", "--sources", SOURCES, "--sheets")
    second = made(tmp_path / "second", tmp_path / "first", good(tmp_path / "more"))
    assert [(entry.file, entry.set, entry.sha256) for entry in second[: len(first)]] == [
        (entry.file, entry.set, entry.sha256) for entry in first
    ]
    assert not json.loads((tmp_path / "second/report.json").read_text())["problems"]
    described = {source["name"]: source for source in json.loads((tmp_path / "second/sources.json").read_text())}
    assert described["gesture-negative"]["licence"] == "MIT"
    assert described["more"]["licence"] == "not stated"


def test_names_that_differ_by_case_only_stay_apart(tmp_path: Path) -> None:
    for number, name in enumerate(("one/images/A", "one/more/images/a", "one/images/a b", "one/images/a  b")):
        put(tmp_path / f"{name}.png", number)
    names = [Path(entry.file).stem.lower() for entry in made(tmp_path / "out", tmp_path / "one")]
    assert len(set(names)) == 4


def test_a_data_set_without_a_gun_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "source/images/a.png", 1, "")
    assert main(["data", str(tmp_path / "source"), "--out", str(tmp_path / "out")]) == 1
    assert "No picture has a gun" in capsys.readouterr().err
    assert left(tmp_path) == ["source"]


def test_what_is_there_already_is_replaced_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = good(tmp_path / "source"), tmp_path / "out"
    made(out, source)
    put(source / "images/new.png", 77)
    assert main(["data", str(source), "--out", str(out)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert len(read_index(out)) == 4
    assert len(made(out, source, "--replace")) == 5
    assert left(tmp_path) == ["out", "source"]
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/dear.txt").write_text("...")
    assert main(["data", str(source), "--out", str(tmp_path / "letters"), "--replace"]) == 1
    assert "is no data set" in capsys.readouterr().err
    assert left(tmp_path / "letters") == ["dear.txt"]
    assert main(["data", str(source), "--out", str(source / "out")]) == 1
    assert "lies in a source" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []

    def link(*_: object) -> None:
        written.append(1)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.link", link)
    source = good(tmp_path / "source")
    assert main(["data", str(source), "--out", str(tmp_path / "out")]) == 1
    assert "The disk is full" in capsys.readouterr().err
    assert left(tmp_path) == ["source"]


STOPPED = """
import sys, time
import training.writing
from training.__main__ import main
def put(picture, path):
    print("writing", flush=True)
    time.sleep(60)
training.writing._put = put
main(["data", sys.argv[1], "--out", sys.argv[2]])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_no_half_data_set(tmp_path: Path, how: signal.Signals) -> None:
    source, out = good(tmp_path / "source"), tmp_path / "out"
    words = [sys.executable, "-c", STOPPED, str(source), str(out)]
    # What runs in the background is started with SIGINT ignored, and so would this be: it would go on to its end.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=SOURCES.parents[1], preexec_fn=heard
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "writing\n"
        assert not out.exists()
        assert main(["data", str(source), "--out", str(out)]) == 1, "two at once"
        process.send_signal(how)
    assert not out.exists()
    assert len(made(out, source)) == 4
    assert left(tmp_path) == ["out", "source"]


def test_9000_pictures_are_compared_in_seconds() -> None:
    """Nothing is done in Python for each pair."""
    thumbs = np.random.default_rng(1).normal(128, 40, (9000, 32, 32)).astype(np.float32)
    thumbs[8999] = thumbs[0]
    begun = time.process_time()
    assert [(pair.first, pair.second) for pair in pairs(thumbs)] == [(0, 8999)]
    assert time.process_time() - begun < 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--map", "pistol"], "write OLD=NEW"),
        (["--map", "pistol=rifle"], "NEW one of gun"),
        (["--classes", ","], "name at least one class"),
        (["--split", "train=2"], "add up to 1"),
        (["--sources", "none.yaml"], "none.yaml cannot be read"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", str(good(tmp_path / "source")), "--out", str(tmp_path / "out"), *words]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sets: {A B: {}}", "needs a name of small letters"),
        ("sets: {a: {license: x}}", r"sets\.a\.license: Extra inputs"),
        ("sets: {a: {group: 's.*'}}", "must have one group"),
        ("sets: {a: {group: '('}}", "not a regular expression"),
        ("sets: {a: {redistribute: maybe}}", "sets.a.redistribute"),
        ("[", "cannot be read"),
    ],
)
def test_descriptions_that_are_wrong_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "sources.yaml").write_text(text)
    with pytest.raises(TrainingError, match=said):
        read_notes(tmp_path / "sources.yaml")


def test_the_description_of_our_own_sets_tells_sets_and_clips() -> None:
    notes = Notes(read_notes(SOURCES))
    assert notes.set_of("cctv-negative-intel_x_1.jpg", "other", False) == "cctv-negative"
    assert notes.set_of("new-things-1.jpg", "other", False) == "other"
    assert notes.set_of("new-negative-1.jpg", "other", True) == "new-negative"
    assert notes.clip_of("monash", "monash-s19_pistol_7.jpg") == ("monash", "s19")
    assert notes.clip_of("ugr", "ugr-s19_pistol_7.jpg") is None
    gif, clip = "cctv-negative-intel_gif_car-detection_024.jpg", "cctv-negative-intel_car-detection_00075.jpg"
    assert notes.clip_of("cctv-negative", gif) == notes.clip_of("cctv-negative", clip) is not None


def test_an_index_that_was_changed_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    entry = made(out, good(tmp_path / "source"))[0]
    label_path(out, entry.file).write_text(GUN * 2)
    with pytest.raises(TrainingError, match="has 2 boxes, the index says 1"):
        boxes_of(out, entry)
    with (out / "index.jsonl").open("a") as index:
        index.write("{}\n")
    with pytest.raises(TrainingError, match=r"index\.jsonl, line 5 is broken"):
        read_index(out)
    with pytest.raises(TrainingError, match="is no data set"):
        read_index(tmp_path / "source")
