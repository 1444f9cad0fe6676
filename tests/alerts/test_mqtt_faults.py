"""The MQTT channel when the broker goes, is silent or is no broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from server.alerts import mqtt
from server.core import backoff
from server.plugins import Outcome

from ..support.mosquitto import Broker, cable_to, listening
from ..support.rtsp import free_port
from ..support.waiting import eventually
from .mqtt import (
    ALARM,
    STATE,
    STATUS,
    WATCHED,
    channel_to,
    delivered,
    failure,
    is_shown,
    retained,
    says,
    send,
)

pytestmark = pytest.mark.usefixtures("quick")


async def test_the_broker_goes_and_comes_back_with_no_memory(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    async with channel_to(broker.url) as channel:
        await channel.show(WATCHED, "gate")
        await channel.show(WATCHED, "yard")
        assert await delivered(channel)
        await broker.kill()
        await eventually(lambda: "No MQTT broker" in caplog.text)
        await eventually(lambda: says(channel, "not connected to the MQTT broker: nothing listens at this address"))
        await channel.show(ALARM, "gate")
        await channel.show(None, "yard")
        await broker.start()
        await eventually(lambda: delivered(channel), "a delivery")
        await eventually(lambda: is_shown(broker, "0193"))
        assert set(await retained(broker)) == {STATUS, STATE}


async def test_an_alert_does_not_wait_for_the_next_try_to_connect(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 3600)
    monkeypatch.setattr(backoff, "MOST_S", 3600)
    await broker.kill()
    async with channel_to(broker.url) as channel:
        assert "not connected" in await failure(channel)
        await broker.start()
        assert await delivered(channel)


async def test_what_was_not_acknowledged_when_the_broker_went_fails_at_once(broker: Broker) -> None:
    async with cable_to(broker) as cable, channel_to(f"mqtt://localhost:{cable.port}") as channel:
        assert await delivered(channel)
        cable.freeze()
        sending = [asyncio.create_task(failure(channel)) for _ in range(30)]
        await asyncio.sleep(0)
        cable.cut()
        async with asyncio.timeout(mqtt.ANSWER_S / 2):
            words = set(await asyncio.gather(*sending))
        assert words == {"the MQTT broker did not acknowledge it: the connection broke off"}
        cable.thaw()
        await eventually(lambda: delivered(channel), "a delivery")


async def test_a_broker_that_does_not_acknowledge_is_connected_to_anew(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cable_to(broker) as cable, channel_to(f"mqtt://localhost:{cable.port}") as channel:
        assert await delivered(channel)
        monkeypatch.setattr(mqtt, "ANSWER_S", 0.2)
        cable.freeze()
        assert await failure(channel) == "the MQTT broker did not acknowledge it: no acknowledgement within 0.2 s"
        monkeypatch.undo()
        cable.thaw()
        await eventually(lambda: delivered(channel), "a delivery")
        assert cable.connections == 2


async def test_a_silent_connection_is_noticed(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "KEEP_ALIVE_S", 1)
    async with (
        cable_to(broker) as cable,
        listening(broker, STATUS) as listener,
        channel_to(f"mqtt://localhost:{cable.port}"),
    ):
        await listener.wait_for(STATUS, b"online")
        cable.freeze()
        await eventually(lambda: cable.connections >= 2, "another connection")
        await eventually(lambda: b"offline" in listener.of(STATUS), "the last will")
        cable.thaw()
        await eventually(lambda: listener.of(STATUS)[-1] == b"online", "that it is back")


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[int]:
    """Something that is no broker: it gives this answer, or hangs up, at a port."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        if answer is not None:
            writer.write(answer)
            await reader.read()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (bytes.fromhex("20020001"), "it does not speak version 5 of MQTT"),
        (bytes.fromhex("2003008400"), "it does not speak version 5 of MQTT"),
        (bytes.fromhex("2003008500"), "it refuses the client id"),
        (bytes.fromhex("2003008900"), "Server busy"),
        (b"", "it accepts connections, but does not speak MQTT"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it accepts connections, but does not speak MQTT"),
        (None, "it accepts connections, but does not speak MQTT"),
    ],
)
async def test_what_is_no_broker(answer: bytes | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.5)
    async with answering(answer) as port, channel_to(f"mqtt://localhost:{port}") as channel:
        assert await failure(channel) == f"not connected to the MQTT broker: {words}"


async def test_a_broker_that_says_why_it_hangs_up() -> None:
    welcome, taken_over = bytes.fromhex("2003000000"), bytes.fromhex("e0028e00")
    async with answering(welcome + taken_over) as port, channel_to(f"mqtt://localhost:{port}") as channel:
        await eventually(lambda: says(channel, "another client has connected with the same mqtt.client_id"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"mqtt://127.0.0.1:{free_port()}", "nothing listens at this address and port"),
        ("mqtt://no-such-host.invalid", "its host name is not known"),
        ("mqtt://no..host", "no host can have this name"),
    ],
)
async def test_nobody_there(url: str, words: str) -> None:
    async with channel_to(url) as channel:
        assert words in await failure(channel)
        await channel.show(WATCHED, "gate")


async def test_no_more_at_a_time_than_the_broker_wants() -> None:
    """Mosquitto would put up with it; others hang up."""
    bursts: list[int] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(bytes.fromhex("2006 00 00 03 210002"))  # welcome, two at a time
        while data := await reader.read(100_000):
            numbers = [data[at - 2 : at] for at in _ends_of_topics(data)]
            bursts.append(len(numbers))
            writer.write(b"".join(b"\x40\x02" + number for number in numbers))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server, channel_to(f"mqtt://localhost:{server.sockets[0].getsockname()[1]}") as channel:
        replies = await asyncio.gather(*(send(channel, number) for number in range(50)))
        assert {reply.outcome for reply in replies} == {Outcome.DELIVERED}
    assert max(bursts) <= 2


def _ends_of_topics(data: bytes) -> Iterator[int]:
    """Where, in packets of MQTT shorter than 128 bytes, the topics and numbers of what is published end."""
    at = 0
    while at < len(data):
        if data[at] >> 4 == 3:
            yield at + 6 + int.from_bytes(data[at + 2 : at + 4], "big")
        at += 2 + data[at + 1]
