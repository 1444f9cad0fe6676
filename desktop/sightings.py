"""The list of sightings: what was seen, how surely, when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from server.core.events import State

from . import look
from .study import Row
from .words import Words

COLOURS = {State.CONFIRMED: look.ALARM, State.SUSPECTED: look.CAUTION}
MOST = 500


class Sightings(QListWidget):
    """Rows of what was seen; choosing one of a video goes there."""

    chosen = Signal(float)
    """Its time (s)."""

    def __init__(self, words: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._rows: Sequence[Row] = ()
        self.setWordWrap(True)
        words.keep(self.setAccessibleName, "sightings")
        words.changed.connect(lambda: self.tell(self._rows, again=True))
        self.itemClicked.connect(self._choose)
        self.itemActivated.connect(self._choose)

    def tell(self, rows: Sequence[Row], *, again: bool = False) -> None:
        """What is in it; those that are there already stay as they are."""
        if list(rows) == list(self._rows) and not again:
            return
        self._rows = list(rows)
        place, scrolled = self.currentRow(), self.verticalScrollBar().value()
        self.clear()
        for row in rows[-MOST:]:
            item = QListWidgetItem(dot(COLOURS.get(row.state, look.STAGE_SOFT)), self._text(row))
            item.setData(Qt.ItemDataRole.UserRole, row.at)
            self.addItem(item)
        if 0 <= place < self.count():
            self.setCurrentRow(place)
        self.verticalScrollBar().setValue(scrolled)

    def _text(self, row: Row) -> str:
        words = self._words
        first = f"{row.label} {words.share(row.score)}"
        if row.at is not None and row.until is not None:
            state = words(row.state)
            return f"{first}, {state}\n{words('row_at', at=clock(row.at), until=clock(row.until))}"
        if row.clock is not None:
            return f"{first}, {words(row.state)}\n{datetime.fromtimestamp(row.clock):%H:%M:%S}"
        return first

    def _choose(self, item: QListWidgetItem) -> None:
        at = item.data(Qt.ItemDataRole.UserRole)
        if at is not None:
            self.chosen.emit(float(at))


def clock(seconds: float) -> str:
    """A time within a video: ``0:07.2``."""
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    text = f"{minutes:02}" if hours else str(minutes)
    return f"{f'{hours}:' if hours else ''}{text}:{rest // 10:02}.{rest % 10}"


def dot(colour: str) -> QIcon:
    """A dot of a colour, which stands before a word that says the same."""
    pixmap = QPixmap(24, 24)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(colour))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(4, 4, 16, 16)
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else Qt tints it, and a colour says something here
    return icon
