"""What deploy/ and the container's files say is so of this server, and their own tools agree."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.healthcheck import answers
from server.checks import Broken
from server.config import IceSettings, load_settings
from server.edge.rungs import try_turn
from server.metrics import Metrics

from ..support.needs import need
from ..support.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
OBSERVABILITY = ROOT / "deploy" / "observability"
RULES = OBSERVABILITY / "rules.yml"
DASHBOARD = OBSERVABILITY / "grafana" / "vigie.json"
UNIT = ROOT / "deploy" / "systemd" / "vigie.service"


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return found


def exported() -> set[str]:
    """The names of all series that a server can have."""
    names = set()
    for family in Metrics().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")])
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    need(None if shutil.which("promtool") else "promtool is missing: apt-get install prometheus")
    run = subprocess.run(["promtool", *arguments], cwd=OBSERVABILITY, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_rule_is_tested_and_says_what_to_do() -> None:
    tests = yaml.safe_load((OBSERVABILITY / "rules_test.yml").read_text())["tests"]
    fired = {t["alertname"] for test in tests for t in test["alert_rule_test"] if t["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules()}
    assert all(rule["annotations"].keys() == {"summary", "action"} for rule in rules())


def test_rules_and_dashboard_ask_for_metrics_that_exist() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]] + [rule["expr"] for rule in rules()]
    names = {name for expression in asked for name in re.findall(r"\bvigie_\w+", expression)}
    assert len(names) > 15
    assert names <= exported()


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_compose_gives_settings_that_the_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, value in services["vigie"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{[^}]*\}", "what-it-stands-for", value))
    settings = load_settings(None)
    assert settings.database
    assert settings.mqtt.url
    assert settings.ice.turn_secret
    assert len(settings.ice.turn) == 2


async def test_compose_gives_a_turn_server_that_relays_for_those_who_have_the_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    need(None if shutil.which("turnserver") else "turnserver is missing: apt-get install coturn")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    text = compose["configs"]["coturn"]["content"].replace("${TURN_SECRET}", "a-secret-for-this-test-alone")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    # Relays on loopback are refused, as they should be; here there is nothing else.
    text = text.replace("3478", str(port)).replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "turnserver.conf").write_text(text + "listening-ip=127.0.0.1\n")
    ice = {"turn": [f"turn:127.0.0.1:{port}?transport=tcp"], "turn_secret": "a-secret-for-this-test-alone"}
    turn = await asyncio.create_subprocess_exec(
        "turnserver", "-c", "turnserver.conf", cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL
    )
    try:

        async def listens() -> bool:
            with socket.socket() as asked:
                return asked.connect_ex(("127.0.0.1", port)) == 0

        await eventually(listens, "coturn to listen")
        assert await try_turn(ice["turn"][0], IceSettings.model_validate(ice)) == "It relays at 127.0.0.1."
        with pytest.raises(Broken, match="refuses the password"):
            await try_turn(ice["turn"][0], IceSettings.model_validate({**ice, "turn_secret": "another" * 4}))
    finally:
        turn.terminate()
        await turn.wait()


def test_compose_mounts_what_there_is() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    assert all((ROOT / path).exists() for path in mounted if path.startswith("./"))


def test_only_loopback_is_published_beside_vigie() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert all(p.startswith("127.0.0.1:") for s in services.values() for p in s.get("ports", ()))


def test_the_dockerfile_copies_what_dockerignore_lets_through() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path for line in copied for path in line.split()} == let_through
    assert all((ROOT / path).exists() for path in let_through)


def test_the_unit_is_hardened() -> None:
    need(None if shutil.which("systemd-analyze") else "systemd-analyze is missing: apt-get install systemd")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(UNIT)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout[-300:] + run.stderr


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
async def test_the_health_check_believes_only_200(status: int, healthy: bool) -> None:
    async def health(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/healthz", health)
    async with TestServer(app, host="127.0.0.1") as server:
        assert await asyncio.to_thread(answers, "http", str(server.port)) is healthy
        assert not await asyncio.to_thread(answers, "https", str(server.port))
