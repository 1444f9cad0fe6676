"""A video file: played at once, looked at as fast as the model can, decided anew for each threshold."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Signal, SignalInstance

from server.batch import FileError, Result, VideoCopy, pictures_due, said_plainly, whole
from server.config import Settings
from server.core.drawing import Mark
from server.core.events import Event, State
from server.core.frame import Picture
from server.core.replay import RecordedLook
from server.detecting import seconds_of
from server.plugins import ModelInfo, Stop
from server.replaying import Eye, pictures_of

from .crew import Crew
from .decided import Decided
from .images import shown_of
from .player import Player
from .sight import Sight
from .study import Row, Study

TELL_S = 0.2
"""How often the window is told of progress."""


class VideoStudy(Study):
    """A video file. Three threads work for it: one plays, the model's looks, one decides what the looks amount to."""

    stopped = Signal()
    """It stands still at its end."""

    def __init__(self, file: Path, settings: Settings, sight: Sight, crew: Crew) -> None:
        super().__init__(file.name)
        self.file = file
        self.seconds = 0.0
        """How long it is, as far as is known."""
        self.looked = 0.0
        """How far it was looked at (s)."""
        self._settings, self._sight, self._crew = settings, sight, crew
        self._confidence = settings.detector.confidence
        self._looks: list[RecordedLook] = []
        self._size: Picture | None = None
        self._model: ModelInfo | None = None
        self._all = False
        self._wake = threading.Event()
        self._decided: Decided | None = None
        self.player = Player(file, lambda picture, at: self.show(shown_of(picture, at)), self.stopped.emit)

    def begin(self) -> None:
        """See :class:`Study`."""
        self._stops += [
            self._sight.ask(self._look),
            self._crew.start(f"play {self.title}", self._play),
            self._crew.start(f"decide {self.title}", self._decide),
        ]

    def marks(self, at: float) -> Sequence[Mark]:
        """See :class:`Study`."""
        return self._decided.marks(at) if self._decided else []

    def rows(self) -> list[Row]:
        """See :class:`Study`."""
        return [row_of(event) for event in self._decided.events] if self._decided else []

    def decide(self, confidence: float) -> None:
        """See :class:`Study`."""
        self._confidence = confidence
        self._wake.set()

    def result(self) -> Result | None:
        """See :class:`Study`."""
        decided = self._decided
        return decided.result if decided and decided.confidence == self._confidence else None

    def write_copy(self, copy: Path, stop: Stop, progress: SignalInstance) -> None:
        """See :class:`Study`."""
        decided = self._decided
        assert decided is not None
        told = 0.0
        with said_plainly(), whole(copy) as beginning, VideoCopy(beginning) as video:
            for at, picture in pictures_of(self.file, float("inf")):
                if stop.is_set():
                    raise FileError("stopped")  # the copy that was begun is removed
                video.add(picture, at, decided.marks(at))
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    progress.emit(min(at / max(self.seconds, 1e-3), 1.0))

    def _play(self, stop: Stop) -> None:
        try:
            with said_plainly():
                self.seconds = seconds_of(self.file)
                self.changed.emit()
                self.player.run(stop)
        except FileError as error:
            self.told.emit("failed", {"reason": str(error)})
        except Exception as error:  # no video stream, or a decoder's own trouble: told, and the window lives on
            self.told.emit("failed", {"reason": _plain(error)})

    def _look(self, eye: Eye, stop: Stop) -> None:
        """In the model's thread."""
        self._model = eye.model().info
        told = 0.0
        try:
            with said_plainly():
                for at, picture, due in pictures_due(self.file, self._settings.detector.look_rate):
                    if stop.is_set():
                        return
                    self.looked = at
                    if due:
                        self._take_in(eye, picture, at)
                    if time.monotonic() - told > TELL_S:
                        told = time.monotonic()
                        self._wake.set()
                        self.told.emit("looking", {"share": min(at / max(self.seconds, at, 1e-3), 1.0)})
        except FileError as error:
            self.told.emit("broken" if self._looks else "failed", {"reason": str(error)})
        else:
            if not self._looks:
                self.told.emit("failed", {"reason": "there is no picture in it"})
                return
            self.seconds = self.looked
            self.told.emit("looked", {})
        self._all = bool(self._looks)
        self._wake.set()

    def _take_in(self, eye: Eye, picture: Picture, at: float) -> None:
        if self._size is None:
            self._size = Picture.grey(picture.width, picture.height)
        seen = eye.look(picture)
        sides = np.array((picture.width, picture.height) * 2)
        self._looks.append(RecordedLook(at, seen.boxes / sides, seen.scores, seen.classes))

    def _decide(self, stop: Stop) -> None:
        """In a thread of its own: it takes a while, and the old decision stays until the new one is as far."""
        current: Decided | None = None
        with stop.calling(self._wake.set):
            while not stop.is_set():
                self._wake.wait()
                self._wake.clear()
                if not (self._model and self._size):
                    continue
                whole_now, looks = self._all, len(self._looks)
                if current is None or current.confidence != self._confidence:
                    current = Decided(self.file, self._settings, self._model, self._confidence)
                for look in self._looks[current.looks : looks]:
                    current.take_in(look, self._size)
                    if stop.is_set() or current.confidence != self._confidence:
                        break
                if current.looks < looks:
                    self._wake.set()
                    continue
                if whole_now:
                    current.close(self.looked)
                self._decided = current
                self.changed.emit()


def row_of(event: Event) -> Row:
    """An event of a video for the list."""
    state = State.SUSPECTED if event.confirmed_at is None else State.CONFIRMED
    return Row(event.label, event.best_score, state, event.first_seen, event.last_seen)


def _plain(error: Exception) -> str:
    return "there is no video in it" if isinstance(error, IndexError) else f"it cannot be played ({error})"
