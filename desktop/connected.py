"""The page for a Vigie elsewhere: the form, then the desk, and the alarm that either may sound."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMessageBox, QStackedLayout, QWidget

from .alarm import Alarm
from .crew import Crew
from .desk import Desk, Json
from .events import time_of
from .memory import Memory
from .remote import Answer, Remote, base_of
from .sign_in import SignIn
from .words import Words


class ConnectedPage(QWidget):
    """Connects, and comes back by itself the next time where nobody disconnected."""

    alarmed = Signal()
    """Somebody pressed the notification of an alarm."""

    def __init__(self, words: Words, memory: Memory, crew: Crew) -> None:
        super().__init__()
        self._words, self._memory = words, memory
        self._remote: Remote | None = None
        self._fingerprint = ""
        self.alarm = Alarm(memory.folder, crew, self)
        self.alarm.pressed.connect(self.alarmed)
        self.form = SignIn(words, memory)
        self.desk: Desk | None = None
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.form)
        self.form.asked.connect(self.connect_to)
        if memory.flag("connected", False) and memory.text("server"):
            self.connect_to(memory.text("server"), memory.text("token"))

    def connect_to(self, address: str, token: str) -> None:
        """Ask a server whether it lets us in."""
        base = base_of(address)
        if base is None:
            self.form.say(self._words("server_wrong"))
            return
        self._forget_remote()
        self._fingerprint = ""
        remote = self._remote = Remote(base, token, self._memory.text(f"trusted/{_name(base)}"))
        remote.untrusted.connect(self._note_fingerprint)
        self.form.wait(base)
        remote.get("/api/v1/session", lambda answer: self._answered(remote, token, answer))

    def close_all(self) -> None:
        """End all that is under way; it is remembered whether there was a connection."""
        self._memory.keep("connected", self.desk is not None)
        if self.desk:
            self.desk.close_all()
        self._forget_remote()
        self.alarm.stand_by(False)

    def trusts(self, server: str, fingerprint: str) -> bool:
        """Ask the user whether a certificate is the right one."""
        box = QMessageBox(self)
        box.setWindowTitle(self._words("trust_title"))
        lines = "\n".join(fingerprint[at : at + 48] for at in range(0, len(fingerprint), 48))
        box.setText(self._words("trust_text", server=server, fingerprint=lines))
        yes = box.addButton(self._words("trust"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(self._words("cancel"), QMessageBox.ButtonRole.RejectRole)
        box.exec()
        return box.clickedButton() is yes

    def _note_fingerprint(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def _answered(self, remote: Remote, token: str, answer: Answer) -> None:
        words, body = self._words, answer.body
        if answer.status == 0 and self._fingerprint:
            fingerprint = self._fingerprint
            if self.trusts(remote.base, fingerprint):
                self._memory.keep(f"trusted/{_name(remote.base)}", fingerprint)
                self.connect_to(remote.base, token)
                return
            problem = words("unreachable", server=remote.base, reason=words("not_trusted"))
        elif answer.status == 0:
            problem = words("unreachable", server=remote.base, reason=words.reason(answer.reason))
        elif answer.status == 401:
            problem = words("token_wrong")
        elif answer.status == 429:
            problem = str(body.get("detail") or words("answered", status=429))
        elif answer.status != 200 or "signed_in" not in body:
            problem = words("no_vigie")
        elif not body["signed_in"]:
            problem = words("token_needed")
        elif "view" not in body.get("permissions", ()):
            problem = words("token_weak")
        else:
            self._enter(remote, set(body["permissions"]))
            return
        self.form.say(problem)
        self._forget_remote()

    def _enter(self, remote: Remote, permissions: set[str]) -> None:
        self.form.keep()
        self.form.say("")
        desk = self.desk = Desk(self._words, self._memory, remote, permissions)
        desk.confirmed.connect(self._alarm)
        desk.left.connect(self._leave)
        self._stack.addWidget(desk)
        self._stack.setCurrentWidget(desk)
        self.alarm.stand_by(True)
        desk.open()

    def _leave(self, problem: str) -> None:
        if self.desk is None:
            return
        self.desk.close_all()
        self._stack.removeWidget(self.desk)
        self.desk.deleteLater()
        self.desk = None
        self._forget_remote()
        self.alarm.stand_by(False)
        self.form.say(problem)
        self._stack.setCurrentWidget(self.form)

    def _forget_remote(self) -> None:
        if self._remote:
            self._remote.close()
            self._remote.deleteLater()
            self._remote = None

    def _alarm(self, body: Json) -> None:
        if self._memory.flag("sound", True):
            self.alarm.sound()
        if self._memory.flag("notify", True):
            title = self._words("alarm_title", label=body["label"] or body["kind"], camera=body["camera"])
            share = self._words.share(float(body["best_score"]))
            self.alarm.notify(title, self._words("alarm_text", share=share, time=time_of(body)))


def _name(base: str) -> str:
    """A base URL as a key of the memory, where a slash would make a group."""
    return base.replace("/", "_")
