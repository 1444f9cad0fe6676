"""The window as a whole: its words, and what it remembers."""

from __future__ import annotations

import ast
from pathlib import Path
from string import Formatter

import pytest
from PySide6.QtCore import QSize
from pytestqt.qtbot import QtBot

from desktop.languages import en, fr
from desktop.window import Window
from desktop.words import Words
from server.config import DetectorSettings

from .fixtures import Opened
from .vigie import ROOT

USUAL = DetectorSettings().confidence


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_say_the_same() -> None:
    assert list(en.WORDS) == list(fr.WORDS)
    for key, text in en.WORDS.items():
        assert places(text) == places(fr.WORDS[key]), key


def test_every_word_is_used() -> None:
    begins = ("server_", "token_", "sound_", "notify_", "status_", "camera_", "judged_", "export_", "sign_in_", "drop_")
    literals = {node.value for node in ast.walk(ast.parse(source_of())) if isinstance(node, ast.Constant)}
    assert [key for key in en.WORDS if key not in literals and not key.startswith(begins)] == []


def source_of() -> str:
    files = sorted((ROOT / "desktop").glob("*.py"))
    return "\n".join(path.read_text("utf-8").replace("from __future__ import annotations", "") for path in files)


def test_all_words_change_at_once(window: Window) -> None:
    window.local.open_camera("rtsp://127.0.0.1:9/x")
    window._choose_language("fr")
    assert window.local.controls.value.text() == f"{USUAL:.0%}".replace("%", " %")
    assert [window._tabs.tabText(index) for index in (0, 1)] == ["Sur cet ordinateur", "Sur un serveur Vigie"]
    assert window.connected.form.button.text() == "Se connecter"
    window._choose_language("en")
    assert window.connected.form.button.text() == "Connect"


def test_it_remembers(qtbot: QtBot, opened: Opened) -> None:
    first = opened(None)
    first._choose_language("fr")
    first._choose_appearance("dark")
    first.local.controls.slider.setValue(61)
    first.resize(QSize(770, 620))
    first._tabs.setCurrentIndex(1)
    first.close()
    second = opened(None)
    assert second.size() == QSize(770, 620)
    assert second.local.controls.confidence == 0.61
    assert second._tabs.currentIndex() == 1
    assert second.connected.form.button.text() == "Se connecter"
    assert second.palette().window().color().lightness() < 60


def test_an_unreadable_memory_is_none(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "memory" / "desktop.ini"
    file.parent.mkdir()
    file.write_text("[General]\nconfidence=much\npage=x\nlanguage=xx\ngeometry=@ByteArray(no)\n", "utf-8")
    window = opened(None)
    assert window.local.controls.confidence == USUAL


def test_unknown_words_are_a_mistake() -> None:
    with pytest.raises(KeyError):
        Words("en")("nothing of the kind")
