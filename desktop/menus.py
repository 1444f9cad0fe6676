"""The menus of the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from .export import Form
from .look import APPEARANCES
from .words import LANGUAGES, Words

Call = Callable[..., Any]


class Menus:
    """Makes them; ``calls`` names what each does: ``open``, ``webcam``, ``address``, ``close``, ``quit``, ``about``,
    ``export``, ``language`` and ``appearance``, the last three with what was chosen."""

    def __init__(self, window: QMainWindow, words: Words, calls: dict[str, Call], appearance: str) -> None:
        self._window, self._words, self._calls = window, words, calls
        file, view, help_ = (self._menu(key) for key in ("menu_file", "menu_view", "menu_help"))
        keys = QKeySequence.StandardKey
        for key, shortcut in (("open", keys.Open), ("webcam", None), ("address", None)):
            self._add(file, key, calls[key], shortcut)
        file.addSeparator()
        self.export = QMenu(window)
        words.keep(self.export.setTitle, "export")
        for form in Form:
            self._add(self.export, f"export_{form}", lambda form=form: calls["export"](form))
        file.addMenu(self.export)
        self.tell_exportable(False)
        file.addSeparator()
        self._add(file, "close", calls["close"], keys.Close)
        self._add(file, "quit", calls["quit"], keys.Quit)
        self._choices(view, "language", [(key, name) for key, name in LANGUAGES.items()], words.language)
        self._choices(view, "appearance", [(key, None) for key in APPEARANCES], appearance)
        self._add(help_, "about", calls["about"])

    def tell_exportable(self, possible: bool) -> None:
        """Whether there is something to export."""
        self.export.setEnabled(possible)

    def _menu(self, key: str) -> QMenu:
        menu = self._window.menuBar().addMenu("")
        self._words.keep(menu.setTitle, key)
        return menu

    def _add(self, menu: QMenu, key: str, call: Call, shortcut: QKeySequence.StandardKey | None = None) -> QAction:
        action = QAction(self._window)
        self._words.keep(action.setText, key)
        action.triggered.connect(lambda: call())
        if shortcut is not None:
            action.setShortcut(shortcut)
        menu.addAction(action)
        return action

    def _choices(self, menu: QMenu, key: str, values: list[tuple[str, str | None]], current: str) -> None:
        """A menu of which one is chosen; a value without a name of its own is named by the words."""
        inner = QMenu(self._window)
        self._words.keep(inner.setTitle, key)
        group = QActionGroup(self._window)
        for value, name in values:
            action = QAction(self._window)
            if name:
                action.setText(name)
            else:
                self._words.keep(action.setText, value)
            action.setCheckable(True)
            action.setChecked(value == current)
            action.triggered.connect(lambda _=False, value=value: self._calls[key](value))
            group.addAction(action)
            inner.addAction(action)
        menu.addMenu(inner)
