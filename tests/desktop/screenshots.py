"""Screenshots of the desktop application in its states, for eyes: ``python -m tests.desktop.screenshots FOLDER``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.app import open_window, settings_of
from desktop.memory import Memory
from desktop.window import Window

from .vigie import ROOT, Vigie, vigie_at_work

FIXTURES = ROOT / "tests" / "fixtures"
WALK, PAN, FLASH = (FIXTURES / f"{name}.mp4" for name in ("gun-walk-720p", "gun-pan", "gun-flash"))
PICTURES = (
    FIXTURES / "pictures" / "gun-1cdb986cd69f46f5.jpg",
    FIXTURES / "pictures" / "bottles-640x360.jpg",
    FIXTURES / "pictures" / "gun-ab7ce795b1a9cf05.jpg",
)
CAMERAS = [
    {"name": "entrance", "url": str(WALK), "loop": True},
    {"name": "hall", "url": str(PAN), "loop": True},
    {"name": "yard", "url": "rtsp://127.0.0.1:9/stream1"},
]
WAIT_S = 120.0


def wait(until: Callable[[], object], what: str) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + WAIT_S
    while not until():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        QTest.qWait(50)


class Photographer:
    """Takes one window through its states."""

    def __init__(self, app: QApplication, folder: Path, memory: Path, language: str, appearance: str) -> None:
        self._folder, self._name = folder, f"{language}-{appearance}"
        self._app = app
        mind = Memory(memory)
        mind.keep("appearance", appearance)
        self.window: Window = open_window(app, settings_of(None, memory.parent), mind, language)
        self.window.resize(1180, 760)
        self.window.show()

    def take(self, what: str) -> None:
        """One picture, once the window has painted itself."""
        QTest.qWait(300)
        self.window.grab().save(str(self._folder / f"{what}-{self._name}.png"))

    def local(self) -> None:
        """What is on this computer."""
        window = self.window
        self.take("empty")
        window.open_files([WALK])
        QTest.qWait(50)
        self.take("opening")
        wait(lambda: window.local.study and window.local.study.result(), "all looks")
        window.local.controls.seek.sought.emit(4.0)
        wait(lambda: window.local.stage.marks, "boxes")
        self.take("video")
        window.local.controls.slider.setValue(90)
        wait(lambda: not window.local.controls.seek.markers, "another decision")
        self.take("strict")
        window.local.controls.slider.setValue(25)
        window.open_files(PICTURES)
        wait(lambda: window.local.study and window.local.study.result(), "the look at a picture")
        self.take("picture")
        broken = self._folder / "broken.mp4"
        broken.write_bytes(WALK.read_bytes()[:20_000])
        window.open_files([broken])
        wait(lambda: window.local.stage.words.endswith("."), "what is wrong")
        self.take("broken")
        broken.unlink()
        window.open_camera("rtsp://127.0.0.1:9/stream1")
        wait(lambda: not window.local.files.isVisible() and window.local.stage.words.endswith("s."), "a lost camera")
        self.take("lost")

    def connected(self, vigie: Vigie, token: str) -> None:
        """A Vigie elsewhere."""
        window, page = self.window, self.window.connected
        window._come_forward()
        self.take("sign-in")
        page.connect_to(vigie.url, "vigie_wrong")
        wait(lambda: page.form.button.isEnabled(), "the refusal")
        self.take("refused")
        page.connect_to(vigie.url, token)
        wait(lambda: page.desk and page.desk.stage.shown and page.desk.events.count(), "the video")
        desk = page.desk
        assert desk is not None
        self.take("desk")
        event = desk.events.item(desk.events.count() - 1)
        desk.events.setCurrentItem(event)
        desk.events.itemClicked.emit(event)
        wait(lambda: desk.stage.shown and not desk.stage.words, "the picture of the event")
        self.take("event")
        desk.cameras.setCurrentRow(2)
        wait(lambda: desk.stage.words, "no video")
        self.take("no-video")
        self.window.resize(900, 560)
        desk.cameras.setCurrentRow(1)
        wait(lambda: desk.stage.shown, "the video")
        self.take("small")
        self.window.resize(1180, 760)


def main(folder: Path) -> None:
    """Both languages, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    with tempfile.TemporaryDirectory() as name, vigie_at_work(Path(name), cameras=CAMERAS) as vigie:
        token = vigie.token(role="operator")
        for language, appearance in (("en", "light"), ("fr", "dark")):
            photographer = Photographer(app, folder, Path(name) / f"{language}.ini", language, appearance)
            try:
                photographer.local()
                photographer.connected(vigie, token)
            finally:
                photographer.window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
