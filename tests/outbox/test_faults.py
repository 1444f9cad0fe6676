"""Faults: receivers that are down, slow, wrong or gone, a database that is locked, clocks that step, two servers."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest
from aiohttp import web

from server.core.breaker import FAILURES
from server.store import turns
from server.store.database import BUSY_MS, Database
from server.store.deliveries import Deliveries
from server.store.turns import GONE, Settled, Turn

from ..support.plain_http import plain_server, whole
from ..support.post_office import Clock, PostOffice, pass_time, rest
from ..support.receiver import Answer, Got, Receiver, receiving, silence, status
from ..support.rtsp import free_port
from ..support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

HOUR = 3600.0
DAY = 24 * HOUR


async def test_a_receiver_that_is_down_for_six_hours(office: PostOffice, clock: Clock) -> None:
    port = free_port()
    one = await office.subscribe(f"http://127.0.0.1:{port}/hook")
    events = [await office.report() for _ in range(20)]
    async with office.sending(clock=clock) as outbox:
        await pass_time(outbox, clock, 3 * HOUR, step_s=60)
        for event in events:
            await office.report(event, "event.ended")
        await pass_time(outbox, clock, 3 * HOUR, step_s=60)
        assert set(await office.states()) == {"waiting"}
        assert outbox.circuit(one.id) in ("open", "half-open")
        tries = len(await office.log())
        assert 100 < tries < 6 * 60 + 20, "about one a minute, for all of them together"
        async with receiving(port=port) as receiver:
            await pass_time(outbox, clock, 90, step_s=30)
            await office.delivered(40)
            assert outbox.circuit(one.id) == "closed"
    assert len(receiver.got) == len(set(receiver.ids())) == 40
    for event in events:
        told = [got.json["type"] for got in receiver.got if got.json["data"]["id"] == event]
        assert told == ["event.confirmed", "event.ended"]


async def test_an_alarm_of_now_does_not_wait_behind_those_of_yesterday(office: PostOffice, clock: Clock) -> None:
    port = free_port()
    await office.subscribe(f"http://127.0.0.1:{port}/hook")
    for _ in range(20):
        await office.report(at=clock.now)
    async with office.sending(clock=clock, webhooks={"at_a_time": 1}) as outbox:
        await pass_time(outbox, clock, 900, step_s=60)
        async with receiving(port=port) as receiver:
            now = await office.report(at=clock.now)
            await pass_time(outbox, clock, 90)
            await office.delivered(21)
    assert receiver.got[0].json["data"]["id"] == now


async def test_a_receiver_that_is_down_for_good(office: PostOffice, clock: Clock) -> None:
    one = await office.subscribe()
    await office.report(at=clock.now)
    async with office.sending(clock=clock) as outbox:
        await rest(outbox)
        await pass_time(outbox, clock, DAY - HOUR, step_s=600)
        late = await office.report(at=clock.now)
        assert await office.states() == ["waiting", "waiting"]
        await pass_time(outbox, clock, 2 * HOUR, step_s=300)
        assert await office.states() == ["dead", "waiting"]
        (row, _) = await office.rows()
        assert row.last_error == "nothing listens at this address and port"
        await pass_time(outbox, clock, DAY, step_s=600)
        assert await office.states(event_id=late) == ["dead"]
        async with receiving() as receiver:
            await office.subscriptions.change(one.id, {"url": receiver.url()})
            await office.deliveries.replay_dead(one.id)
            outbox.renew(one.id)
            await office.delivered(2)
    assert receiver.ids() == [row.id for row in await office.rows()]


async def test_many_that_wait_for_one_that_is_down_for_good_are_all_given_up(office: PostOffice, clock: Clock) -> None:
    await office.subscribe()
    for _ in range(30):
        await office.report(at=clock.now)
    async with office.sending(clock=clock) as outbox:
        await pass_time(outbox, clock, HOUR, step_s=60)
        await pass_time(outbox, clock, DAY - 2 * HOUR, step_s=900)
        assert Counter(await office.states()) == {"waiting": 30}
        await pass_time(outbox, clock, 3 * HOUR, step_s=900)
        assert Counter(await office.states()) == {"dead": 30}


async def refuse(receiver: Receiver, got: Got) -> web.StreamResponse:
    """A receiver that chokes on one body."""
    return web.Response(status=500 if got.json["data"].get("poison") else 200)


async def test_one_that_fails_at_one_body_gets_all_others(office: PostOffice, clock: Clock) -> None:
    async with receiving(refuse) as receiver, office.sending(clock=clock) as outbox:
        await office.subscribe(receiver.url())
        poison = await office.report(body='{"type":"event.confirmed","data":{"camera":"gate","poison":true}}')
        await pass_time(outbox, clock, HOUR, step_s=60)
        assert await office.states() == ["waiting"]
        for number in range(1, 6):
            await office.report()
            await pass_time(outbox, clock, 120, step_s=30)
            assert (await office.states()).count("delivered") == number
        assert await office.states(event_id=poison) == ["waiting"]


@pytest.mark.parametrize("answer", [status(500), status(404), status(302, Location="http://127.0.0.1:1/")])
async def test_answers_that_are_not_of_200_are_tried_again(office: PostOffice, clock: Clock, answer: Answer) -> None:
    async with receiving(first=[answer, answer]) as receiver:
        await office.subscribe(receiver.url())
        await office.report()
        async with office.sending(clock=clock) as outbox:
            await pass_time(outbox, clock, 30, step_s=5)
            await office.delivered(1)
    assert (len(receiver.got), len(set(receiver.ids()))) == (3, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nclosing in mid-",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"",
    ],
)
async def test_answers_that_are_none_are_tried_again(office: PostOffice, clock: Clock, answer: bytes) -> None:
    answers = [answer, answer, whole(b"at last")]

    def next_answer(asked: object, send: Callable[[bytes], None]) -> None:
        send(answers.pop(0))

    with plain_server() as server:
        server.answers["/hook"] = next_answer
        await office.subscribe(server.url("/hook"))
        await office.report()
        async with office.sending(clock=clock) as outbox:
            await pass_time(outbox, clock, 30, step_s=5)
            await office.delivered(1)
    ids = [asked.headers["webhook-id"] for asked in server.asked]
    assert (len(ids), len(set(ids))) == (3, 1)


async def test_a_receiver_that_never_answers(office: PostOffice, clock: Clock) -> None:
    async with receiving(first=[silence, silence]) as receiver:
        await office.subscribe(receiver.url())
        await office.report()
        async with office.sending(clock=clock, webhooks={"answer_s": 0.2}) as outbox:
            await pass_time(outbox, clock, 30, step_s=5)
            await office.delivered(1)
    assert [tried.error for tried in await office.log()] == [*["no whole answer within 0.2 s"] * 2, None]


async def test_a_wish_to_be_left_alone(office: PostOffice, clock: Clock) -> None:
    async with receiving(first=[status(429, Retry_After="120")]) as receiver:
        one = await office.subscribe(receiver.url())
        await office.report()
        async with office.sending(clock=clock) as outbox:
            await rest(outbox)
            await office.report()
            await pass_time(outbox, clock, 119, step_s=7)
            assert len(receiver.got) == 1, "what is new waits too: it asked not to be asked"
            assert outbox.circuit(one.id) == "closed"
            await pass_time(outbox, clock, 2, step_s=1)
            await office.delivered(2)


async def test_a_wish_for_a_week_holds_a_quarter_of_an_hour(office: PostOffice, clock: Clock) -> None:
    async with receiving(first=[status(503, Retry_After="604800")]) as receiver:
        await office.subscribe(receiver.url())
        await office.report()
        async with office.sending(clock=clock) as outbox:
            await rest(outbox)
            await pass_time(outbox, clock, 890, step_s=89)
            assert len(receiver.got) == 1
            await pass_time(outbox, clock, 20)
            await office.delivered(1)


async def test_a_receiver_that_is_gone(office: PostOffice, clock: Clock) -> None:
    async with receiving(status(410)) as receiver, receiving() as other:
        one, _ = await office.subscribe(receiver.url()), await office.subscribe(other.url())
        event = await office.report()
        await office.report(event, "event.ended")
        async with office.sending(clock=clock) as outbox:
            await rest(outbox)
            known = await office.subscriptions.get(one.id)
            assert (known.enabled, known.reason) == (False, GONE)
            assert await office.states(subscription_id=one.id) == ["dead", "dead"]
            await office.report()
            await office.report(event, "event.retracted")
            await pass_time(outbox, clock, HOUR, step_s=600)
            await office.delivered(4)
    assert len(receiver.got) == 1
    assert len(other.got) == 4


async def test_much_that_waits_is_told_some_at_a_time(
    office: PostOffice, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a receiver is back, and that it is gone."""
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 1)
    async with receiving(status(500)) as back, receiving(status(500)) as leaving, office.sending(clock=clock) as outbox:
        one, other = await office.subscribe(back.url()), await office.subscribe(leaving.url())
        for _ in range(12):
            await office.report()
        await pass_time(outbox, clock, HOUR, step_s=60)
        back.usual, leaving.usual = status(200), status(410)
        await pass_time(outbox, clock, 90, step_s=30)
        assert await office.states(subscription_id=one.id) == ["delivered"] * 12
        assert await office.states(subscription_id=other.id) == ["dead"] * 12
        assert (await office.subscriptions.get(other.id)).reason == GONE


