"""The page for what is on this computer: real files, the real model, a camera that is pulled."""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path

import av
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl, SignalInstance
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from desktop.export import Form
from desktop.study import Study
from desktop.video import VideoStudy
from desktop.window import Window
from server.batch import Batch, Result
from server.config import Settings
from server.core.detections import Detections
from server.core.events import State
from server.core.frame import Picture
from server.plugins import Stop
from server.replaying import Eye

from .cameras import MjpegCamera
from .fixtures import FIXTURES, WAIT_MS, Opened

PAN = FIXTURES / "gun-pan.mp4"
GUN = FIXTURES / "pictures" / "gun-1cdb986cd69f46f5.jpg"
BOTTLES = FIXTURES / "pictures" / "bottles-640x360.jpg"


def looked_at(qtbot: QtBot, window: Window) -> Result:
    """Wait until all of it was looked at."""
    qtbot.waitUntil(lambda: study_of(window).result() is not None, timeout=WAIT_MS)
    result = study_of(window).result()
    assert result
    return result


def study_of(window: Window) -> Study:
    study = window.local.study
    assert study
    return study


def confirmed(window: Window) -> list[float | None]:
    return [row.at for row in study_of(window).rows() if row.state is State.CONFIRMED]


def test_a_video_is_decided_anew_without_looking_again(
    qtbot: QtBot, window: Window, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    look = Eye.look

    def look_and_count(eye: Eye, picture: Picture) -> Detections:
        looks.append(picture.width)
        return look(eye, picture)

    monkeypatch.setattr(Eye, "look", look_and_count)
    window.open_files([PAN])
    first = looked_at(qtbot, window)
    assert first == Batch(settings).look_at(PAN)  # as the command tells it
    (at,) = confirmed(window)
    assert [row.state for row in window.local.controls.seek.markers] == [row.state for row in study_of(window).rows()]
    window.local.sightings.itemClicked.emit(window.local.sightings.item(0))
    qtbot.waitUntil(lambda: bool(window.local.stage.marks), timeout=WAIT_MS)
    shown = window.local.stage.shown
    assert shown
    assert at is not None
    assert abs(shown.at - at) < 3
    before = len(looks)
    window.local.controls.slider.setValue(95)
    qtbot.waitUntil(lambda: not study_of(window).rows(), timeout=WAIT_MS)
    assert looked_at(qtbot, window).sightings == ()
    qtbot.waitUntil(lambda: not window.local.stage.marks, timeout=WAIT_MS)
    window.local.controls.slider.setValue(25)
    assert looked_at(qtbot, window).sightings == first.sightings
    assert len(looks) == before


def test_a_video_plays_stands_still_and_goes_where_it_is_told(qtbot: QtBot, window: Window) -> None:
    window.open_files([PAN])
    study = study_of(window)
    assert isinstance(study, VideoStudy)
    player = study.player
    qtbot.waitUntil(lambda: player.position > 0.3, timeout=WAIT_MS)
    window.local.play_or_pause()
    assert window.local.controls.play.text() == "Play"
    player.seek(2.0)
    qtbot.waitUntil(lambda: abs(player.position - 2.0) < 0.05, timeout=WAIT_MS)
    qtbot.wait(200)
    assert abs(player.position - 2.0) < 0.05
    player.seek(3600.0)  # past the end: its last picture
    qtbot.waitUntil(lambda: player.position > study.seconds - 0.2 > 2.0, timeout=WAIT_MS)
    with qtbot.waitSignal(study.stopped, timeout=WAIT_MS):
        player.play(True)
    window.local.play_or_pause()
    qtbot.waitUntil(lambda: player.position < 1.0, timeout=WAIT_MS)


def test_pictures_are_dropped_and_chosen_from_a_list(qtbot: QtBot, window: Window, settings: Settings) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in (GUN, BOTTLES, FIXTURES / "README.md")])
    window.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert "README.md" in window.statusBar().currentMessage()
    result = looked_at(qtbot, window)
    assert result == Batch(settings).look_at(GUN)
    assert len(window.local.stage.marks) == len(result.sightings) >= 1
    window.local.files.setCurrentRow(1)
    qtbot.waitUntil(lambda: window.local.controls.state.text().endswith("No gun seen"), timeout=WAIT_MS)


