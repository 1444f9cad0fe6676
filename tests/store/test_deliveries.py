"""Deliveries: who gets one, in the transaction of the change; listed, shown, replayed, removed."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.core.events import Verdict
from server.store.database import Database
from server.store.deliveries import ALL_STATES, Count, Report, fan_out
from server.store.events import EventStore
from server.store.schema import deliveries, events, subscriptions
from server.store.subscriptions import Subscription, all_of
from server.store.turns import GONE

from ..support.events import FIRST, confirmed, ended, suspected
from ..support.post_office import PostOffice
from ..support.waiting import eventually

HOSTILE = json.dumps(
    {"data": {"camera": "gate", "note": "'; DROP TABLE deliveries; --\u0000\u2028</script>\ud83d\ude00"}}
)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


async def told(office: PostOffice, subscription: Subscription) -> list[str]:
    return [row.type for row in await office.rows(subscription_id=subscription.id)]


async def settle(office: PostOffice, state: str, **where: object) -> None:
    """As the outbox would."""
    done = 5.0 if state != "waiting" else None
    async with office.database.write() as connection:
        for row in await office.rows(**where):
            own = update(deliveries).where(deliveries.c.seq == row.seq)
            await connection.execute(own.values(state=state, done_at=done, attempts=3, since=4.0, last_error="broke"))


# --- who is told -----------------------------------------------------------------------------------------------------


async def test_a_delivery_for_each_that_wants_it(office: PostOffice) -> None:
    everything = await office.subscribe(states=("suspected", "confirmed", "ended", "retracted", "judged"))
    usual = await office.subscribe()
    elsewhere = await office.subscribe(cameras=("yard",))
    off = await office.subscribe(enabled=False)
    event = await office.report(report="event.suspected", ever_confirmed=False)
    await office.report(event)
    await office.report(event, "event.ended")
    await office.report(event, "event.judged")
    assert await told(office, everything) == ["event.suspected", "event.confirmed", "event.ended", "event.judged"]
    assert await told(office, usual) == ["event.confirmed", "event.ended"]
    assert await told(office, elsewhere) == await told(office, off) == []
    rows = await office.rows()
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.id.startswith("msg_") and row.state == "waiting" and row.event_id == event for row in rows)


async def test_the_end_of_a_mere_suspicion_goes_to_those_who_knew_of_it(office: PostOffice) -> None:
    knew = await office.subscribe(states=("suspected", "ended"))
    usual = await office.subscribe()
    await office.report(report="event.ended", ever_confirmed=False)
    assert await told(office, knew) == ["event.ended"]
    assert await told(office, usual) == []


async def test_nobody_is_told_when_the_change_is_not_kept(office: PostOffice) -> None:
    await office.subscribe()
    report = Report("e", "event.confirmed", "gate", "gun", "{}", 1.0, True)

    async def change() -> None:
        async with office.database.write() as connection:
            assert await fan_out(connection, report) == 1
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        await change()
    assert await office.rows() == []


async def test_nobody_there_to_tell(office: PostOffice) -> None:
    async with office.database.write() as connection:
        assert await fan_out(connection, Report("e", "event.retracted", "g", "gun", "{}", 1.0, True)) == 0


async def test_a_body_is_kept_to_the_byte(office: PostOffice) -> None:
    await office.subscribe()
    await office.report(body=HOSTILE, camera="gate'; --")
    assert [row.body for row in await office.rows()] == [HOSTILE]


@pytest.mark.parametrize("report", ["event.retracted", "event.reinstated"])
async def test_whoever_got_the_alert_hears_that_it_was_wrong(office: PostOffice, report: str) -> None:
    narrow = await office.subscribe(states=("confirmed",))
    changed = await office.subscribe()
    off = await office.subscribe(states=("confirmed",))
    gone = await office.subscribe(states=("confirmed",))
    removed = await office.subscribe()
    event = await office.report()
    never = await office.subscribe(states=("confirmed",))
    of = office.subscriptions
    await of.change(changed.id, {"cameras": ["elsewhere"], "states": ["suspected"]})
    await of.change(off.id, {"enabled": False})
    async with office.database.write() as connection:  # as the outbox does when it is answered 410
        left = update(subscriptions).where(subscriptions.c.id == gone.id)
        await connection.execute(left.values(enabled=False, reason=GONE))
    await of.remove(removed.id)
    await office.report(event, report)
    for told_of in (narrow, changed, off):
        assert await told(office, told_of) == ["event.confirmed", report]
    assert await told(office, gone) == ["event.confirmed"]
    assert await told(office, never) == (["event.reinstated"] if report == "event.reinstated" else [])


async def test_a_receiver_that_is_removed_while_an_event_is_written(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is written, whichever comes first."""
    one, other = await office.subscribe(), await office.subscribe()
    removing: list[asyncio.Task[None]] = []

    async def locked() -> bool:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        async with office.database.read() as connection:
            return bool(await connection.scalar(waiting))

    async def read(connection: AsyncConnection, **options: Any) -> list[Subscription]:
        known = await all_of(connection, **options)
        removing.append(asyncio.create_task(office.subscriptions.remove(one.id)))
        if not office.database.is_sqlite:  # where the one writer has to end first
            await eventually(lambda: removing[0].done() or locked(), "the removal, or its waiting")
        return known

    with monkeypatch.context() as patch:
        patch.setattr("server.store.deliveries.all_of", read)
        event = await office.report()
    await removing[0]
    assert [(row.event_id, row.subscription_id) for row in await office.rows()] == [(event, other.id)]


