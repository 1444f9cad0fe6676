"""The page for what is on this computer: pictures, videos, a webcam or a camera by its address."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal, SignalInstance
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QPushButton, QSplitter, QVBoxLayout, QWidget

from server.batch import is_picture
from server.config import Settings

from .controls import Controls
from .crew import Crew
from .live import LiveStudy
from .picture import PictureStudy
from .sight import Sight
from .sightings import Sightings
from .stage import Stage
from .study import Study
from .video import VideoStudy
from .words import Words

STALL_S = 2.0
WATCH_MS = 500

Told = tuple[str, dict[str, object]]
"""A key of the words, and what they need."""


class LocalPage(QWidget):
    """Shows one study at a time. It owns it, and lets the one before end when another comes."""

    changed = Signal()
    """There is another study, or it can be exported now."""
    asked = Signal(str)
    """A button of the empty page: ``open``, ``webcam`` or ``address``."""

    def __init__(self, words: Words, settings: Settings, confidence: float, crew: Crew) -> None:
        super().__init__()
        self._words, self._settings, self._crew = words, settings, crew
        self.sight = Sight(settings, crew)
        self.sight.opening.connect(self._opening)
        self.sight.opened.connect(self._opened)
        self.sight.failed.connect(self._without_model)
        self.study: Study | None = None
        self.model = ""
        self._told: Told = ("", {})
        self._model_told: Told | None = None
        self._files: list[Path] = []
        self.stage = Stage()
        self.controls = Controls(words, settings.detector.weak_confidence, confidence)
        self.sightings = Sightings(words)
        self.files = QListWidget()
        self._lay_out()
        self.controls.played.connect(self.play_or_pause)
        self.controls.decided.connect(self._decide)
        self.controls.seek.sought.connect(self._seek)
        self.sightings.chosen.connect(self._seek)
        self.files.currentRowChanged.connect(self._choose_file)
        words.changed.connect(self._say)
        self._watch = QTimer(self)
        self._watch.timeout.connect(self._look_for_stall)
        self._watch.start(WATCH_MS)
        self._say()

    def open_files(self, files: Sequence[Path]) -> None:
        """Show files: the first of them, and a list where there are several."""
        self._files = list(files)
        self.files.blockSignals(True)
        self.files.clear()
        self.files.addItems([file.name for file in files])
        self.files.setCurrentRow(0)
        self.files.blockSignals(False)
        self._files_box.setVisible(len(files) > 1)
        self._choose_file(0)

    def open_camera(self, url: str) -> None:
        """Show a camera. Raises pydantic's ValidationError for an address that cannot be one."""
        study = LiveStudy(url, self._settings, self.sight, self._crew)
        self._files_box.hide()
        self._take(study)

    def play_or_pause(self) -> None:
        """Play the video, or let it stand still; at its end it begins anew."""
        if isinstance(self.study, VideoStudy):
            player = self.study.player
            if not player.playing and self.study.seconds and player.position >= self.study.seconds - 0.2:
                player.seek(0.0)
            player.play(not player.playing)
            self.controls.tell_playing(player.playing)

    def close_study(self) -> None:
        """Show nothing any more."""
        if self.study:
            self.study.close()
            self.study = None
            self.stage.show_image(None)
            self._files_box.hide()
            self._say()
            self.changed.emit()

    def layout_state(self) -> QByteArray:
        """How wide the list is, to be remembered."""
        return self._split.saveState()

    def restore_layout(self, state: QByteArray) -> None:
        """As it was."""
        self._split.restoreState(state)

    def _take(self, study: Study) -> None:
        if self.study:
            self.study.close()
            self.study.blockSignals(True)
        self.study = study
        self._told = ("status_connecting" if study.live else "", {})
        self.stage.show_image(None)
        self.sightings.tell([])
        self.controls.seek.tell(0, 0, [])
        self.controls.tell_time(0, 0)
        study.pictured.connect(self._show)
        study.changed.connect(self._show_rows)
        study.told.connect(self._hear)
        study.decide(self.controls.confidence)
        if isinstance(study, VideoStudy):
            study.stopped.connect(self._stopped)
            study.player.play(True)
            self.controls.tell_playing(True)
        study.begin()
        self._say()
        self.changed.emit()

    def _choose_file(self, row: int) -> None:
        if 0 <= row < len(self._files):
            file = self._files[row]
            if is_picture(file):
                self._take(PictureStudy(file, self._settings, self.sight))
            else:
                self._take(VideoStudy(file, self._settings, self.sight, self._crew))

    def _stopped(self) -> None:
        if self.sender() is self.study:
            self.controls.tell_playing(False)

    def _show(self) -> None:
        study = self.study
        shown = study.screen.take() if study else None
        if study and shown:
            self.stage.show_image(shown, study.marks(shown.at))
            if isinstance(study, VideoStudy):
                self.controls.tell_time(shown.at, max(study.seconds, shown.at))
            self._say()

    def _show_rows(self) -> None:
        study = self.study
        if study is None or self.sender() is not study:
            return
        rows = study.rows()
        self.sightings.tell(rows)
        if isinstance(study, VideoStudy):
            self.controls.seek.tell(study.seconds, study.looked, rows)
            self.controls.tell_time(study.player.position, study.seconds)
        shown = self.stage.shown
        if shown and not study.live:
            self.stage.show_image(shown, study.marks(shown.at))
        self._say()
        self.changed.emit()

    def _hear(self, key: str, facts: dict[str, object]) -> None:
        if self.sender() is not self.study:
            return  # of the one before, said before it was closed
        self._told = (f"status_{key}", facts)
        if isinstance(self.study, VideoStudy):
            self.controls.seek.tell(self.study.seconds, self.study.looked, self.study.rows())
        self._say()

    def _opened(self, model: str) -> None:
        self.model = model
        self._model_told = None
        self._say()

    def _opening(self) -> None:
        self._model_told = "status_model", {}
        self._say()

    def _without_model(self, reason: str) -> None:
        self._model_told = "status_no_model", {"reason": reason}
        self._say()

    def _decide(self, confidence: float) -> None:
        if self.study:
            self.study.decide(confidence)
        self.changed.emit()

    def _seek(self, at: float) -> None:
        if isinstance(self.study, VideoStudy):
            self.study.player.seek(at)
            self.controls.tell_time(at, self.study.seconds)

    def _look_for_stall(self) -> None:
        study = self.study
        if not isinstance(study, LiveStudy) or self._told[0] not in ("status_live", "status_stalled"):
            return
        last = study.last_picture_at
        missing = time.monotonic() - last if last else 0.0
        told: Told = ("status_stalled", {"seconds": int(missing)}) if missing > STALL_S else ("status_live", {})
        if told != self._told:
            self._told = told
            self._say()

    def _say(self) -> None:
        """Bring all words up to date: on the stage, below it, above the list."""
        study = self.study
        self._empty.setVisible(study is None)
        self._work.setVisible(study is not None)
        if study is None:
            return
        self.controls.film.setVisible(isinstance(study, VideoStudy) and self._told[0] != "status_failed")
        told = self._text(self._told)
        bad = self._told[0] in ("status_failed", "status_lost", "status_stalled", "status_over")
        model = self._text(self._model_told) if self._model_told else ""
        if bad:
            self.stage.say(*self._trouble())
        else:
            self.stage.say("" if self.stage.shown else told or self._words("opening"))
        rows = len(study.rows())
        found = self._words("status_found_one") if rows == 1 else self._words("status_found", count=rows)
        if not rows:
            done = self._told[0] == "status_looked"
            found = self._words("nothing_seen" if done else "not_yet") if self._told[0] != "status_failed" else ""
        self.controls.state.setText("  ·  ".join(filter(None, (model, "" if bad else told, found))))
        self._heading.setText(self._words("sightings") + (f" ({rows})" if rows else ""))

    def _trouble(self) -> tuple[str, str]:
        """What is wrong, in a few words and a sentence."""
        key, facts = self._told
        if key not in ("status_failed", "status_lost"):
            return self._text(self._told), ""
        reason = self._words.reason(str(facts["reason"]))
        reason = f"{reason[:1].upper()}{reason[1:]}."
        again = self._words("again_in", seconds=facts["seconds"]) if "seconds" in facts else ""
        return self._words(f"{key}_title"), f"{reason} {again}".strip()

    def _text(self, told: Told) -> str:
        key, facts = told
        words = dict(facts)
        if "share" in words:
            words["share"] = self._words.share(float(str(words["share"])))
        if "reason" in words:
            words["reason"] = self._words.reason(str(words["reason"]))
        return self._words(key, **words) if key else ""

    def _lay_out(self) -> None:
        self._empty = _Empty(self._words, self.asked)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stage, 1)
        column.addWidget(self.controls)
        right = QWidget()
        side = QVBoxLayout(right)
        side.setContentsMargins(8, 0, 0, 0)
        self._files_box = QWidget()
        files = QVBoxLayout(self._files_box)
        files.setContentsMargins(0, 0, 0, 8)
        title = QLabel()
        title.setProperty("heading", True)
        self._words.keep(title.setText, "files_list")
        self._words.keep(self.files.setAccessibleName, "files_list")
        files.addWidget(title)
        files.addWidget(self.files)
        self._files_box.hide()
        self._heading = QLabel()
        self._heading.setProperty("heading", True)
        side.addWidget(self._files_box, 1)
        side.addWidget(self._heading)
        side.addWidget(self.sightings, 2)
        right.setMinimumWidth(200)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.addWidget(left)
        self._split.addWidget(right)
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([800, 260])
        self._split.setChildrenCollapsible(False)
        self._work = QWidget()
        work = QVBoxLayout(self._work)
        work.setContentsMargins(12, 12, 12, 8)
        work.addWidget(self._split)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._empty)
        whole.addWidget(self._work)


class _Empty(QWidget):
    """What is there before anything is opened."""

    def __init__(self, words: Words, asked: SignalInstance) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.addStretch()
        for key, name in (("drop_title", "large"), ("drop_text", "soft")):
            label = QLabel()
            label.setProperty(name, True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            words.keep(label.setText, key)
            column.addWidget(label)
        row = QHBoxLayout()
        row.setContentsMargins(0, 16, 0, 0)
        row.addStretch()
        for key in ("open", "webcam", "address"):
            button = QPushButton()
            button.setProperty("main", key == "open")
            words.keep(button.setText, key)
            button.clicked.connect(lambda _=False, key=key: asked.emit(key))
            row.addWidget(button)
        row.addStretch()
        column.addLayout(row)
        column.addStretch()
