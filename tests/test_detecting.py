"""``python -m server detect``: real pictures and videos in, copies, JSON, CSV and an exit code out."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from server.config import ConfigError
from server.detecting import FAILED, NOTHING, SEEN, run

from .support.media import FIXTURES, truth
from .support.server import Json, own_folder

ROOT = Path(__file__).resolve().parents[1]
GUN = FIXTURES / "pictures" / "gun-1cdb986cd69f46f5.jpg"
BOTTLES = FIXTURES / "pictures" / "bottles-640x360.jpg"


@pytest.fixture
def folder(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the command, with compiled models in its data folder."""
    own_folder(tmp_path / "data", data_dir)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of(folder: Path) -> list[Json]:
    body = json.loads((folder / "detections" / "detections.json").read_text("utf-8"))
    assert body["model"] == "gun-yolov8n"
    files = body["files"]
    assert isinstance(files, list)
    return files


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def red(rgb: NDArray[np.uint8]) -> int:
    """Pixels of the colour of an alarm."""
    return int(((rgb[..., 0] > 180) & (rgb[..., 1] < 90) & (rgb[..., 2] < 90)).sum())


def test_a_folder_of_pictures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "deep").mkdir(parents=True)
    shutil.copy(GUN, folder / "in" / "a.jpg")
    Image.fromarray(pixels(GUN)).save(folder / "in" / "a.png")
    shutil.copy(BOTTLES, folder / "in" / "deep" / "b.JPG")
    (folder / "in" / "notes.txt").write_text("no picture")
    assert run(["in"]) == SEEN
    first, second, third = files_of(folder)
    assert [one["gun"] for one in (first, second, third)] == [True, True, False]
    assert [one["copy"] for one in (first, second, third)] == ["a.jpg", "a-2.jpg", "deep/b.jpg"]
    out = folder / "detections"
    assert red(pixels(out / "a.jpg")) > red(pixels(GUN)) + 200
    assert pixels(out / "a.jpg").shape == pixels(GUN).shape
    with (out / "detections.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["file"] for row in rows] == [one["file"] for one in (first, second, third) for _ in one["detections"]]
    assert float(rows[0]["confidence"]) == first["detections"][0]["confidence"]
    assert "3 looked at, a gun in 2. Results: detections\n  in/a.jpg: gun " in capsys.readouterr().out
    assert run(["in"]) == SEEN  # over results of its own it may write
    assert not list(out.rglob("*.part"))


def test_a_video_is_told_as_a_camera_would_be(folder: Path) -> None:
    clip = FIXTURES / "gun-pan.mp4"
    assert run([str(clip)]) == SEEN
    (file,) = files_of(folder)
    (visible,) = truth(clip)["visible"]
    (event,) = (event for event in file["events"] if event["confirmed_at"] is not None)
    assert visible["start_s"] <= event["first_seen"] <= event["confirmed_at"] <= visible["start_s"] + 1
    assert {one["track_id"] for one in file["detections"]} >= {event["track_id"]}
    with av.open(str(clip)) as was, av.open(str(folder / "detections" / "gun-pan.mp4")) as copy:
        before, after = was.streams.video[0], copy.streams.video[0]
        assert (after.width, after.height, after.codec.name) == (before.width, before.height, "h264")
        times = [frame.time for frame in was.decode(before)]
        pictures = list(copy.decode(after))
    assert [picture.time for picture in pictures] == pytest.approx(times, abs=0.01)
    shown = next(picture for picture in pictures if picture.time and picture.time >= event["confirmed_at"] + 0.1)
    assert red(shown.to_ndarray(format="rgb24").astype(np.uint8)) > 100


def test_a_flash_in_a_video_alarms_nobody_and_copies_can_be_left_out(folder: Path) -> None:
    assert run([str(FIXTURES / "gun-flash.mp4"), "--no-copies"]) == NOTHING
    (file,) = files_of(folder)
    assert (file["gun"], file["copy"]) == (False, None)
    assert sorted(path.name for path in (folder / "detections").iterdir()) == ["detections.csv", "detections.json"]


def test_a_broken_file_is_told_and_the_others_are_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cut.jpg").write_bytes(GUN.read_bytes()[:3000])
    (folder / "cut.mp4").write_bytes((FIXTURES / "gun-pan.mp4").read_bytes()[:3000])
    assert run(["cut.jpg", "cut.mp4", str(BOTTLES)]) == FAILED
    cut, video, whole = files_of(folder)
    assert "cut off" in cut["error"]
    assert video["error"]
    assert whole["gun"] is False
    assert "vigie: cut.jpg: The picture is broken" in capsys.readouterr().err
    assert sorted(path.suffix for path in (folder / "detections").iterdir()) == [".csv", ".jpg", ".json"]


def test_the_threshold_is_that_of_the_option(folder: Path) -> None:
    assert run([str(GUN), "--confidence", "0.99"]) == NOTHING
    with pytest.raises(ConfigError, match="--confidence is from"):
        run([str(GUN), "--confidence", "0.01"])


def test_no_file_of_others_is_written_over(folder: Path) -> None:
    (folder / "own").mkdir()
    shutil.copy(GUN, folder / "own" / "a.jpg")
    with pytest.raises(ConfigError, match="own holds other files"):
        run([str(GUN), "--out", "own"])
    run([str(GUN)])
    with pytest.raises(ConfigError, match="are to be looked at"):
        run([f"detections/{GUN.name}"])
    with pytest.raises(ConfigError, match="no picture and no video"):
        run(["detections"])
    with pytest.raises(ConfigError, match="no file or folder nowhere"):
        run(["nowhere"])
    (folder / "data" / "cut").write_text("a file")
    with pytest.raises(ConfigError, match="The results cannot be written to data/cut/out: Not a directory"):
        run([str(GUN), "--out", "data/cut/out"])


def test_as_a_command(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "1"}
    command = [sys.executable, "-m", "server", "detect", str(GUN)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (SEEN, "")
    assert done.stdout.startswith("1 looked at, a gun in 1.")
