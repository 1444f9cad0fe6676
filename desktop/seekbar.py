"""The seek bar: where the video is, how far it was looked at, and where guns were seen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from server.core.events import State

from . import look
from .study import Row

STEP_S = 5.0
LEAST_MARKER = 4.0
EDGE = 8.0


class SeekBar(QWidget):
    """A bar as long as the video."""

    sought = Signal(float)
    """Somebody wants to be there (s)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._length = self._position = self._looked = 0.0
        self._rows: Sequence[Row] = ()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    @property
    def markers(self) -> Sequence[Row]:
        """What is marked on it."""
        return self._rows

    def tell(self, length: float, looked: float, rows: Sequence[Row]) -> None:
        """How long the video is, how far it was looked at, what was seen."""
        self._length, self._looked, self._rows = length, looked, rows
        self.update()

    def move_to(self, position: float) -> None:
        """Show this position (s)."""
        self._position = position
        self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(400, 30)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle, palette = self.height() / 2, self.palette()
        groove = QRectF(EDGE, middle - 4, self.width() - 2 * EDGE, 8)
        painter.setBrush(palette.mid())
        painter.drawRoundedRect(groove, 4, 4)
        if self._length > 0:
            looked = QRectF(groove)
            looked.setRight(self._x(self._looked))
            painter.setBrush(palette.dark())
            painter.drawRoundedRect(looked, 4, 4)
            for row in sorted(self._rows, key=lambda row: row.state is State.CONFIRMED):
                left, right = self._x(row.at or 0.0), self._x(row.until or 0.0)
                marker = QRectF(left, middle - 7, max(right - left, LEAST_MARKER), 14)
                painter.setBrush(QColor(look.ALARM if row.state is State.CONFIRMED else look.CAUTION))
                painter.drawRoundedRect(marker, 2, 2)
            x = self._x(self._position)
            painter.setBrush(palette.windowText())
            painter.drawRoundedRect(QRectF(x - 2, middle - 12, 4, 24), 2, 2)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(palette.accent().color())
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        self._seek_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek_to(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt."""
        keys = {Qt.Key.Key_Left: self._position - STEP_S, Qt.Key.Key_Right: self._position + STEP_S}
        keys |= {Qt.Key.Key_Home: 0.0, Qt.Key.Key_End: self._length}
        target = keys.get(Qt.Key(event.key()))
        if target is None:
            super().keyPressEvent(event)
        else:
            self._ask(target)

    def _x(self, at: float) -> float:
        return EDGE + (self.width() - 2 * EDGE) * min(max(at / self._length, 0.0), 1.0)

    def _seek_to(self, x: float) -> None:
        if self._length > 0:
            self._ask((x - EDGE) / max(self.width() - 2 * EDGE, 1) * self._length)

    def _ask(self, at: float) -> None:
        at = min(max(at, 0.0), self._length)
        self.move_to(at)
        self.sought.emit(at)
