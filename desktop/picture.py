"""A picture file: looked at once, decided anew for each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import SignalInstance

from server.batch import FileError, Result, marks_of, picture_result, read_picture, said_plainly, write_picture
from server.config import Settings
from server.core.detections import Detections
from server.core.drawing import Mark
from server.core.events import State
from server.plugins import Stop
from server.replaying import Eye

from .images import shown_of_rgb
from .sight import Sight
from .study import Row, Study


class PictureStudy(Study):
    """A picture file."""

    is_picture = True

    def __init__(self, file: Path, settings: Settings, sight: Sight) -> None:
        super().__init__(file.name)
        self.file = file
        self._settings, self._sight = settings, sight
        self._confidence = settings.detector.confidence
        self._rgb: NDArray[np.uint8] | None = None
        self._seen: tuple[Detections, tuple[str, ...]] | None = None

    def begin(self) -> None:
        """See :class:`Study`."""
        self._stops.append(self._sight.ask(self._look))

    def _look(self, eye: Eye, stop: Stop) -> None:
        """In the model's thread."""
        try:
            with said_plainly():
                rgb = read_picture(self.file, self._settings)
        except FileError as error:
            self.told.emit("failed", {"reason": str(error)})
            return
        self._rgb = rgb
        self.show(shown_of_rgb(rgb))
        seen = eye.look_at_image(rgb, self._settings.detector.weak_confidence)
        self._seen = seen, eye.model().info.labels
        if not stop.is_set():
            self.changed.emit()
            self.told.emit("looked", {})

    def marks(self, at: float) -> Sequence[Mark]:
        """See :class:`Study`."""
        result = self.result()
        return marks_of(result) if result else []

    def rows(self) -> list[Row]:
        """See :class:`Study`. As ``POST /api/v1/detect``: what is above the threshold counts."""
        result = self.result()
        return [Row(one.label, one.score, State.CONFIRMED) for one in result.sightings] if result else []

    def decide(self, confidence: float) -> None:
        """See :class:`Study`."""
        self._confidence = confidence
        self.changed.emit()

    def result(self) -> Result | None:
        """See :class:`Study`."""
        if self._rgb is None or self._seen is None:
            return None
        seen, labels = self._seen
        return picture_result(self.file, self._rgb, seen.where(seen.scores >= self._confidence), labels)

    def write_copy(self, copy: Path, stop: Stop, progress: SignalInstance) -> None:
        """See :class:`Study`."""
        result = self.result()
        if result and self._rgb is not None:
            with said_plainly():
                write_picture(copy, self._rgb.copy(), result)
