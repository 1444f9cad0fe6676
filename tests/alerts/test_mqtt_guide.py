"""The settings of MQTT, and its guide: the examples in it work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from jinja2 import StrictUndefined, Template

from server.config import ConfigError, MqttSettings, load_settings
from server.plugins import Alert

from ..support.mosquitto import Broker, listening
from ..support.waiting import eventually
from .mqtt import (
    ALARM,
    ANYBODY,
    EVENTS,
    STATE,
    STATUS,
    channel_to,
)

GUIDE = Path(__file__).parents[2] / "docs" / "mqtt.md"


def test_the_settings_of_the_guide_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "vigie.yaml").write_text(_examples()[0])
    settings = load_settings(tmp_path / "vigie.yaml").mqtt
    assert (settings.address, settings.username, settings.encrypted) == (("broker.example", 8883), "vigie", True)


@pytest.mark.usefixtures("quick")
async def test_home_assistant_as_in_the_guide_understands_what_comes(broker: Broker) -> None:
    """Its templates are Jinja's; ``payload_json`` and ``value_json`` are the payload, read."""
    home = yaml.safe_load(_examples()[1])
    alarm, retraction = home["automation"]
    data = {"id": "0193", "camera": "gate", "first_seen": "2025-01-01T00:00:00Z", "best_score": 0.9, "note": None}
    async with listening(broker) as listener, channel_to(broker.url) as channel:
        for kind in ("event.confirmed", "event.retracted"):
            await channel.send(ANYBODY, Alert("msg-1", kind, json.dumps({"type": kind, "data": data}).encode(), "gate"))
        await channel.show(ALARM, "gate")
        await eventually(lambda: len(listener.of(EVENTS)) == 2 and listener.of(STATE) and listener.of(STATUS))
    for automation, payload, title in zip(
        (alarm, retraction), listener.of(EVENTS), ("Gun at gate", "False alarm at gate"), strict=True
    ):
        assert automation["triggers"][0]["topic"].replace("+", "gate") == EVENTS
        assert _rendered(automation["conditions"][0], payload) == "True"
        action = automation["actions"][0]["data"]
        assert _rendered(action["title"], payload) == title
        assert _rendered(action["message"], payload)
        assert _rendered(action["data"]["tag"], payload) == "0193"
    assert _rendered(alarm["conditions"][0], listener.of(EVENTS)[1]) == "False"
    for entity, value in ((home["mqtt"]["binary_sensor"][0], "ON"), (home["mqtt"]["sensor"][0], "live")):
        assert (entity["state_topic"], entity["availability_topic"]) == (STATE, STATUS)
        assert _rendered(entity["value_template"], listener.of(STATE)[0]) == value


def _examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def _rendered(template: str, payload: bytes) -> str:
    body = json.loads(payload)
    return str(Template(template, undefined=StrictUndefined).render(value_json=body, trigger={"payload_json": body}))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", ("broker", 1883)),
        ("mqtts://broker/", ("broker", 8883)),
        ("MQTT://broker:99", ("broker", 99)),
        ("mqtt://[::1]", ("::1", 1883)),
    ],
)
def test_where_the_broker_is(url: str, address: tuple[str, int]) -> None:
    assert MqttSettings(url=url).address == address


def test_user_and_password_are_kept_apart() -> None:
    settings = MqttSettings(url="mqtts://vigie:p%40secret@broker")
    assert (settings.url, settings.username) == ("mqtts://broker", "vigie")
    assert settings.password
    assert settings.password.get_secret_value() == "p@secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "http://broker"}, "mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"url": "mqtt://"}, "mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"url": "mqtt://vigie:secret@broker/topic"}, "mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"url": "mqtt://broker:port"}, "cannot be read"),
        ({"url": "mqtt://broker", "password": "secret"}, "a password needs a username"),
        ({"url": "mqtt://broker", "ca_file": "/ca.pem"}, "a ca_file is for mqtts:// URLs"),
        ({"prefix": "#"}, "mqtt.prefix"),
        ({"prefix": "a//b"}, "mqtt.prefix"),
        ({"prefix": "$SYS"}, "mqtt.prefix"),
        ({"states": ["over"]}, "mqtt.states"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, mqtt=given)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