async def test_an_address_that_is_not_allowed_is_given_up_at_once(office: PostOffice) -> None:
    async with receiving() as receiver:
        one = await office.subscribe(receiver.url())
        await office.report()
        async with office.sending(webhooks={"allow_private": False}) as outbox:
            await eventually(lambda: _all(office, "dead"), "the end of it")
            assert outbox.circuit(one.id) == "closed"
    (row,) = await office.rows()
    assert "webhooks.allow_private" in row.last_error
    assert receiver.got == []


async def _all(office: PostOffice, state: str) -> bool:
    return set(await office.states()) == {state}


HOSTILE = [
    json.dumps({"data": {"camera": "gate", "note": "</script><img src=x onerror=alert(1)>\u0000\u2028\ud83d\ude00"}}),
    json.dumps({"data": {"camera": {"not": "a text"}, "note": "'; DROP TABLE deliveries; --"}}),
    json.dumps({"data": {"camera": None}}),
    "{}",
    json.dumps({"data": {"note": "x" * 500_000}}),
    '{"data": {"note": "\u202e\u0000\U0001f525 é"}}'.replace("\u0000", ""),
]


@pytest.mark.parametrize("body", HOSTILE)
async def test_hostile_bodies_arrive_to_the_byte(office: PostOffice, body: str) -> None:
    async with receiving() as receiver, office.sending() as outbox:
        one = await office.subscribe(receiver.url())
        await office.report(body=body)
        outbox.wake()
        await office.delivered(1)
    (got,) = receiver.got
    assert got.body == body.encode()
    got.verify(one.secrets[0])


