"""What the application remembers from one time to the next."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings


class Memory:
    """Choices and the place of the window, in the user's own settings file, which only he may read: a token can be in
    it. Qt finds the place, or ``path`` names it."""

    def __init__(self, path: Path | None = None) -> None:
        form = QSettings.Format.IniFormat
        self._settings = (
            QSettings(str(path), form) if path else QSettings(form, QSettings.Scope.UserScope, "Vigie", "desktop")
        )
        file = Path(self._settings.fileName())
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        if os.name == "posix":
            file.chmod(0o600)

    @property
    def folder(self) -> Path:
        """Where its file is."""
        return Path(self._settings.fileName()).parent

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        return str(self._settings.value(key, default))

    def number(self, key: str, default: float) -> float:
        """A number; the default where somebody wrote something else."""
        try:
            return float(str(self._settings.value(key, default)))
        except ValueError:
            return default

    def flag(self, key: str, default: bool) -> bool:
        """Yes or no."""
        return str(self._settings.value(key, default)).lower() == "true"

    def state(self, key: str) -> QByteArray:
        """The state of a widget, as Qt saves it; empty where there is none."""
        value = self._settings.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep(self, key: str, value: str | float | bool | QByteArray) -> None:
        """Remember something."""
        self._settings.setValue(key, value)

    def forget(self, key: str) -> None:
        """Remember it no more."""
        self._settings.remove(key)

    def save(self) -> None:
        """Write it down now."""
        self._settings.sync()