def test_exports(qtbot: QtBot, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.open_files([PAN])
    window.export_to(Form.JSON, tmp_path / "early.json")
    assert window.statusBar().currentMessage() == "What is to be exported must be looked at first."
    result = looked_at(qtbot, window)
    for form, name in ((Form.JSON, "a.json"), (Form.CSV, "a.csv"), (Form.COPY, "a.mp4")):
        window.export_to(form, tmp_path / name)
        qtbot.waitUntil(lambda: window.exporting.current is None, timeout=WAIT_MS)
        assert window.statusBar().currentMessage() == f"Written: {tmp_path / name}"
    body = json.loads((tmp_path / "a.json").read_text("utf-8"))
    (one,) = body["files"]
    assert (body["model"], one["gun"], len(one["detections"])) == ("gun-yolov8n", True, len(result.sightings))
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as table:
        assert len(list(csv.DictReader(table))) == len(result.sightings)
    with av.open(str(tmp_path / "a.mp4")) as copy, av.open(str(PAN)) as original:
        frames = [sum(1 for _ in container.decode(video=0)) for container in (copy, original)]
        assert frames[0] == frames[1]
    window.export_to(Form.JSON, PAN)
    qtbot.waitUntil(lambda: window.exporting.current is None, timeout=WAIT_MS)
    assert "this is the original" in window.statusBar().currentMessage()
    cancelled_leaves_nothing(qtbot, window, tmp_path / "out", monkeypatch)


def cancelled_leaves_nothing(qtbot: QtBot, window: Window, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = threading.Event()
    write = VideoStudy.write_copy

    def write_slowly(study: VideoStudy, copy: Path, stop: Stop, progress: SignalInstance) -> None:
        under_way.set()
        stop.wait(30)
        write(study, copy, stop, progress)

    monkeypatch.setattr(VideoStudy, "write_copy", write_slowly)
    window.export_to(Form.COPY, folder / "a.mp4")
    assert under_way.wait(30)
    window.exporting.cancel()
    qtbot.waitUntil(lambda: window.exporting.current is None, timeout=WAIT_MS)
    assert window.statusBar().currentMessage() == "Stopped; nothing was written"
    assert os.listdir(folder) == []


def test_what_cannot_be_shown_says_why(qtbot: QtBot, window: Window, tmp_path: Path) -> None:
    broken = tmp_path / "a.mp4"
    broken.write_bytes(PAN.read_bytes()[:5000])
    window.open_files([broken])
    qtbot.waitUntil(lambda: "no video that can be read" in window.local.stage.words, timeout=WAIT_MS)
    (tmp_path / "b.png").write_bytes(b"no picture")
    window.open_files([tmp_path / "b.png"])
    qtbot.waitUntil(lambda: window.local.stage.words.startswith("This cannot be shown"), timeout=WAIT_MS)
    window.open_camera("gopher://10.0.0.1/")
    assert "there is no kind of camera for gopher" in window.statusBar().currentMessage()
    window.open_files([BOTTLES])
    looked_at(qtbot, window)
    assert window.local.stage.words == ""


def test_a_camera_that_is_pulled_comes_back(qtbot: QtBot, window: Window) -> None:
    with MjpegCamera(GUN.read_bytes()) as camera:
        window.open_camera(camera.url)
        qtbot.waitUntil(lambda: confirmed(window) != [], timeout=WAIT_MS)
        qtbot.waitUntil(lambda: bool(window.local.stage.marks), timeout=WAIT_MS)
        camera.pull()
        qtbot.waitUntil(lambda: window.local.stage.words.startswith("The camera is lost"), timeout=WAIT_MS)
        camera.plug()
        qtbot.waitUntil(lambda: window.local.stage.words == "", timeout=WAIT_MS)


def test_a_model_that_hangs_holds_up_nothing(qtbot: QtBot, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    look = Eye.look
    monkeypatch.setattr(Eye, "look", lambda eye, picture: go_on.wait(30) and look(eye, picture))
    try:
        window.open_files([PAN])
        study = study_of(window)
        assert isinstance(study, VideoStudy)
        qtbot.waitUntil(lambda: study.player.position > 0.3, timeout=WAIT_MS)
        window.local.controls.slider.setValue(40)
        window.open_files([FIXTURES / "gun-flash.mp4"])
        qtbot.waitUntil(lambda: window.local.stage.shown is not None, timeout=WAIT_MS)
    finally:
        go_on.set()


def test_no_model_is_told(qtbot: QtBot, opened: Opened, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = settings.detector.model_copy(update={"model": Path("nowhere.onnx")})
    monkeypatch.setattr(
        "desktop.app.Window",
        lambda words, memory, _, wear: Window(words, memory, settings.model_copy(update={"detector": nowhere}), wear),
    )
    window = opened()
    window.open_files([PAN])
    qtbot.waitUntil(lambda: "nowhere.onnx" in window.local.controls.state.text(), timeout=WAIT_MS)
