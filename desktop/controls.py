"""Below the stage: play, the seek bar, the time, the threshold."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from .seekbar import SeekBar
from .sightings import clock
from .words import Words

HIGHEST = 95
"""Per cent; more is never sure."""


class Controls(QWidget):
    """What a study is steered by. ``decided`` is told the threshold, 0 to 1."""

    played = Signal()
    decided = Signal(float)

    def __init__(self, words: Words, weak: float, confidence: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._playing = False
        self._times = (0.0, 0.0)
        self.play = QPushButton()
        self.play.setMinimumWidth(84)
        self.play.clicked.connect(self.played)
        self.seek = SeekBar()
        words.keep(self.seek.setAccessibleName, "seek")
        self.time = QLabel()
        self.time.setMinimumWidth(110)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(weak * 100), HIGHEST)
        self.slider.setValue(round(confidence * 100))
        self.slider.setMinimumWidth(140)
        self.slider.valueChanged.connect(self._slid)
        words.keep(self.slider.setToolTip, "threshold_tip")
        words.keep(self.slider.setAccessibleName, "threshold")
        name, self.value = QLabel(), QLabel()
        words.keep(name.setText, "threshold")
        name.setBuddy(self.slider)
        self.value.setMinimumWidth(44)

        self.film = QWidget()
        film = QHBoxLayout(self.film)
        film.setContentsMargins(0, 0, 0, 0)
        film.setSpacing(12)
        film.addWidget(self.play)
        film.addWidget(self.seek, 1)
        film.addWidget(self.time)
        threshold = QHBoxLayout()
        threshold.setSpacing(12)
        threshold.addWidget(name)
        threshold.addWidget(self.slider)
        threshold.addWidget(self.value)
        self.state = QLabel()
        self.state.setProperty("soft", True)
        self.state.setWordWrap(True)
        threshold.addWidget(self.state, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.addWidget(self.film)
        box.addLayout(threshold)
        words.changed.connect(self._rename)
        self._rename()

    @property
    def confidence(self) -> float:
        """The threshold, 0 to 1."""
        return self.slider.value() / 100

    def tell_playing(self, playing: bool) -> None:
        """Whether the video plays."""
        self._playing = playing
        self._rename()

    def tell_time(self, at: float, length: float) -> None:
        """Where the video is, and how long."""
        self._times = at, length
        self.time.setText(f"{clock(at)} / {clock(length)}")
        self.seek.move_to(at)

    def _slid(self) -> None:
        self._rename()
        self.decided.emit(self.confidence)

    def _rename(self) -> None:
        self.play.setText(self._words("pause" if self._playing else "play"))
        self.value.setText(self._words.share(self.confidence))
