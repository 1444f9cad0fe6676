"""The doctor: what works, what does not, and why."""

from __future__ import annotations

import json
import shutil
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from server.checks import Finding
from server.config import Loaded, load_settings
from server.doctor import examine, run
from server.store.database import Database
from server.store.subscriptions import Subscription, Subscriptions
from server.tls import Tls, _covers, names_of

from .support.certificates import certificates
from .support.media import GUN_CLIP
from .support.server import Server

SECRET = "0123456789abcdef"


async def found(**given: object) -> dict[str, Finding]:
    return {finding.name: finding for finding in await examine(Loaded(load_settings(None, **given), {}))}


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


async def test_each_part_is_told_of(server: Server, tmp_path: Path) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    dead = closed_port()
    nobody = f"127.0.0.1:{dead}"
    async with Database(f"sqlite:///{tmp_path / 'vigie.db'}") as database:
        hook = Subscription("whk_1", "webhook", f"http://127.0.0.1:{dead}/x?key=hunter2", time.time())
        await Subscriptions(database).add(hook)
    begun = time.monotonic()
    findings = await found(
        host=host,
        port=int(port),
        data_dir=tmp_path,
        cameras=[
            {"name": "gate", "url": str(GUN_CLIP)},
            {"name": "away", "url": f"rtsp://bob:hunter2@127.0.0.1:{dead}/x"},
            {"name": "pushed", "url": "whip:"},
            {"name": "off", "url": "rtsp://10.0.0.1/x", "enabled": False},
        ],
        mqtt={"url": f"mqtt://127.0.0.1:{dead}"},
        ice={
            "stun": [f"stun:127.0.0.1:{dead}"],
            "turn": [f"turn:127.0.0.1:{dead}?transport=tcp"],
            "turn_secret": SECRET,
        },
    )
    assert time.monotonic() - begun < 16
    broken = {name for name, finding in findings.items() if not finding.works}
    assert broken == {
        *("camera away", "receiver mqtt", f"receiver {hook.id}", f"STUN stun:{nobody}"),
        f"TURN turn:{nobody}?transport=tcp",
    }
    assert "640x480, h264" in findings["camera gate"].detail
    assert "openvino" in findings["model"].detail
    assert findings["WebSocket"].detail == "It opens."
    assert "hunter2" not in str(findings)
    assert SECRET not in str(findings)
    assert all(finding.detail.endswith(".") for finding in findings.values())


async def test_what_cannot_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.checks.LEAST_FREE_BYTES", 10**18)
    (tmp_path / "vigie.db").write_text("this is no database, whatever its name says " * 50)
    findings = await found(port=closed_port(), data_dir=tmp_path, detector={"model": tmp_path / "none.onnx"})
    assert {name for name, finding in findings.items() if not finding.works} == {
        "model",
        "disk",
        "database",
        "WebSocket",
    }
    assert "detector.model" in findings["model"].detail
    assert "not a database" in findings["database"].detail


async def certificate(folder: Path, **given: object) -> Finding:
    return (await found(port=0, data_dir=folder, **given))["certificate"]


async def test_the_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = await certificate(tmp_path)
    assert good.works
    open_to_all = await certificate(tmp_path, host="0.0.0.0")
    assert (open_to_all.works, "self-made" in open_to_all.detail) == (False, True)
    assert (await certificate(tmp_path, host="0.0.0.0", public_url="https://vigie.example")).works
    assert (await certificate(tmp_path, tls="self-made")).detail == "It is made on the first start."

    settings = load_settings(None, data_dir=tmp_path, tls="self-made", public_url="https://vigie.example")
    Tls(settings.tls, tmp_path / "tls", names_of(settings))
    ours = await certificate(tmp_path, tls="self-made", public_url="https://vigie.example")
    assert ours.works
    assert "self-made" in ours.detail

    made = certificates(tmp_path)
    own = {"certificate": str(made.certificate), "key": str(made.key)}
    assert "Renew" in (await certificate(tmp_path, tls=own)).detail, "it ends in a day"
    monkeypatch.setattr("server.checks.ENDS_SOON", timedelta(0))
    assert "signed by The authority of a test" in (await certificate(tmp_path, tls=own)).detail
    other = await certificate(tmp_path, tls=own, public_url="https://vigie.example")
    assert (other.works, "vigie.example" in other.detail) == (False, True)
    shutil.copy(tmp_path / "tls" / "key.pem", made.key)
    torn = await certificate(tmp_path, tls=own)
    assert (torn.works, "do not go together" in torn.detail) == (False, True)
    made.key.unlink()
    assert "No such file" in (await certificate(tmp_path, tls=own)).detail


def test_a_star_stands_for_one_part_of_a_name() -> None:
    names = {"*.vigie.example", "localhost"}
    assert _covers(names, "Gate.vigie.example")
    assert not _covers(names, "vigie.example")
    assert not _covers(names, "a.gate.vigie.example")


def test_settings_that_are_wrong_are_the_only_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vigie.yaml").write_text("prot: 5\n")
    with pytest.raises(SystemExit) as ended:
        run(["--json", "--config", str(tmp_path / "vigie.yaml")])
    assert ended.value.code == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["name"], finding["works"]) == ("settings", False)
    assert "did you mean port?" in finding["detail"]
