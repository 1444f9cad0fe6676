"""The MQTT channel and a real Mosquitto: what arrives, and what is shown."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from server.alerts import mqtt
from server.plugins import Alert, CameraCondition, Outcome, Reply

from ..support.mosquitto import Broker, cable_to, listening
from ..support.waiting import eventually
from .mqtt import (
    ALARM,
    ANYBODY,
    EVENTS,
    STATE,
    STATUS,
    USER,
    WATCHED,
    Make,
    alert,
    channel_to,
    delivered,
    failure,
    is_shown,
    retained,
    send,
)

pytestmark = pytest.mark.usefixtures("quick")


async def test_an_alert_arrives_once_as_it_is(broker: Broker) -> None:
    async with listening(broker, "vigie/cameras/#") as listener, channel_to(broker.url) as channel:
        assert await send(channel) == Reply(Outcome.DELIVERED)
        await listener.wait_for(EVENTS, b'{"number": 1}')
    (message,) = listener.heard
    assert (message.qos, message.retained) == (1, False)
    assert message.properties["UserProperty"] == [("webhook-id", "msg-1"), ("type", "event.confirmed")]
    assert message.properties["ContentType"] == "application/json"


async def test_a_test_has_a_topic_of_its_own(broker: Broker) -> None:
    async with listening(broker) as listener, channel_to(broker.url, prefix="home/north") as channel:
        assert (await send(channel, camera=None)).outcome is Outcome.DELIVERED
        await listener.wait_for("home/north/test", b'{"number": 1}')


async def test_an_event_of_no_camera(broker: Broker) -> None:
    async with listening(broker) as listener, channel_to(broker.url) as channel:
        await channel.send(ANYBODY, Alert("msg-1", "event.confirmed", b"{}", None))
        await listener.wait_for("vigie/events", b"{}")


async def test_no_name_leads_to_another_topic(broker: Broker) -> None:
    async with listening(broker, "vigie/cameras/#") as listener, channel_to(broker.url) as channel:
        for name in ("a/b", "#", "+", "", "é\n\x00"):
            assert (await send(channel, camera=name)).outcome is Outcome.DELIVERED
        await eventually(lambda: len(listener.heard) == 5)
    assert [message.topic for message in listener.heard] == [
        f"vigie/cameras/{name}/events" for name in ("a_b", "_", "_", "_", "é__")
    ]


async def test_the_order_is_kept(broker: Broker) -> None:
    async with listening(broker, EVENTS) as listener, channel_to(broker.url) as channel:
        replies = await asyncio.gather(*(send(channel, number) for number in range(300)))
        assert {reply.outcome for reply in replies} == {Outcome.DELIVERED}
        await listener.wait_for(EVENTS, *(alert(number).body for number in range(300)))


async def test_a_user_with_a_password(make: Make) -> None:
    broker = await make(users={"vigie": "the-secret", "reader": "another"})
    async with (
        listening(broker, "vigie/cameras/#", "reader", "another") as listener,
        channel_to(broker.url.replace("://", "://vigie:the-secret@")) as channel,
    ):
        assert await delivered(channel)
        await listener.wait_for(EVENTS, b'{"number": 1}')


@pytest.mark.parametrize("user", [{**USER, "password": "a-wrong-secret"}, {**USER, "username": "nobody"}, {}])
async def test_a_wrong_password_is_said_in_words(
    make: Make, user: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    broker = await make(users={"vigie": "the-secret"})
    with caplog.at_level(logging.DEBUG):
        async with channel_to(broker.url, **user) as channel:
            assert await failure(channel) == (
                "not connected to the MQTT broker: it refuses this user name and password, or what they may do"
            )
    said = [record.getMessage() for record in caplog.records if record.name == mqtt.__name__]
    assert said == [
        f"No MQTT broker at localhost:{broker.port}: it refuses this user name and password, or what they may do"
    ]
    assert "secret" not in caplog.text


async def test_what_the_broker_does_not_allow_is_no_delivery(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    broker = await make(users={"vigie": "the-secret"}, rules=("user vigie", "topic write vigie/test"))
    async with channel_to(broker.url, **USER) as channel:
        assert "the MQTT broker refused it: Not authorized" in await failure(channel)
        assert (await send(channel, camera=None)).outcome is Outcome.DELIVERED
        await eventually(lambda: "refused vigie/status: Not authorized" in caplog.text)


async def test_an_alert_too_large_for_the_broker_cuts_off_no_other(make: Make) -> None:
    broker = await make(options=("max_packet_size 2000",))
    async with listening(broker, STATUS) as listener, channel_to(broker.url) as channel:
        reply = await channel.send(ANYBODY, Alert("large", "event.confirmed", b"x" * 2000, "gate"))
        assert reply == Reply(
            Outcome.REFUSED, error="it is too large for the MQTT broker: it takes 2000 bytes at the most"
        )
        assert await delivered(channel)
        await listener.wait_for(STATUS, b"online")


# --- what is shown ---------------------------------------------------------------------------------------------------


async def test_who_comes_later_sees_how_the_cameras_stand(broker: Broker) -> None:
    async with listening(broker, STATE) as listener, channel_to(broker.url) as channel:
        await channel.show(WATCHED, "gate")
        await channel.show(CameraCondition("yard", "waiting", None, None), "yard")
        await eventually(lambda: len(listener.heard) == 1)
        await channel.show(WATCHED, "gate")
        await channel.show(ALARM, "gate")
        await eventually(lambda: len(listener.heard) == 2)
        seen = await retained(broker)
        assert seen[STATUS] == "online"
        assert json.loads(seen[STATE]) == {"state": "live", "suspicion": "confirmed", "event": "0193"}
        assert json.loads(seen["vigie/cameras/yard/state"])["state"] == "waiting"
        await channel.show(None, "gate")
        await eventually(lambda: listener.of(STATE)[2:] == [b""])
        assert STATE not in await retained(broker)
    assert (await retained(broker))[STATUS] == "offline", "the goodbye"


async def test_the_newest_state_wins(broker: Broker) -> None:
    async with channel_to(broker.url) as channel:
        for number in range(1000):
            await channel.show(CameraCondition("gate", "live", "confirmed", str(number)), "gate")
        await eventually(lambda: is_shown(broker, "999"))


async def test_the_last_will_when_the_connection_is_cut(broker: Broker) -> None:
    async with listening(broker, STATUS) as listener, cable_to(broker) as cable:
        async with channel_to(f"mqtt://localhost:{cable.port}") as channel:
            await channel.show(WATCHED, "gate")
            await listener.wait_for(STATUS, b"online")
            cable.cut()
            await listener.wait_for(STATUS, b"online", b"offline", b"online")
            assert cable.connections == 2
            assert await delivered(channel)
        await listener.wait_for(STATUS, b"online", b"offline", b"online", b"offline")