async def test_another_event_is_another_matter(office: PostOffice) -> None:
    narrow = await office.subscribe(states=("confirmed",))
    await office.report()
    await office.report(report="event.retracted")
    assert await told(office, narrow) == ["event.confirmed"]


# --- shown -----------------------------------------------------------------------------------------------------------


async def test_pages_newest_first_by_state(office: PostOffice) -> None:
    one, other = await office.subscribe(), await office.subscribe()
    events = [await office.report() for _ in range(7)]
    await settle(office, "delivered", event_id=events[2])
    await settle(office, "dead", event_id=events[4])
    seen, before, pages = [], None, 0
    while True:
        page, before = await office.deliveries.select(one.id, ALL_STATES, 3, before)
        seen += [delivery.event_id for delivery in page]
        pages += 1
        if before is None:
            break
    assert (seen, pages) == (events[::-1], 3)
    for states, expected in [
        (("dead",), [events[4]]),
        (("delivered",), [events[2]]),
        (("dead", "delivered"), [events[4], events[2]]),
        (("waiting",), [event for event in events[::-1] if event not in (events[2], events[4])]),
    ]:
        page, before = await office.deliveries.select(one.id, states, 50, None)
        assert ([delivery.event_id for delivery in page], before) == (expected, None)
    assert await office.deliveries.counts() == {one.id: Count(5, 1), other.id: Count(5, 1)}


async def test_one_with_its_body(office: PostOffice) -> None:
    one, other = await office.subscribe(), await office.subscribe()
    await office.report(body=HOSTILE)
    (row,) = await office.rows(subscription_id=one.id)
    found = await office.deliveries.get(one.id, row.id)
    assert found
    delivery, body, log = found
    assert (delivery.id, delivery.state, delivery.attempts, body, log) == (row.id, "waiting", 0, HOSTILE, [])
    assert await office.deliveries.get(other.id, row.id) is None, "it is another's"
    assert await office.deliveries.get(one.id, "msg_no") is None


async def test_who_was_told_of_an_event(office: PostOffice) -> None:
    one = await office.subscribe("https://user:pw@a.example/hook?token=s3cr3t")
    event = await office.report(at=1.0)
    await settle(office, "delivered", event_id=event)
    await office.report(event, "event.retracted", at=2.0)
    await office.report()
    first, second = await office.deliveries.of_event(event)
    assert first == {
        "id": first["id"],
        "webhook": one.id,
        "channel": "webhook",
        "url": "https://a.example/hook?...",
        "event": event,
        "type": "event.confirmed",
        "state": "delivered",
        "attempts": 3,
        "created_at": "1970-01-01T00:00:01.000Z",
        "next_try_at": None,
        "delivered_at": "1970-01-01T00:00:05.000Z",
        "last_status": None,
        "last_error": "broke",
    }
    assert (second["type"], second["state"], second["delivered_at"]) == ("event.retracted", "waiting", None)
    assert await office.deliveries.of_event("no") == []