@pytest.mark.parametrize("body", ["no JSON", "[]", "null"])
async def test_a_body_that_cannot_be_is_not_tried_without_end(office: PostOffice, clock: Clock, body: str) -> None:
    async with receiving() as receiver, office.sending(clock=clock) as outbox:
        await office.subscribe(receiver.url())
        await office.report(body=body)
        await rest(outbox)
        await office.report()
        await rest(outbox)
        await eventually(lambda: len(receiver.got) >= 1, "the other one")


async def test_an_answer_that_no_database_takes(office: PostOffice) -> None:
    with plain_server() as server:
        server.answers["/hook"] = lambda asked, send: send(whole(b"\x00\xff\xed\xa0\x80", status="200 \x00OK"))
        await office.subscribe(server.url("/hook"))
        await office.report()
        async with office.sending():
            await eventually(lambda: office.log(), "a try that is logged")


# --- the database ----------------------------------------------------------------------------------------------------


async def test_a_database_that_is_locked_for_a_while(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if not office.database.is_sqlite:
        pytest.skip("PostgreSQL locks rows alone")
    async with receiving() as receiver, office.sending() as outbox:
        await office.subscribe(receiver.url())
        await office.report()
        outbox.wake()
        await office.delivered(1)
        await office.report()
        with closing(sqlite3.connect(office.database._url.database or "")) as other:
            other.execute("BEGIN IMMEDIATE")
            outbox.wake()
            await eventually(lambda: "database is locked" in caplog.text, "a word in the log", 2 * BUSY_MS / 1000 + 20)
            assert len(receiver.got) == 1
            other.rollback()
        await office.delivered(2)
    assert len(receiver.got) == 2
    assert "deliveries go on" in caplog.text or "database is locked" in caplog.text


async def test_what_was_tried_is_not_tried_again_because_it_could_not_be_written(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.outbox.dispatch.LONGEST_RETRY_S", 0.05)
    failures = 0
    real = Deliveries.turn

    def turn(self: Deliveries, server: str) -> Any:
        nonlocal failures
        if receiver.got and failures < 10:
            failures += 1
            raise OSError("the disk is away")
        return real(self, server)

    monkeypatch.setattr(Deliveries, "turn", turn)
    async with receiving() as receiver, office.sending() as outbox:
        await office.subscribe(receiver.url())
        for _ in range(5):
            await office.report()
        outbox.wake()
        await office.delivered(5)
    assert failures == 10
    assert len(receiver.got) == 5


@pytest.mark.parametrize("words", [True, False])
async def test_one_outcome_that_cannot_be_written_does_not_stop_all(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch, words: bool
) -> None:
    real = Turn.settle

    async def settle(self: Turn, outcomes: Sequence[Settled]) -> list[Settled]:
        if any(outcome.response == "poison" if words else outcome.status == 202 for outcome in outcomes):
            raise ValueError("a fault")
        return await real(self, outcomes)

    monkeypatch.setattr(Turn, "settle", settle)
    async with receiving(first=[status(202, "poison")]) as receiver, office.sending() as outbox:
        await office.subscribe(receiver.url())
        await office.report()
        outbox.wake()
        await eventually(lambda: receiver.got, "the first one")
        await office.report()
        await office.delivered(2 if words else 1)
    assert await office.states() == ["delivered" if words else "waiting", "delivered"]


async def test_two_servers_share_the_work(database_url: str) -> None:
    async with Database(database_url) as one, Database(database_url) as other, receiving() as receiver:
        here, there = PostOffice(one), PostOffice(other)
        for _ in range(2):
            await here.subscribe(receiver.url())
        events = [await here.report() for _ in range(40)]
        for event in events[:20]:
            await there.report(event, "event.ended")
        async with here.sending("here") as first, there.sending("there") as second:
            for _ in range(200):
                first.wake()
                second.wake()
                if (await here.states()).count("delivered") == 120:
                    break
                await asyncio.sleep(0.05)
            await here.delivered(120)
    assert len(receiver.got) == len(set(receiver.ids())) == 120, "nothing twice"
    for event in events[:20]:
        told = [got.json["type"] for got in receiver.got if got.json["data"]["id"] == event]
        assert Counter(told) == {"event.confirmed": 2, "event.ended": 2}


async def test_the_order_holds_between_servers(database_url: str) -> None:
    async with Database(database_url) as one, Database(database_url) as other, receiving() as receiver:
        office = PostOffice(one)
        await office.subscribe(receiver.url())
        events = [await office.report() for _ in range(20)]
        for event in events:
            for report in ("event.ended", "event.retracted", "event.reinstated"):
                await office.report(event, report)
        async with office.sending("here"), PostOffice(other).sending("there"):
            await office.delivered(80)
    for event in events:
        told = [got.json["type"] for got in receiver.got if got.json["data"]["id"] == event]
        assert told == ["event.confirmed", "event.ended", "event.retracted", "event.reinstated"]


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-400 * DAY, -HOUR, HOUR, 400 * DAY])
async def test_the_clock_of_the_wall_steps(office: PostOffice, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    real = time.time
    async with receiving(first=[status(500)] * 2) as receiver, office.sending(chance=lambda: 0.1) as outbox:
        await office.subscribe(receiver.url())
        await office.report()
        outbox.wake()
        await eventually(lambda: office.log(), "a try before the step")
        monkeypatch.setattr(time, "time", lambda: real() + step)
        await office.report()
        outbox.wake()
        await office.delivered(2)
    assert set(await office.states()) == {"delivered"}


@pytest.mark.parametrize("step", [-400 * DAY, -2 * HOUR, -60.0, 60.0, 2 * HOUR, 400 * DAY])
async def test_the_clock_is_another_after_a_restart(office: PostOffice, clock: Clock, step: float) -> None:
    await office.subscribe()
    for _ in range(FAILURES + 2):
        await office.report()
    async with office.sending(clock=clock) as outbox:
        await pass_time(outbox, clock, 600, step_s=60)
    clock.now += step
    async with receiving() as receiver:
        (known,) = await office.subscriptions.all()
        await office.subscriptions.change(known.id, {"url": receiver.url()})
        async with office.sending(clock=clock) as outbox:
            await pass_time(outbox, clock, HOUR, step_s=300)
    assert set(await office.states()) == {"delivered"}
    assert len(receiver.got) == FAILURES + 2
