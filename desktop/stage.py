"""The stage: a picture as large as there is room, with its boxes, or a word on why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from server.core.drawing import Mark

from . import look
from .images import Shown

MARGIN = 24


class Stage(QWidget):
    """Shows one image at a time. The boxes are drawn here, so that they stay sharp whatever the size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Shown | None = None
        self._marks: Sequence[Mark] = ()
        self._title = self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    @property
    def shown(self) -> Shown | None:
        """The image on it."""
        return self._shown

    @property
    def marks(self) -> Sequence[Mark]:
        """The boxes on it."""
        return self._marks

    @property
    def words(self) -> str:
        """What it says."""
        return " ".join(filter(None, (self._title, self._text)))

    def show_image(self, shown: Shown | None, marks: Sequence[Mark] = ()) -> None:
        """Show an image with boxes in its picture's pixels."""
        self._shown, self._marks = shown, marks
        self.update()

    def say(self, title: str, text: str = "") -> None:
        """Words, over an image where there is one, which is then dimmed: it is not of now. Empty: none."""
        if (title, text) != (self._title, self._text):
            self._title, self._text = title, text
            self.setAccessibleName(self.words)
            self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(800, 480)

    def minimumSizeHint(self) -> QSize:
        """See Qt."""
        return QSize(280, 180)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(look.STAGE))
        if self._shown:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            area = self._area(self._shown)
            painter.drawImage(area, self._shown.image)
            self._draw_marks(painter, area, area.width() / self._shown.width)
        if self._title or self._text:
            self._draw_words(painter)
        painter.end()

    def _area(self, shown: Shown) -> QRectF:
        scale = min(self.width() / shown.width, self.height() / shown.height)
        width, height = shown.width * scale, shown.height * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def _draw_marks(self, painter: QPainter, area: QRectF, scale: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(area)
        font = QFont(self.font())
        font.setPixelSize(13)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        measure = QFontMetricsF(font)
        for mark in self._marks:
            x1, y1, x2, y2 = (float(value) * scale for value in mark.box)
            box = QRectF(area.left() + x1, area.top() + y1, x2 - x1, y2 - y1)
            colour = QColor(*mark.colour)
            painter.setPen(QPen(colour, 1 if mark.thin else 2.5))
            painter.drawRect(box)
            if mark.text:
                plate = QRectF(box.left() - 1, 0, measure.horizontalAdvance(mark.text) + 12, measure.height() + 4)
                above = box.top() - plate.height()
                plate.moveTop(above if above >= area.top() else max(box.top(), area.top()))
                plate.moveLeft(max(min(plate.left(), area.right() - plate.width()), area.left()))
                painter.fillRect(plate, colour)
                painter.setPen(QColor(*mark.ink))
                painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, mark.text)
        painter.setClipping(False)

    def _draw_words(self, painter: QPainter) -> None:
        if self._shown:
            painter.fillRect(self.rect(), QColor(12, 17, 22, 190))
        width = min(self.width() - 2 * MARGIN, 560)
        wrap = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        title, text = QFont(self.font()), QFont(self.font())
        title.setPixelSize(20)
        title.setWeight(QFont.Weight.DemiBold)
        text.setPixelSize(14)
        area = QRectF((self.width() - width) / 2, 0, width, self.height())
        heights = [
            QFontMetricsF(font).boundingRect(area, wrap, words).height() if words else 0.0
            for font, words in ((title, self._title), (text, self._text))
        ]
        top = (self.height() - sum(heights) - 10) / 2
        for font, words, colour, height in (
            (title, self._title, look.STAGE_INK, heights[0]),
            (text, self._text, look.STAGE_SOFT, heights[1]),
        ):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            painter.drawText(QRectF(area.left(), top, width, height + 4), wrap, words)
            top += height + 10
