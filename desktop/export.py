"""Writes what was found: an annotated copy, JSON or a table; in a thread, with progress, wholly or not at all."""

from __future__ import annotations

import csv
import json
import logging
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from server.batch import FileError, Result, said_plainly, whole
from server.detecting import COLUMNS, result_body, result_row
from server.plugins import Stop

from .crew import Crew
from .study import Study

log = logging.getLogger(__name__)


class Form(StrEnum):
    """What can be written of a study."""

    COPY = "copy"
    JSON = "json"
    CSV = "csv"


class Export(QObject):
    """One export under way. Signals come from its thread; one of the last three ends it."""

    progressed = Signal(float)
    """The share that is done, 0 to 1."""
    written = Signal(str)
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, study: Study, form: Form, target: Path, model: str) -> None:
        super().__init__()
        self._study, self._form, self._target, self._model = study, form, target, model
        self._stop: Stop | None = None

    def start(self, crew: Crew) -> None:
        """Begin, once its signals are connected."""
        self._stop = crew.start("export", self._run)

    def cancel(self) -> None:
        """End it; nothing is left of it."""
        if self._stop:
            self._stop.set()

    def _run(self, stop: Stop) -> None:
        try:
            self._write(stop)
        except FileError as error:
            self.stopped.emit() if stop.is_set() else self.failed.emit(str(error))
        except Exception as error:
            log.exception("an export failed")
            self.failed.emit(f"it cannot be written ({type(error).__name__})")
        else:
            self.written.emit(str(self._target))

    def _write(self, stop: Stop) -> None:
        result = self._study.result()
        if result is None:
            raise FileError("not all of it was looked at")
        if self._target.resolve() == result.file.resolve():
            raise FileError("this is the original; choose another name")
        if self._form is Form.COPY:
            self._study.write_copy(self._target, stop, self.progressed)
            return
        with said_plainly(), whole(self._target) as beginning:
            if self._form is Form.JSON:
                body = {"model": self._model, "files": [result_body(result, None)]}
                beginning.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", "utf-8")
            else:
                _write_table(beginning, result)


def _write_table(path: Path, result: Result) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(result_row(result, sighting) for sighting in result.sightings)
