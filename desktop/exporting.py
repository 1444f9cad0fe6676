"""The line at the bottom of the window that shows an export: its progress, a button to end it, how it ended."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QProgressBar, QPushButton, QStatusBar, QWidget

from .crew import Crew
from .export import Export, Form
from .memory import Memory
from .study import Study
from .words import Words

SUFFIXES = {Form.JSON: ".json", Form.CSV: ".csv"}
STEPS = 1000


class Exporting(QObject):
    """Runs one export at a time, and shows it in a status bar."""

    def __init__(self, words: Words, memory: Memory, crew: Crew, bar: QStatusBar) -> None:
        super().__init__(bar)
        self._words, self._memory, self._crew, self._bar = words, memory, crew, bar
        self.current: Export | None = None
        self._progress = QProgressBar()
        self._progress.setRange(0, STEPS)
        self._progress.setMaximumWidth(220)
        self._cancel = QPushButton()
        words.keep(self._cancel.setText, "cancel")
        self._cancel.clicked.connect(self.cancel)
        for widget in (self._progress, self._cancel):
            bar.addPermanentWidget(widget)
            widget.hide()

    def ask_where(self, parent: QWidget, study: Study, form: Form) -> Path | None:
        """The file that the user wants to write."""
        name = Path(study.title)
        suffix = SUFFIXES.get(form) or (".jpg" if study.is_picture else ".mp4")
        offered = Path(self._memory.text("export_folder", str(Path.home()))) / f"{name.stem}-vigie{suffix}"
        title = self._words("export_title", name=name.name)
        chosen, _ = QFileDialog.getSaveFileName(parent, title, str(offered), f"*{suffix}")
        if not chosen:
            return None
        self._memory.keep("export_folder", str(Path(chosen).parent))
        return Path(chosen) if Path(chosen).suffix else Path(chosen + suffix)

    def begin(self, study: Study, form: Form, target: Path, model: str) -> None:
        """Write; does nothing while another export runs."""
        if self.current:
            return
        export = self.current = Export(study, form, target, model)
        self._bar.showMessage(self._words("export_running", name=target.name))
        self._progress.setValue(0)
        self._progress.show()
        self._cancel.show()
        export.progressed.connect(self._show)
        export.written.connect(self._written)
        export.failed.connect(self._failed)
        export.stopped.connect(self._stopped)
        export.start(self._crew)

    def cancel(self) -> None:
        """End the export that runs."""
        if self.current:
            self.current.cancel()

    def _show(self, share: float) -> None:
        self._progress.setValue(round(share * STEPS))

    def _written(self, path: str) -> None:
        self._end(self._words("export_done", path=path))

    def _failed(self, reason: str) -> None:
        self._end(self._words("export_failed", reason=self._words.reason(reason)))

    def _stopped(self) -> None:
        self._end(self._words("export_stopped"))

    def _end(self, message: str) -> None:
        self.current = None
        self._progress.hide()
        self._cancel.hide()
        self._bar.showMessage(message)
