"""The window: both pages, menus, what is dropped on it, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError
from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QTabWidget,
    QWidget,
)

from server import __version__
from server.batch import PICTURES, VIDEOS
from server.config import Settings
from server.urls import redacted

from .connected import ConnectedPage
from .crew import Crew
from .export import Form
from .exporting import Exporting
from .local import LocalPage
from .look import icon
from .memory import Memory
from .menus import Menus
from .words import Words

DEVICES = Path("/dev")
STRETCH = 3


class Window(QMainWindow):
    """The one window of the application. ``wear`` puts an appearance on."""

    def __init__(self, words: Words, memory: Memory, settings: Settings, wear: Callable[[str], object]) -> None:
        super().__init__()
        self._words, self._memory, self._wear = words, memory, wear
        self._crew = Crew()
        weak = settings.detector.weak_confidence
        confidence = min(max(memory.number("confidence", settings.detector.confidence), weak), 0.95)
        self.local = LocalPage(words, settings, confidence, self._crew)
        self.connected = ConnectedPage(words, memory, self._crew)
        self.exporting = Exporting(words, memory, self._crew, self.statusBar())
        self._menus = Menus(
            self,
            words,
            {
                "open": self.ask_for_files,
                "webcam": self.open_webcam,
                "address": self.ask_for_address,
                "export": self.ask_to_export,
                "close": self.local.close_study,
                "quit": self.close,
                "about": self._about,
                "language": self._choose_language,
                "appearance": self._choose_appearance,
            },
            memory.text("appearance", "as_system"),
        )
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        for page, key in ((self.local, "local"), (self.connected, "connected")):
            index = self._tabs.addTab(page, "")
            words.keep(lambda text, index=index: self._tabs.setTabText(index, text), key)  # type: ignore[misc]
        self._tabs.setCornerWidget(self._buttons(), Qt.Corner.TopRightCorner)
        self.setCentralWidget(self._tabs)
        self.setWindowIcon(icon())
        self.setAcceptDrops(True)
        self.local.asked.connect(
            lambda what: {"open": self.ask_for_files, "webcam": self.open_webcam}.get(what, self.ask_for_address)()
        )
        self.local.changed.connect(self._study_changed)
        self.connected.alarmed.connect(self._come_forward)
        words.keep(self.setWindowTitle, "app")
        words.changed.connect(self._study_changed)
        self._restore()

    @property
    def threads_at_work(self) -> int:
        """How many of its threads have not ended."""
        return self._crew.at_work

    def open_files(self, files: Sequence[Path]) -> None:
        """Show pictures and videos; says so where there is nothing else."""
        known = [file for file in files if file.suffix.lower() in PICTURES | VIDEOS]
        if other := [file.name for file in files if file not in known]:
            self.statusBar().showMessage(self._words("unknown_files", names=", ".join(other[:STRETCH])))
        else:
            self.statusBar().clearMessage()
        if known:
            self._memory.keep("folder", str(known[0].resolve().parent))
            self._tabs.setCurrentWidget(self.local)
            self.local.open_files(known)

    def open_camera(self, url: str) -> None:
        """Show a camera by its address, or say why that is none."""
        try:
            self.local.open_camera(url)
        except ValidationError as error:
            mistakes = error.errors()
            reason = str(mistakes[0]["msg"]).removeprefix("Value error, ")
            self.statusBar().showMessage(self._words("address_wrong", reason=self._words.reason(reason)))
        else:
            self.statusBar().clearMessage()
            self._tabs.setCurrentWidget(self.local)

    def open_webcam(self) -> None:
        """Show the webcam; where there are several, the one that the user wants."""
        devices = sorted(str(path) for path in DEVICES.glob("video[0-9]*"))
        if not devices:
            self.statusBar().showMessage(self._words("no_webcam"))
            return
        device, ok = devices[0], True
        if len(devices) > 1:
            title = self._words("webcam")
            device, ok = QInputDialog.getItem(self, title, title, devices, editable=False)
        if ok:
            self.open_camera(device)

    def ask_for_files(self) -> None:
        """Let the user choose pictures and videos."""
        names = " ".join(f"*{suffix}" for suffix in sorted(PICTURES | VIDEOS))
        kinds = f"{self._words('files')} ({names});;{self._words('all_files')} (*)"
        folder = self._memory.text("folder", str(Path.home()))
        chosen, _ = QFileDialog.getOpenFileNames(self, self._words("open_title"), folder, kinds)
        if chosen:
            self.open_files([Path(name) for name in chosen])

    def ask_for_address(self) -> None:
        """Let the user type the address of a camera. It is remembered without its password."""
        url, ok = QInputDialog.getText(
            self,
            self._words("address_title"),
            self._words("address_label"),
            QLineEdit.EchoMode.Normal,
            self._memory.text("address", "rtsp://"),
        )
        if ok and url.strip():
            self._memory.keep("address", redacted(url.strip()).removesuffix("?..."))
            self.open_camera(url.strip())

    def ask_to_export(self, form: Form) -> None:
        """Let the user choose a file to write."""
        study = self.local.study
        if study and study.result() and (target := self.exporting.ask_where(self, study, form)):
            self.export_to(form, target)

    def export_to(self, form: Form, target: Path) -> None:
        """Write what was found."""
        study = self.local.study
        if study and study.result():
            self.exporting.begin(study, form, target, self.local.model)
        else:
            self.statusBar().showMessage(self._words("export_wait"))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """See Qt."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """See Qt."""
        files = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.open_files(files)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember everything, and let everything end."""
        memory = self._memory
        memory.keep("geometry", self.saveGeometry())
        memory.keep("layout", self.local.layout_state())
        memory.keep("page", self._tabs.currentIndex())
        memory.keep("confidence", self.local.controls.confidence)
        memory.save()
        self.hide()  # a model that is being opened cannot be called back: nobody has to watch that
        self.exporting.cancel()
        self.connected.close_all()
        self.local.close_study()
        self._crew.close()
        super().closeEvent(event)

    def _restore(self) -> None:
        if not self.restoreGeometry(self._memory.state("geometry")):
            self.resize(1180, 760)
        self.local.restore_layout(self._memory.state("layout"))
        self._tabs.setCurrentIndex(int(self._memory.number("page", 0)))

    def _buttons(self) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(8, 4, 12, 4)
        open_, self._export = QPushButton(), QPushButton()
        self._words.keep(open_.setText, "open")
        self._words.keep(self._export.setText, "export")
        open_.clicked.connect(self.ask_for_files)
        self._export.setMenu(self._menus.export)
        self._export.setEnabled(False)
        for button in (open_, self._export):
            button.setProperty("compact", True)
            row.addWidget(button)
        self._tabs.currentChanged.connect(lambda index: box.setVisible(index == 0))
        return box

    def _study_changed(self) -> None:
        study = self.local.study
        possible = bool(study and study.result())
        self._menus.tell_exportable(possible)
        self._export.setEnabled(possible)
        self.setWindowTitle(f"{study.title} - {self._words('app')}" if study else self._words("app"))

    def _choose_language(self, language: str) -> None:
        self._memory.keep("language", language)
        self._words.choose(language)

    def _choose_appearance(self, appearance: str) -> None:
        self._memory.keep("appearance", appearance)
        self._wear(appearance)

    def _come_forward(self) -> None:
        self._tabs.setCurrentWidget(self.connected)

    def _about(self) -> None:
        QMessageBox.about(self, self._words("about"), self._words("about_text", version=__version__))
