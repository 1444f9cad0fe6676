"""The MQTT channel over TLS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.alerts import mqtt
from server.alerts.mqtt import open_channel
from server.config import load_settings
from server.plugins import PluginError

from ..support.certificates import certificates
from ..support.mosquitto import listening
from ..support.waiting import eventually
from .mqtt import (
    EVENTS,
    Make,
    alert,
    channel_to,
    delivered,
    fails,
    failure,
)

pytestmark = pytest.mark.usefixtures("quick")


async def test_encrypted_with_a_certificate_of_ones_own(make: Make, tmp_path: Path) -> None:
    own = certificates(tmp_path)
    broker = await make(certificates=own)
    async with listening(broker, EVENTS) as listener, channel_to(broker.url, ca_file=own.authority) as channel:
        for number in range(3):
            assert await delivered(channel, number)
        await listener.wait_for(EVENTS, *(alert(number).body for number in range(3)))
        await broker.kill()
        await eventually(lambda: fails(channel))
        await broker.start()
        await eventually(lambda: delivered(channel), "a delivery")


async def test_a_certificate_that_nobody_vouches_for(make: Make, tmp_path: Path) -> None:
    broker = await make(certificates=certificates(tmp_path))
    async with channel_to(broker.url) as channel:
        assert await failure(channel) == (
            "not connected to the MQTT broker: its certificate is refused: unable to get local issuer certificate"
        )


async def test_a_certificate_of_another_host(make: Make, tmp_path: Path) -> None:
    own = certificates(tmp_path, "elsewhere.example")
    broker = await make(certificates=own)
    async with channel_to(broker.url, ca_file=own.authority) as channel:
        assert "Hostname mismatch, certificate is not valid for 'localhost'" in await failure(channel)


async def test_encrypted_where_the_broker_is_not_and_the_other_way_round(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.5)
    own = certificates(tmp_path)
    plain, encrypted = await make(), await make(certificates=own)
    async with channel_to(f"mqtts://localhost:{plain.port}", ca_file=own.authority) as channel:
        assert re.search("no encrypted connection|the connection broke off", await failure(channel))
    async with channel_to(f"mqtt://localhost:{encrypted.port}") as channel:
        assert "it accepts connections, but does not speak MQTT" in await failure(channel)


async def test_settings_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"set mqtt\.url"):
        async with open_channel(load_settings(None)):
            pass
    (tmp_path / "text.pem").write_text("no certificate")
    for name, words in (("missing.pem", "No such file"), ("text.pem", "")):
        with pytest.raises(PluginError, match=rf"mqtt\.ca_file cannot be used: .*{words}"):
            async with channel_to("mqtts://localhost", ca_file=tmp_path / name):
                pass
