"""The list of a server's events: the newest first, each in its last revision."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from . import look
from .sightings import dot
from .words import Words

Json = dict[str, Any]
MOST = 200
COLOURS = {"confirmed": look.ALARM, "suspected": look.CAUTION}


class Events(QListWidget):
    """Events; one can be chosen."""

    chosen = Signal(str)
    """Its id."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._bodies: dict[str, Json] = {}
        self.setWordWrap(True)
        words.keep(self.setAccessibleName, "events")
        words.changed.connect(self._show)
        self.itemClicked.connect(lambda item: self.chosen.emit(item.data(Qt.ItemDataRole.UserRole)))
        self.itemActivated.connect(lambda item: self.chosen.emit(item.data(Qt.ItemDataRole.UserRole)))

    def take(self, bodies: Iterable[Json]) -> None:
        """Events as the API tells them; an older revision of one that is there is passed over."""
        for body in bodies:
            known = self._bodies.get(body["id"])
            if known is None or known["revision"] <= body["revision"]:
                self._bodies[body["id"]] = (known or {}) | body
        newest = sorted(self._bodies, reverse=True)[:MOST]  # ids sort by time
        self._bodies = {event_id: self._bodies[event_id] for event_id in newest}
        self._show()

    def body(self, event_id: str) -> Json | None:
        """An event that is in the list."""
        return self._bodies.get(event_id)

    def forget(self) -> None:
        """Empty it."""
        self._bodies = {}
        self._show()

    def _show(self) -> None:
        current = self.currentItem()
        chosen = current.data(Qt.ItemDataRole.UserRole) if current else None
        scrolled = self.verticalScrollBar().value()
        self.clear()
        for event_id, body in self._bodies.items():
            item = QListWidgetItem(dot(COLOURS.get(str(body["state"]), look.STAGE_SOFT)), text_of(body, self._words))
            item.setData(Qt.ItemDataRole.UserRole, event_id)
            self.addItem(item)
            if event_id == chosen:
                self.setCurrentItem(item)
        self.verticalScrollBar().setValue(scrolled)


def text_of(body: Json, words: Words) -> str:
    """An event in two or three lines."""
    state = str(body["state"])
    known = words(state) if state in ("suspected", "confirmed", "ended", "retracted") else state
    if state == "ended" and body.get("confirmed_at") is None:
        known = words("suspected")
    elif state == "ended":
        known = f"{words('confirmed')}, {known}"
    where = f" · {body['camera']}" if body.get("camera") else ""
    lines = [
        f"{body['label'] or body['kind']} {words.share(float(body['best_score']))}{where}",
        f"{time_of(body)}, {known}",
    ]
    if body.get("verdict"):
        lines.append(words(f"judged_{body['verdict']}"))
    return "\n".join(lines)


def time_of(body: Json) -> str:
    """When it was first seen, by the clock on this wall; with the day where that is not today."""
    at = datetime.fromisoformat(str(body["first_seen"])).astimezone()
    return f"{at:%H:%M:%S}" if at.date() == datetime.now(at.tzinfo).date() else f"{at:%Y-%m-%d %H:%M:%S}"
