"""How the desktop tells that a gun was confirmed: a sound, and a notification of the system."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from server.plugins import Stop

from .crew import Crew
from .look import icon

RATE = 22_050
TONES_HZ, TONE_S, TIMES, LOUDNESS, SOFT_S = (988, 740), 0.22, 3, 0.35, 0.015
"""The same two tones in turn as the page's, unlike anything else a desk hears."""


class Alarm(QObject):
    """Sounds and notifies. It is in the tray while it may have to tell something."""

    pressed = Signal()
    """Somebody pressed the notification."""
    _mute = Signal()

    def __init__(self, folder: Path, crew: Crew, window: QWidget) -> None:
        super().__init__(window)
        self._file = folder / "alarm.wav"
        self._crew, self._window = crew, window
        self._tray = QSystemTrayIcon(icon(), window)
        self._tray.messageClicked.connect(self.pressed)
        self._tray.activated.connect(self.pressed)
        self._mute.connect(QApplication.beep)

    def stand_by(self, ready: bool) -> None:
        """Be in the tray, or leave it."""
        self._tray.setVisible(ready and QSystemTrayIcon.isSystemTrayAvailable())

    def sound(self) -> None:
        """Sound once, in a thread; the system's beep where nothing can play it."""
        self._crew.start("alarm", self._play)

    def notify(self, title: str, text: str) -> None:
        """Tell by the system, which also marks the window in its bar."""
        self._tray.showMessage(title, text, QSystemTrayIcon.MessageIcon.Warning)
        QApplication.alert(self._window)

    def _play(self, _stop: Stop) -> None:
        try:
            if not self._file.is_file():
                write_tones(self._file)
            from playsound3 import playsound  # it looks for players when it is imported, which takes a moment

            playsound(self._file)
        except Exception:  # whatever is wrong with the sound of this computer, the alarm is on the screen
            self._mute.emit()


def write_tones(file: Path) -> None:
    """Write the tones as a WAV file."""
    samples = []
    length = round(RATE * TONE_S)
    for number in range(TIMES * len(TONES_HZ)):
        pitch = TONES_HZ[number % len(TONES_HZ)]
        for index in range(length):
            at = index / RATE
            edge = min(at, TONE_S - at) / SOFT_S  # a tone that begins at once clicks
            triangle = 2 / math.pi * math.asin(math.sin(2 * math.pi * pitch * at))
            samples.append(round(32_767 * LOUDNESS * min(edge, 1.0) * triangle))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
