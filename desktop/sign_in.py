"""The form that asks for the address of a Vigie and a token."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from .memory import Memory
from .words import Words

WIDTH = 440


class SignIn(QWidget):
    """The form, and what went wrong."""

    asked = Signal(str, str)
    """An address and a token, as they were typed."""

    def __init__(self, words: Words, memory: Memory) -> None:
        super().__init__()
        self._words, self._memory = words, memory
        self.server, self.token = QLineEdit(memory.text("server")), QLineEdit(memory.text("token"))
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.remember = QCheckBox()
        self.remember.setChecked(bool(memory.text("token")))
        self.button = QPushButton()
        self.button.setProperty("main", True)
        self.problem = QLabel()
        self.problem.setProperty("problem", True)
        self.problem.setWordWrap(True)
        self._lay_out()
        for field in (self.server, self.token):
            field.returnPressed.connect(self._ask)
        self.button.clicked.connect(self._ask)

    def wait(self, server: str) -> None:
        """Somebody is being asked."""
        self.button.setEnabled(False)
        self.problem.setProperty("problem", False)
        self._tell(self._words("connecting", server=server))

    def say(self, problem: str) -> None:
        """Why it did not go; empty: nothing is wrong."""
        self.button.setEnabled(True)
        self.problem.setProperty("problem", True)
        self._tell(problem)

    def keep(self) -> None:
        """Remember what was right."""
        self._memory.keep("server", self.server.text().strip())
        if self.remember.isChecked():
            self._memory.keep("token", self.token.text().strip())
        else:
            self._memory.forget("token")

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.style().polish(self.problem)

    def _ask(self) -> None:
        if self.button.isEnabled():
            self.asked.emit(self.server.text().strip(), self.token.text().strip())

    def _lay_out(self) -> None:
        words, card = self._words, QFrame()
        card.setProperty("card", True)
        card.setFixedWidth(WIDTH)
        title, text = QLabel(), QLabel()
        title.setProperty("large", True)
        text.setProperty("soft", True)
        for label, key in ((title, "sign_in_title"), (text, "sign_in_text")):
            label.setWordWrap(True)
            words.keep(label.setText, key)
        column = QVBoxLayout(card)
        column.setContentsMargins(28, 24, 28, 24)
        column.setSpacing(10)
        column.addWidget(title)
        column.addWidget(text)
        column.addSpacing(8)
        for field, key in ((self.server, "server"), (self.token, "token")):
            name = QLabel()
            name.setBuddy(field)
            words.keep(name.setText, key)
            words.keep(field.setAccessibleName, key)
            words.keep(field.setPlaceholderText, f"{key}_hint")
            column.addWidget(name)
            column.addWidget(field)
        words.keep(self.remember.setText, "remember")
        words.keep(self.button.setText, "connect")
        column.addWidget(self.remember)
        column.addSpacing(8)
        column.addWidget(self.button)
        column.addWidget(self.problem)
        grid = QGridLayout(self)
        grid.addWidget(card, 0, 0, Qt.AlignmentFlag.AlignCenter)
