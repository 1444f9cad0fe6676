"""The words of the window, in the language chosen; what shows them is told when that changes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

from PySide6.QtCore import QLocale, QObject, Signal
from shiboken6 import isValid

LANGUAGES = {"en": "English", "fr": "Français"}


class Words(QObject):
    """Texts by their keys."""

    changed = Signal()
    """Another language was chosen."""

    def __init__(self, language: str | None = None) -> None:
        super().__init__()
        own = QLocale.system().name()[:2]
        self.language = language if language in LANGUAGES else own if own in LANGUAGES else "en"
        self._module = _module(self.language)

    def choose(self, language: str) -> None:
        """Another language, at once."""
        if language != self.language:
            self.language, self._module = language, _module(language)
            self.changed.emit()

    def __call__(self, key: str, **facts: object) -> str:
        """The text of a key. Raises KeyError for a key that is none."""
        text: str = self._module.WORDS[key]
        return text.format(**facts) if facts else text

    def reason(self, text: str) -> str:
        """A reason as the server's code gives it, in this language where it is a usual one."""
        return str(self._module.REASONS.get(text, text))

    def share(self, value: float) -> str:
        """A percentage."""
        return self("percent", value=round(value * 100))

    def keep(self, put: Callable[[str], object], key: str) -> None:
        """Put the text of a key somewhere, now and whenever the language changes."""

        def again() -> None:
            owner = getattr(put, "__self__", None)
            if isinstance(owner, QObject) and not isValid(owner):
                self.changed.disconnect(again)  # its widget is gone
            else:
                put(self(key))

        again()
        self.changed.connect(again)


def _module(language: str) -> ModuleType:
    return importlib.import_module(f".{language}", "desktop.languages")
