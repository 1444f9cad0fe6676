"""One window for many tests, without a screen; a Vigie to connect to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.app import open_window, settings_of
from desktop.memory import Memory
from desktop.window import Window
from server.config import Settings

from .vigie import ROOT, Vigie, vigie_at_work

FIXTURES = ROOT / "tests" / "fixtures"
WAIT_MS = 60_000

Opened = Callable[..., Window]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """As without a settings file, but with fewer looks; compiled models are kept for the other windows."""
    usual = settings_of(None, tmp_path_factory.mktemp("desktop"))
    return usual.model_copy(update={"detector": usual.detector.model_copy(update={"look_rate": 4.0})})


@pytest.fixture
def opened(qtbot: QtBot, qapp: QApplication, settings: Settings, tmp_path: Path) -> Iterator[Opened]:
    """Opens windows that remember the same; after the test none of their threads is left."""
    windows: list[Window] = []

    def open_one(language: str | None = "en") -> Window:
        window = open_window(qapp, settings, Memory(tmp_path / "memory" / "desktop.ini"), language)
        windows.append(window)
        qtbot.addWidget(window)
        window.show()
        return window

    yield open_one
    for window in windows:
        window.close()
        # One that opens the model cannot be called back, and this machine may be busy.
        qtbot.waitUntil(lambda window=window: window.threads_at_work == 0, timeout=WAIT_MS)  # type: ignore[misc]


@pytest.fixture
def window(opened: Opened) -> Window:
    """A window in English that remembers nothing."""
    return opened()


@pytest.fixture(scope="session")
def vigie(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vigie]:
    """A Vigie with a certificate of its own making and one camera, which sees a gun again and again."""
    cameras = [{"name": "hall", "url": str(FIXTURES / "gun-pan.mp4"), "loop": True}]
    with vigie_at_work(tmp_path_factory.mktemp("vigie"), cameras=cameras, tls="self-made") as running:
        yield running