async def test_a_test_belongs_to_no_event(office: PostOffice) -> None:
    one = await office.subscribe(enabled=False)
    delivery = await office.deliveries.add_test(one.id, "{}", 1.0)
    assert (delivery.type, delivery.state, delivery.event_id, delivery.attempts) == ("test", "waiting", None, 0)


# --- again, and gone -------------------------------------------------------------------------------------------------


async def test_a_replay_begins_anew_with_the_same_id(office: PostOffice) -> None:
    one, other = await office.subscribe(), await office.subscribe()
    await office.report()
    await settle(office, "dead")
    (row,) = await office.rows(subscription_id=one.id)
    replayed = await office.deliveries.replay(one.id, row.id)
    assert replayed
    assert (replayed.id, replayed.state, replayed.attempts, replayed.done_at) == (row.id, "waiting", 0, None)
    (after,) = await office.rows(subscription_id=one.id)
    assert abs(after.since - time.time()) < 60
    assert (after.next_at, after.body) == (-row.created_at, row.body)
    assert await office.states(subscription_id=other.id) == ["dead"]
    assert await office.deliveries.replay(other.id, row.id) is None
    assert await office.deliveries.replay(one.id, "msg_no") is None


async def test_all_that_are_dead_again(office: PostOffice) -> None:
    one, other = await office.subscribe(), await office.subscribe()
    events = [await office.report() for _ in range(3)]
    await settle(office, "dead", event_id=events[0])
    await settle(office, "dead", event_id=events[1])
    await settle(office, "delivered", event_id=events[2])
    assert await office.deliveries.replay_dead(one.id) == 2
    assert await office.states(subscription_id=one.id) == ["waiting", "waiting", "delivered"]
    assert await office.states(subscription_id=other.id) == ["dead", "dead", "delivered"]
    assert await office.deliveries.replay_dead(one.id) == 0


async def test_many_that_are_dead_go_again_some_at_a_time(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be written in one go keeps every event from being written meanwhile."""
    monkeypatch.setattr("server.store.deliveries.MOST_AT_ONCE", 2)
    one = await office.subscribe()
    for _ in range(5):
        await office.report()
    await settle(office, "dead")
    with office.counting("UPDATE deliveries") as counts:
        assert await office.deliveries.replay_dead(one.id) == 5
    assert counts == [2, 2, 1, 0]
    assert await office.states() == ["waiting"] * 5


async def test_what_is_done_goes_by_age_and_what_waits_stays(office: PostOffice) -> None:
    await office.subscribe()
    events = [await office.report() for _ in range(3)]
    await settle(office, "dead", event_id=events[0])
    await settle(office, "delivered", event_id=events[1])
    await office.deliveries.prune(5.0)
    assert len(await office.rows()) == 3
    await office.deliveries.prune(5.1)
    assert [row.event_id for row in await office.rows()] == [events[2]]


async def test_who_got_the_alarm_is_known_as_long_as_the_event(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged false after a month, it is still to be called off."""
    monkeypatch.setattr("server.store.deliveries.MOST_AT_ONCE", 2)
    one, store = await office.subscribe(), EventStore(office.database, "here")
    kept, lost = (suspected(number=number) for number in (1, 2))
    for event in (kept, lost):
        await store.record([event, confirmed(event), ended(confirmed(event))], FIRST)
    await settle(office, "delivered")
    async with office.database.write() as connection:
        await connection.execute(delete(events).where(events.c.id == lost.id))
    await office.deliveries.prune(5.1)
    assert [(row.event_id, row.type) for row in await office.rows()] == [(kept.id, "event.confirmed")]
    await store.judge(kept.id, Verdict.FALSE, None, FIRST + 99)
    assert await told(office, one) == ["event.confirmed", "event.retracted"]


async def test_the_clock_that_all_go_by(office: PostOffice) -> None:
    assert abs(await office.deliveries.clock() - time.time()) < 60
    assert office.deliveries.shared is not office.database.is_sqlite
