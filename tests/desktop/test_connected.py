"""The page for a Vigie elsewhere, against a real one by HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from desktop.alarm import Alarm, write_tones
from desktop.connected import ConnectedPage
from desktop.desk import Desk
from desktop.memory import Memory
from desktop.remote import base_of
from desktop.window import Window

from .fixtures import WAIT_MS, Opened
from .vigie import Vigie


@pytest.fixture(scope="session")
def operator(vigie: Vigie) -> str:
    """A token of an operator."""
    return vigie.token(role="operator")


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The user trusts every certificate; returns the fingerprints that he was asked about."""
    asked: list[str] = []

    def trusts(_page: ConnectedPage, _server: str, fingerprint: str) -> bool:
        asked.append(fingerprint)
        return True

    monkeypatch.setattr(ConnectedPage, "trusts", trusts)
    return asked


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was sounded and notified."""
    found: list[Any] = []
    monkeypatch.setattr(Alarm, "sound", lambda _: found.append("sound"))
    monkeypatch.setattr(Alarm, "notify", lambda _, title, text: found.append((title, text)))
    return found


def entered(qtbot: QtBot, window: Window, vigie: Vigie, token: str) -> Desk:
    """Connect, and wait for the desk."""
    page = window.connected
    page.form.server.setText(vigie.url)
    page.form.token.setText(token)
    page.form.button.click()
    qtbot.waitUntil(lambda: page.desk is not None or page.form.button.isEnabled(), timeout=WAIT_MS)
    assert page.desk, page.form.problem.text()
    return page.desk


def refused(qtbot: QtBot, window: Window, address: str, token: str) -> str:
    """Connect, and wait for what it says."""
    form = window.connected.form
    window.connected.connect_to(address, token)
    qtbot.waitUntil(form.button.isEnabled, timeout=WAIT_MS)
    return form.problem.text()


def test_an_operator_watches_is_alarmed_and_judges(
    qtbot: QtBot, opened: Opened, vigie: Vigie, operator: str, trusting: list[str], alarms: list[Any]
) -> None:
    window = opened()
    desk = entered(qtbot, window, vigie, operator)
    assert len(trusting[0].split(":")) == 32
    qtbot.waitUntil(lambda: desk.stage.shown is not None and desk.cameras.count() == 1, timeout=WAIT_MS)
    with qtbot.waitSignal(desk.confirmed, timeout=WAIT_MS) as told:
        pass
    event = told.args[0]
    assert alarms[0] == "sound"
    assert alarms[1][0] == "gun at hall"
    desk.show_event(event["id"])
    qtbot.waitUntil(lambda: desk.stage.shown is not None and not desk.stage.words, timeout=WAIT_MS)
    assert not any(button.isHidden() for button in desk.verdicts.values())
    desk.verdicts["false"].click()
    qtbot.waitUntil(lambda: (desk.events.body(event["id"]) or {}).get("verdict") == "false", timeout=WAIT_MS)
    desk.show_live()
    qtbot.waitUntil(lambda: desk.stage.shown is not None, timeout=WAIT_MS)
    window.close()
    again = opened()  # it comes back by itself, with the token only if that was to be remembered
    qtbot.waitUntil(lambda: "token" in again.connected.form.problem.text(), timeout=WAIT_MS)
    assert len(trusting) == 1


def test_who_may_only_view_has_no_verdicts(qtbot: QtBot, window: Window, vigie: Vigie, trusting: list[str]) -> None:
    desk = entered(qtbot, window, vigie, vigie.token(role="viewer"))
    qtbot.waitUntil(lambda: desk.events.count() > 0, timeout=WAIT_MS)
    desk.events.itemClicked.emit(desk.events.item(0))
    assert all(button.isHidden() for button in desk.verdicts.values())
    window.connected.desk.left.emit("")  # type: ignore[union-attr]
    assert window.connected.desk is None
    qtbot.wait(10)  # the desk is deleted
    window._choose_language("fr")
    assert window.connected.form.button.text() == "Se connecter"


def test_what_is_refused_says_why(
    qtbot: QtBot, window: Window, vigie: Vigie, operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(qtbot, window, "no address", operator) == "An address looks like https://vigie.example:5000."
    assert "cannot be reached" in refused(qtbot, window, "http://127.0.0.1:9", operator)
    monkeypatch.setattr(ConnectedPage, "trusts", lambda *_: False)
    assert "its certificate is not trusted" in refused(qtbot, window, vigie.url, operator)
    monkeypatch.setattr(ConnectedPage, "trusts", lambda *_: True)
    assert refused(qtbot, window, vigie.url, "vigie_wrong") == "This token is not known there, or no longer good."
    assert refused(qtbot, window, vigie.url, "") == "This Vigie asks for a token."
    scoped = vigie.token(scopes=["metrics"])
    assert refused(qtbot, window, vigie.url, scoped) == "This token may not view cameras."


def test_a_token_is_remembered_only_if_asked(
    qtbot: QtBot, opened: Opened, vigie: Vigie, operator: str, trusting: list[str], tmp_path: Path
) -> None:
    window = opened()
    form = window.connected.form
    file = tmp_path / "memory" / "desktop.ini"
    for remember in (False, True):
        form.server.setText(vigie.url)
        form.token.setText(operator)
        form.remember.setChecked(remember)
        form.button.click()
        qtbot.waitUntil(lambda: window.connected.desk is not None, timeout=WAIT_MS)
        window.connected.desk.left.emit("")  # type: ignore[union-attr]
        Memory(file).save()
        window._memory.save()
        assert (operator in file.read_text("utf-8")) is remember
    assert file.stat().st_mode & 0o077 == 0


def test_addresses_as_people_write_them() -> None:
    assert base_of("vigie.example:5000/") == "https://vigie.example:5000"
    assert base_of("localhost:5000") == "http://localhost:5000"
    assert base_of(" http://10.0.0.7 ") == "http://10.0.0.7"
    for wrong in ("", "ftp://x", "http://", "http://a b", "http://u:p@x", "http://x:99999", "http://x?y"):
        assert base_of(wrong) is None


def test_the_tones_are_a_sound(tmp_path: Path) -> None:
    write_tones(tmp_path / "a.wav")
    assert 50_000 < (tmp_path / "a.wav").stat().st_size < 70_000
