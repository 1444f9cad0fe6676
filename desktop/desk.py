"""The desk of a server: its cameras, the video of one, its events, and a person's verdict."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from . import look
from .events import Events, text_of
from .images import Shown
from .memory import Memory
from .remote import Answer, EventFeed, Remote, VideoFeed
from .sightings import dot
from .stage import Stage
from .words import Words

Json = dict[str, Any]
POLL_MS = 2_000
PICTURE_MS, MOST_TRIES = 1_500, 8
"""The pictures of an event are written while it goes on: so often they are asked for."""
VERDICTS = ("real", "false", "unsure")
CAMERA_COLOURS = {"live": look.GOOD, "stalled": look.CAUTION, "retrying": look.CAUTION, "connecting": look.CAUTION}


class Desk(QWidget):
    """Works with one server until it is closed."""

    confirmed = Signal(dict)
    """A gun was confirmed."""
    left = Signal(str)
    """Somebody disconnected; or the server no longer knows the token, and the text says so."""

    def __init__(self, words: Words, memory: Memory, remote: Remote, permissions: set[str]) -> None:
        super().__init__()
        self._words, self._memory, self._remote = words, memory, remote
        self._may_judge = "judge" in permissions
        self._cameras: list[Json] = []
        self._rows: list[tuple[str, str, str]] = []
        self._video: VideoFeed | None = None
        self._camera = ""
        self._event = ""
        self._tries = 0
        self._line = True
        self.cameras, self.events, self.stage = QListWidget(), Events(words), Stage()
        self.verdicts = {verdict: QPushButton() for verdict in VERDICTS}
        self.to_live = QPushButton()
        self._lay_out()
        self.cameras.currentItemChanged.connect(self._choose_camera)
        self.cameras.itemClicked.connect(self._choose_camera)
        self.events.chosen.connect(self.show_event)
        self.to_live.clicked.connect(self.show_live)
        for verdict, button in self.verdicts.items():
            button.clicked.connect(lambda _=False, verdict=verdict: self.judge(verdict))
        words.changed.connect(self._rename)
        self._feed = EventFeed(remote)
        self._feed.told.connect(self._hear)
        self._feed.missed.connect(self._ask_for_events)
        self._feed.line.connect(self._tell_line)
        self._poll = QTimer(self, interval=POLL_MS)
        self._poll.timeout.connect(self._ask_for_cameras)
        self._again = QTimer(self, singleShot=True, interval=PICTURE_MS)
        self._again.timeout.connect(self._ask_for_event)
        self._rename()

    def open(self) -> None:
        """Begin."""
        self._ask_for_cameras()
        self._ask_for_events()
        self._feed.open()
        self._poll.start()

    def close_all(self) -> None:
        """End all that is under way."""
        self._poll.stop()
        self._again.stop()
        self._feed.close()
        if self._video:
            self._video.close()
        self._remote.close()

    def show_event(self, event_id: str) -> None:
        """Show an event in place of the live video."""
        self._event, self._tries = event_id, 0
        self._stop_video()
        self.stage.show_image(None)
        self._ask_for_event()
        self._rename()

    def show_live(self) -> None:
        """Show the camera's video again."""
        self._event = ""
        self._again.stop()
        self.events.setCurrentRow(-1)
        self.stage.show_image(None)
        self._start_video()
        self._rename()

    def judge(self, verdict: str) -> None:
        """Say of the event that is shown what it is."""
        event_id = self._event
        if event_id:
            self._remote.post(f"/api/v1/events/{event_id}/verdict", {"verdict": verdict}, self._judged)

    def _judged(self, answer: Answer) -> None:
        if answer.status == 200:
            self.events.take([answer.body])
            self._rename()
            self.state.setText(self._words("judged"))
        else:
            reason = str(answer.body.get("detail") or answer.reason or answer.status)
            self.state.setText(self._words("not_judged", reason=reason))

    def _ask_for_cameras(self) -> None:
        self._remote.get("/api/v1/cameras", self._take_cameras)

    def _take_cameras(self, answer: Answer) -> None:
        if answer.status == 401:
            self.left.emit(self._words("token_wrong"))
        elif answer.status == 200:
            self._cameras = list(answer.body["cameras"])
            self._show_cameras()

    def _ask_for_events(self) -> None:
        self._remote.get("/api/v1/events?limit=100", self._take_events)

    def _take_events(self, answer: Answer) -> None:
        if answer.status == 200:
            self.events.take(answer.body["events"])
            self._rename()

    def _hear(self, kind: str, body: Json) -> None:
        self.events.take([body])
        self._rename()
        if kind == "event.confirmed":
            self.confirmed.emit(body)

    def _ask_for_event(self) -> None:
        self._remote.get(f"/api/v1/events/{self._event}", self._take_event)

    def _take_event(self, answer: Answer) -> None:
        if answer.status != 200 or answer.body.get("id") != self._event:
            return
        self.events.take([answer.body])
        files = {file["name"]: file["url"] for file in (answer.body.get("evidence") or {}).get("files", ())}
        url = files.get("annotated.jpg") or files.get("clean.jpg")
        if url:
            event_id = self._event
            self._remote.get(str(url), lambda answer: self._take_picture(event_id, answer))
        else:
            self._try_again()

    def _take_picture(self, event_id: str, answer: Answer) -> None:
        if event_id != self._event:
            return
        if answer.status != 200 or not self._show_jpeg(answer.data):
            self._try_again()

    def _try_again(self) -> None:
        self._tries += 1
        if self._tries < MOST_TRIES:
            self._again.start()
        self.stage.say(self._words("no_picture"))

    def _choose_camera(self, item: QListWidgetItem | None) -> None:
        name = str(item.data(Qt.ItemDataRole.UserRole)) if item else ""
        if name and (name != self._camera or self._event):
            self._camera = name
            self._memory.keep("camera", name)
            self.show_live()

    def _start_video(self) -> None:
        self._stop_video()
        if self._camera:
            self._video = VideoFeed(self._remote, self._camera)
            self._video.pictured.connect(self._show_jpeg)
            self._video.lost.connect(self._lose_video)
            self._video.open()

    def _stop_video(self) -> None:
        if self._video:
            self._video.close()
            self._video.deleteLater()
            self._video = None

    def _show_jpeg(self, jpeg: bytes) -> bool:
        image = QImage.fromData(jpeg)
        if image.isNull():
            return False
        self.stage.say("")
        self.stage.show_image(Shown(image, image.width(), image.height(), 0.0))
        return True

    def _lose_video(self) -> None:
        self.stage.say(self._words("video_lost", camera=self._camera))

    def _tell_line(self, up: bool) -> None:
        if up != self._line:
            self._line = up
            if up:
                self._ask_for_events()
            self._rename()
            self._say_camera()

    def _show_cameras(self) -> None:
        chosen = self._camera or self._memory.text("camera")
        names = [str(camera["name"]) for camera in self._cameras]
        if chosen not in names:
            chosen = names[0] if names else ""
        rows = [(str(camera["name"]), *self._standing(camera)) for camera in self._cameras]
        if rows != self._rows:
            self._rows = rows
            self.cameras.blockSignals(True)
            self.cameras.clear()
            for name, said, colour in rows:
                item = QListWidgetItem(dot(colour), f"{name}\n{said}")
                item.setData(Qt.ItemDataRole.UserRole, name)
                self.cameras.addItem(item)
                if name == chosen:
                    self.cameras.setCurrentItem(item)
            self.cameras.blockSignals(False)
        if chosen != self._camera:
            self._camera = chosen
            if not self._event:
                self.show_live()
        if not names and not self._event:
            self._stop_video()
            self.stage.show_image(None)
        self._say_camera()

    def _standing(self, camera: Json) -> tuple[str, str]:
        """How a camera stands, and its colour."""
        if suspicion := camera["suspicion"]:
            return self._words(suspicion), look.ALARM if suspicion == "confirmed" else look.CAUTION
        state = str(camera["state"])
        return self._words(f"camera_{state}"), CAMERA_COLOURS.get(state, look.STAGE_SOFT)

    def _say_camera(self) -> None:
        """Why there is no video where there is none."""
        if self._event:
            return
        camera = next((one for one in self._cameras if one["name"] == self._camera), None)
        if camera is None:
            self.stage.say(self._words("no_cameras"))
        elif camera["state"] != "live":
            said = self._words(f"camera_{camera['state']}")
            self.stage.say(f"{self._camera}: {said}", _sentence(self._words.reason(str(camera["reason"] or ""))))
        elif not self._line:
            self.stage.say(self._words("line_down", server=self._remote.base))
        elif self.stage.shown:
            self.stage.say("")

    def _rename(self) -> None:
        """Bring all words up to date."""
        words, body = self._words, self.events.body(self._event) if self._event else None
        self.to_live.setVisible(bool(self._event))
        for button in self.verdicts.values():
            button.setVisible(bool(self._event) and self._may_judge)
        self._question.setVisible(bool(self._event))
        self._question.setText(words("verdict") if self._may_judge else words("may_not_judge"))
        self.state.setText(
            words("line_up" if self._line else "line_down", server=self._remote.base)
            if body is None
            else text_of(body, words).replace("\n", "  ·  ")
        )
        self._no_events.setVisible(self.events.count() == 0)

    def _lay_out(self) -> None:
        words = self._words
        left, middle, right = QWidget(), QWidget(), QWidget()
        for widget, heading, inner in ((left, "cameras", self.cameras), (right, "events", self.events)):
            column = QVBoxLayout(widget)
            column.setContentsMargins(0, 0, 0, 0)
            title = QLabel()
            title.setProperty("heading", True)
            words.keep(title.setText, heading)
            column.addWidget(title)
            column.addWidget(inner, 1)
        words.keep(self.cameras.setAccessibleName, "cameras")
        self._no_events = QLabel()
        self._no_events.setProperty("soft", True)
        words.keep(self._no_events.setText, "no_events")
        right_column = right.layout()
        assert right_column is not None
        right_column.addWidget(self._no_events)
        left_column = left.layout()
        assert left_column is not None
        for key in ("sound", "notify"):
            box = QCheckBox()
            box.setChecked(self._memory.flag(key, True))
            words.keep(box.setText, key)
            words.keep(box.setToolTip, f"{key}_tip")
            box.toggled.connect(lambda on, key=key: self._memory.keep(key, on))
            left_column.addWidget(box)
        leave = QPushButton()
        words.keep(leave.setText, "disconnect")
        leave.clicked.connect(lambda: self.left.emit(""))
        left_column.addWidget(leave)
        column = QVBoxLayout(middle)
        column.setContentsMargins(8, 0, 8, 0)
        column.addWidget(self.stage, 1)
        self.state = QLabel()
        self.state.setProperty("soft", True)
        self.state.setWordWrap(True)
        column.addWidget(self.state)
        row = QHBoxLayout()
        self._question = QLabel()
        row.addWidget(self._question)
        for verdict, button in self.verdicts.items():
            words.keep(button.setText, verdict)
            row.addWidget(button)
        row.addStretch()
        words.keep(self.to_live.setText, "to_live")
        row.addWidget(self.to_live)
        column.addLayout(row)
        split = QSplitter(Qt.Orientation.Horizontal)
        for widget in (left, middle, right):
            split.addWidget(widget)
            widget.setMinimumWidth(160)
        split.setSizes([190, 720, 280])
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(12, 12, 12, 8)
        whole.addWidget(split)


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}." if reason else ""
