"""From the database to a real broker: the outbox with the MQTT channel."""

from __future__ import annotations

import json
import time
from contextlib import AbstractAsyncContextManager

import pytest

from server.outbox.dispatch import Outbox
from server.store.database import Database
from server.store.subscriptions import Declaration

from ..support.mosquitto import Broker, listening
from ..support.post_office import Clock, PostOffice, pass_time
from ..support.waiting import eventually
from .mqtt import ALARM, EVENTS, STATE, channel_to, is_shown

pytestmark = pytest.mark.usefixtures("quick")


async def declared(database: Database, broker: Broker) -> PostOffice:
    office = PostOffice(database)
    await office.subscriptions.declare([Declaration("mqtt", broker.url)], time.time())
    return office


def sending(office: PostOffice, broker: Broker, clock: Clock) -> AbstractAsyncContextManager[Outbox]:
    return office.sending(open_channel=lambda kind: channel_to(broker.url), clock=clock)


async def test_what_happened_while_the_broker_was_away_comes_when_it_is_back(
    database: Database, broker: Broker
) -> None:
    office, clock = await declared(database, broker), Clock()
    async with sending(office, broker, clock) as outbox:
        first = await office.report()
        outbox.wake()
        await office.delivered(1)
        await broker.kill()
        events = [await office.report() for _ in range(10)]
        for event in events:
            await office.report(event, "event.ended")
        await office.report(first, "event.retracted")
        await pass_time(outbox, clock, 600)
        assert await office.states() == ["delivered"] + ["waiting"] * 21
        assert {entry.error for entry in await office.log()} <= {
            None,
            "the MQTT broker did not acknowledge it: the connection broke off",
            "not connected to the MQTT broker: the connection broke off",
            "not connected to the MQTT broker: nothing listens at this address and port",
        }
        await broker.start()
        async with listening(broker, EVENTS) as listener:
            await pass_time(outbox, clock, 120)
            await office.delivered(22)
            heard = [json.loads(payload) for payload in listener.of(EVENTS)]
    assert len(heard) == 21, "each once, for none was under way when it went"
    for event in events:
        assert [said["type"] for said in heard if said["data"]["id"] == event] == ["event.confirmed", "event.ended"]
    assert [said["type"] for said in heard if said["data"]["id"] == first] == ["event.retracted"]


async def test_the_outbox_has_it_shown_how_the_cameras_stand(database: Database, broker: Broker) -> None:
    office = await declared(database, broker)
    async with sending(office, broker, Clock()) as outbox, listening(broker, STATE) as listener:
        outbox.conditions("gate", ALARM)
        await eventually(lambda: is_shown(broker, "0193"))
        outbox.conditions("gate", None)
        await eventually(lambda: listener.of(STATE)[-1:] == [b""])


async def test_a_test_reaches_the_broker(database: Database, broker: Broker) -> None:
    office = await declared(database, broker)
    async with sending(office, broker, Clock()) as outbox, listening(broker, "vigie/test") as listener:
        await outbox.test("mqtt")
        await eventually(lambda: listener.of("vigie/test"), "the test")
    assert json.loads(listener.of("vigie/test")[0])["type"] == "test"
