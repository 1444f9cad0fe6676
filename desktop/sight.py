"""The model: opened once, in a thread of its own, where it works on one thing at a time, the newest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from server.broadcast import Mailbox
from server.config import Settings
from server.plugins import ModelError, PluginError, Stop
from server.replaying import Eye

from .crew import Crew

log = logging.getLogger(__name__)

Work = Callable[[Eye, Stop], None]


class Sight(QObject):
    """Does what is asked with the model; what is asked next ends what is under way. Signals come from its thread."""

    opening = Signal()
    opened = Signal(str)
    """The name of the model."""
    failed = Signal(str)
    """Why there is no model."""

    def __init__(self, settings: Settings, crew: Crew) -> None:
        super().__init__()
        self._eye = Eye(settings, None)
        self._asked: Mailbox[tuple[Work, Stop]] = Mailbox()
        self._wake = threading.Event()
        self._current: Stop | None = None
        crew.start("sight", self._run)

    def ask(self, work: Work) -> Stop:
        """Let the model do this, in place of anything else; the caller may stop it."""
        if self._current:
            self._current.set()
        self._current = Stop()
        self._asked.put((work, self._current))
        self._wake.set()
        return self._current

    def _run(self, stop: Stop) -> None:
        with stop.calling(self._wake.set):
            while not stop.is_set():
                self._wake.wait()
                self._wake.clear()
                asked = self._asked.take()
                if asked and not stop.is_set() and self._ready():
                    work, own = asked
                    with stop.calling(own.set):
                        self._do(work, own)

    def _do(self, work: Work, stop: Stop) -> None:
        try:
            work(self._eye, stop)
        except Exception as error:  # the model's library; the window tells, and the thread is there for what comes next
            log.exception("the model failed")
            self.failed.emit(f"The model failed ({type(error).__name__}).")

    def _ready(self) -> bool:
        try:
            if not self._eye.is_open:
                self.opening.emit()
            self.opened.emit(self._eye.model().info.name)
        except (ModelError, PluginError) as error:
            self.failed.emit(str(error))
            return False
        except Exception as error:  # a library of the model's; the window tells, and the next file tries again
            log.exception("the model cannot be opened")
            self.failed.emit(f"The model cannot be opened ({type(error).__name__}).")
            return False
        return True
