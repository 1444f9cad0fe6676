"""What the tests of the MQTT channel say and ask, again and again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from server.alerts.mqtt import open_channel
from server.config import load_settings
from server.plugins import Alert, CameraCondition, Channel, Outcome, Receiver, Reply

from ..support.mosquitto import Broker, listening
from ..support.waiting import eventually

EVENTS, STATE, STATUS = "vigie/cameras/gate/events", "vigie/cameras/gate/state", "vigie/status"
USER = {"username": "vigie", "password": "the-secret"}
ANYBODY = Receiver("mqtt", "")
WATCHED = CameraCondition("gate", "live", None, None)
ALARM = CameraCondition("gate", "live", "confirmed", "0193")

Make = Callable[..., Awaitable[Broker]]


def channel_to(url: str, **more: Any) -> AbstractAsyncContextManager[Channel]:
    return open_channel(load_settings(None, mqtt={"url": url, **more}))


def alert(number: int = 1, camera: str | None = "gate") -> Alert:
    kind = "test" if camera is None else "event.confirmed"
    return Alert(f"msg-{number}", kind, json.dumps({"number": number}).encode(), camera)


async def send(channel: Channel, number: int = 1, camera: str | None = "gate") -> Reply:
    return await channel.send(ANYBODY, alert(number, camera))


async def failure(channel: Channel) -> str:
    """Why an alert does not go out."""
    reply = await send(channel)
    assert reply.outcome is Outcome.FAILED, reply
    assert reply.error
    assert "secret" not in reply.error
    return reply.error


async def delivered(channel: Channel, number: int = 1) -> bool:
    return (await send(channel, number)).outcome is Outcome.DELIVERED


async def retained(broker: Broker, **user: str) -> dict[str, Any]:
    """What the broker tells somebody who comes now, by topic."""
    async with listening(broker, **user) as listener:
        await eventually(lambda: listener.of(STATUS), "the status")
        return {message.topic: message.payload.decode() for message in listener.heard if message.retained}


async def says(channel: Channel, words: str) -> bool:
    return words in await failure(channel)


async def fails(channel: Channel) -> bool:
    return not await delivered(channel)


async def is_shown(broker: Broker, event: str) -> bool:
    return bool(json.loads((await retained(broker)).get(STATE, "{}")).get("event") == event)
