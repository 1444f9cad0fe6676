"""The application: settings, look, language and the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QTranslator
from PySide6.QtWidgets import QApplication

from server.config import Settings, load_settings

from . import look
from .memory import Memory
from .window import Window
from .words import Words


def settings_of(config: Path | None, folder: Path) -> Settings:
    """The settings of a server here, if there are any: model, thresholds, policy. Compiled models go to ``folder``
    where no server keeps any. Raises ConfigError."""
    settings = load_settings(config or (Path("vigie.yaml") if Path("vigie.yaml").is_file() else None))
    if (settings.data_dir / "cache").is_dir():
        return settings
    (folder / "cache").mkdir(parents=True, exist_ok=True)
    return settings.model_copy(update={"data_dir": folder})


def open_window(app: QApplication, settings: Settings, memory: Memory, language: str | None = None) -> Window:
    """The window, as it was left."""
    words = Words(language or memory.text("language") or None)
    translator = QTranslator(app)  # the buttons of Qt's own dialogs

    def translate() -> None:
        app.removeTranslator(translator)
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if translator.load(f"qtbase_{words.language}", folder):
            app.installTranslator(translator)

    translate()
    words.changed.connect(translate)

    def wear(appearance: str) -> None:
        look.wear(app, appearance)

    wear(memory.text("appearance", "as_system"))
    app.styleHints().colorSchemeChanged.connect(lambda: wear(memory.text("appearance", "as_system")))
    return Window(words, memory, settings, wear)


def run(paths: Sequence[str], config: Path | None = None, language: str | None = None) -> int:
    """Run the application until its window is closed. Raises ConfigError."""
    memory = Memory()
    settings = settings_of(config, memory.folder)
    app = QApplication([])
    app.setApplicationName("Vigie")
    app.setDesktopFileName("vigie")
    window = open_window(app, settings, memory, language)
    window.show()
    files = [Path(path) for path in paths if Path(path).is_file()]
    others = [path for path in paths if not Path(path).is_file()]
    if others and not files:
        window.open_camera(others[0])
    elif files:
        window.open_files(files)
    return app.exec()
