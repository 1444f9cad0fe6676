"""A turn of the outbox: takes what is due and nothing twice, in order, and settles what was tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, update

from server.store import turns
from server.store.database import Database
from server.store.schema import deliveries
from server.store.subscriptions import Subscription
from server.store.turns import FAR_S, GONE, MOST_LOGGED, Address, Claimed, Due, Settled

from ..support.post_office import NOBODY, PostOffice

NOW = 1_800_000_000.0
DAY = 86_400.0
LEASE = 40.0


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


@pytest_asyncio.fixture
async def receiver(office: PostOffice) -> AsyncIterator[Subscription]:
    yield await office.subscribe()


async def claim(
    office: PostOffice, receiver: Subscription, limit: int = 10, now: float = NOW, server: str = "here", **options: Any
) -> list[Claimed]:
    async with office.deliveries.turn(server) as turn:
        return await turn.claim(receiver.id, limit, now, LEASE, DAY, **options)


async def settle(office: PostOffice, *outcomes: Settled, server: str = "here") -> None:
    async with office.deliveries.turn(server) as turn:
        for gone in await turn.settle(outcomes):
            assert await turn.leave(gone)


def delivered(claimed: Claimed, **changes: Any) -> Settled:
    return replace(Settled(claimed, "delivered", None, NOW, 12.5, "delivered", 200, None, "thanks"), **changes)


def failed(claimed: Claimed, next_at: float = NOW + 100, **changes: Any) -> Settled:
    return replace(Settled(claimed, "waiting", next_at, NOW, 9.0, "failed", 500, "answered 500", "oops"), **changes)


def dead(claimed: Claimed, **changes: Any) -> Settled:
    return replace(Settled(claimed, "dead", None, NOW, 0.0, "refused", None, "not there"), **changes)


async def set_all(office: PostOffice, **values: Any) -> None:
    async with office.database.write() as connection:
        await connection.execute(update(deliveries).values(**values))


# --- taking ----------------------------------------------------------------------------------------------------------


async def test_what_is_due_newest_first_up_to_a_limit(office: PostOffice, receiver: Subscription) -> None:
    """An alarm of now does not wait behind those of yesterday."""
    events = [await office.report(at=NOW + number) for number in range(5)]
    assert {c.event_id for c in await claim(office, receiver, 3)} == set(events[2:])
    assert {c.event_id for c in await claim(office, receiver, 3)} == set(events[:2])
    assert await claim(office, receiver, 3) == []


async def test_what_was_never_tried_goes_before_what_failed(office: PostOffice, receiver: Subscription) -> None:
    failing = await office.report(at=NOW)
    await settle(office, *(failed(c, NOW) for c in await claim(office, receiver)))
    never = await office.report(at=NOW - 100)
    assert [c.event_id for c in await claim(office, receiver, 1, now=NOW + 1)] == [never]
    assert [c.event_id for c in await claim(office, receiver, 1, now=NOW + 1)] == [failing]


async def test_a_new_one_is_due_whatever_the_clocks_say(office: PostOffice, receiver: Subscription) -> None:
    await office.report(at=NOW + 10 * DAY)
    (one,) = await claim(office, receiver)
    assert (one.since, one.attempts) == (NOW, 0)


async def test_a_lease_that_is_over_is_no_lease(office: PostOffice, receiver: Subscription) -> None:
    await office.report()
    (first,) = await claim(office, receiver)
    assert await claim(office, receiver, server="there", now=NOW + LEASE - 1) == []
    (second,) = await claim(office, receiver, server="there", now=NOW + LEASE)
    assert (second.id, second.body, second.since) == (first.id, first.body, first.since)


async def test_of_one_event_one_after_the_other(office: PostOffice, receiver: Subscription) -> None:
    event = await office.report()
    await office.report(event, "event.ended")
    other = await office.report()
    first, parallel = await claim(office, receiver)
    assert (first.type, parallel.event_id) == ("event.confirmed", other)
    assert await claim(office, receiver) == []
    await settle(office, failed(first), delivered(parallel))
    assert await claim(office, receiver) == [], "the first one is tried again, and the next one waits for it"
    (again,) = await claim(office, receiver, now=NOW + 100)
    assert (again.id, again.attempts) == (first.id, 1)
    await settle(office, delivered(again))
    (last,) = await claim(office, receiver, now=NOW + 100)
    assert last.type == "event.ended"


async def test_what_is_given_up_lets_the_next_one_go(office: PostOffice, receiver: Subscription) -> None:
    event = await office.report()
    await office.report(event, "event.retracted")
    (first,) = await claim(office, receiver)
    await settle(office, dead(first))
    assert [c.type for c in await claim(office, receiver)] == ["event.retracted"]


async def test_the_order_holds_for_each_receiver_alone(office: PostOffice, receiver: Subscription) -> None:
    other = await office.subscribe()
    event = await office.report()
    await office.report(event, "event.ended")
    (first,) = await claim(office, receiver)
    assert [c.type for c in await claim(office, other)] == ["event.confirmed"]
    await settle(office, delivered(first))
    assert [c.type for c in await claim(office, receiver)] == ["event.ended"]
    assert await claim(office, other) == []


async def test_tests_alone(office: PostOffice, receiver: Subscription) -> None:
    await office.report()
    test = await office.deliveries.add_test(receiver.id, "{}", NOW)
    assert [c.id for c in await claim(office, receiver, tests=True)] == [test.id]
    assert [c.type for c in await claim(office, receiver)] == ["event.confirmed"]


async def test_nothing_is_taken_twice_by_servers_that_take_at_once(database_url: str) -> None:
    async with Database(database_url) as one, Database(database_url) as other:
        office = PostOffice(one)
        receiver = await office.subscribe()
        events = [await office.report() for _ in range(60)]
        for half in (events[:20], events[20:25]):
            for known in half:
                await office.report(known, "event.ended")
        took: list[Claimed] = []

        async def take(database: Database, server: str) -> None:
            while mine := await claim(PostOffice(database), receiver, 4, server=server):
                took.extend(mine)

        await asyncio.gather(*(take(d, f"{n}") for n in range(3) for d in (one, other)))
        assert sorted(c.event_id or "" for c in took) == sorted(events)
        assert {c.type for c in took} == {"event.confirmed"}


async def test_what_waits_for_whom(office: PostOffice, receiver: Subscription) -> None:
    other = await office.subscribe(enabled=False)

    async def due(of: Subscription, now: float = NOW) -> Due:
        async with office.deliveries.turn("here") as turn:
            return {due.subscription_id: due for due in await turn.due(now)}[of.id]

    assert await due(receiver) == Due(receiver.id, "webhook", True, False, None, None)
    assert await due(other) == Due(other.id, "webhook", False, False, None, None)
    async with office.deliveries.turn("here") as turn:
        assert await turn.addresses([receiver.id, "no"]) == {receiver.id: Address("webhook", NOBODY, receiver.secrets)}
    await office.report()
    await office.deliveries.add_test(other.id, "{}", NOW)
    (first,) = await claim(office, receiver)
    assert await due(receiver) == Due(receiver.id, "webhook", True, False, NOW + LEASE, None)
    assert await due(other) == Due(other.id, "webhook", False, True, None, -NOW)
    await settle(office, failed(first))
    assert (await due(receiver)).later == NOW + 100
    assert (await due(receiver, NOW + 100)).now is True


async def test_however_much_waits_it_is_looked_up_not_searched(office: PostOffice, receiver: Subscription) -> None:
    if not office.database.is_sqlite:
        pytest.skip("PostgreSQL plans by what the tables hold")
    asked: list[tuple[str, Any]] = []

    def remember(_: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: bool) -> None:
        asked.append((statement, parameters))

    engine = office.database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    async with office.deliveries.turn("here") as turn:
        await turn.due(NOW)
        for tests in (False, True):
            await turn.claim(receiver.id, 1, NOW, LEASE, DAY, tests=tests)
        await turn.hasten(receiver.id)
        await turn.leave(dead(Claimed(0, "", receiver.id, None, "", "", 0, 0.0, 0.0)))
    event.remove(engine, "before_cursor_execute", remember)
    async with office.database.write() as connection:
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "WITH", "UPDATE")):
                plan = await connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
                steps = [str(step.detail) for step in plan.all()]
                assert not [s for s in steps if "SCAN" in s and not s.endswith(("subscriptions", "chosen"))], steps
                assert not [s for s in steps if "TEMP B-TREE" in s] or "event_id" in "".join(steps), "tests are few"
                looked = [s for s in steps if "SEARCH deliveries USING INDEX" in s]
                assert all("next_at" in s or "event_id" in s for s in looked), steps


# --- settling --------------------------------------------------------------------------------------------------------


async def test_delivered(office: PostOffice, receiver: Subscription) -> None:
    await office.report()
    (one,) = await claim(office, receiver)
    await settle(office, delivered(one))
    (row,) = await office.rows()
    assert (row.state, row.attempts, row.done_at, row.last_status, row.last_error) == ("delivered", 1, NOW, 200, None)
    assert (row.leased_by, row.leased_until) == (None, None)
    (tried,) = await office.log()
    assert (tried.at, tried.took_ms, tried.outcome, tried.status, tried.response) == (
        NOW,
        12.5,
        "delivered",
        200,
        "thanks",
    )
    known = await office.subscriptions.get(receiver.id)
    assert (known.last_success_at, known.last_failure_at) == (NOW, None)


async def test_failed(office: PostOffice, receiver: Subscription) -> None:
    await office.report()
    (one,) = await claim(office, receiver)
    await settle(office, failed(one))
    (row,) = await office.rows()
    assert (row.state, row.attempts, row.done_at, row.last_status) == ("waiting", 1, None, 500)
    assert (row.next_at, row.leased_by, row.last_error) == (NOW + 100, None, "answered 500")
    known = await office.subscriptions.get(receiver.id)
    assert (known.last_failure_at, known.last_failure_status, known.last_failure_error) == (NOW, 500, "answered 500")


async def test_many_at_once(office: PostOffice, receiver: Subscription) -> None:
    for _ in range(6):
        await office.report()
    claimed = await claim(office, receiver)
    await settle(
        office, *(delivered(c) for c in claimed[:3]), failed(claimed[3]), dead(claimed[4]), delivered(claimed[5])
    )
    assert await office.states() == [*["delivered"] * 3, "waiting", "dead", "delivered"]
    assert len(await office.log()) == 6


async def test_settling_twice_changes_nothing_more(office: PostOffice, receiver: Subscription) -> None:
    for _ in range(3):
        await office.report()
    a, b, c = await claim(office, receiver)
    outcomes = (delivered(a), failed(b), dead(c))
    await settle(office, *outcomes)
    before = await office.rows()
    await settle(office, *outcomes)
    assert await office.rows() == before
    assert len(await office.log()) == 3


async def test_a_failure_says_nothing_of_what_another_server_holds_by_now(
    office: PostOffice, receiver: Subscription
) -> None:
    await office.report()
    (late,) = await claim(office, receiver)
    (again,) = await claim(office, receiver, server="there", now=NOW + LEASE)
    await settle(office, failed(late))
    (row,) = await office.rows()
    assert (row.leased_by, row.attempts) == ("there", 0)
    await settle(office, delivered(late))
    assert await office.states() == ["delivered"], "but what arrived has arrived"
    await settle(office, failed(again), server="there")
    assert await office.states() == ["delivered"]


async def test_what_was_removed_meanwhile(office: PostOffice, receiver: Subscription) -> None:
    other = await office.subscribe()
    await office.report()
    (one,), (two,) = await claim(office, receiver), await claim(office, other)
    await office.subscriptions.remove(receiver.id)
    await settle(office, delivered(one), delivered(two))
    assert [(row.subscription_id, row.state) for row in await office.rows()] == [(other.id, "delivered")]


async def test_a_receiver_that_wants_nothing_more(office: PostOffice, receiver: Subscription) -> None:
    other = await office.subscribe()
    event = await office.report()
    await office.report(event, "event.ended")
    await office.report()
    first, _ = await claim(office, receiver)
    await settle(office, dead(first, outcome="gone", status=410, error="answered 410", gone=True))
    known = await office.subscriptions.get(receiver.id)
    assert (known.enabled, known.reason) == (False, GONE)
    rows = await office.rows(subscription_id=receiver.id)
    assert [(row.state, row.last_error) for row in rows] == [("dead", "answered 410")] * 3
    assert await office.states(subscription_id=other.id) == ["waiting"] * 3
    await office.report()
    assert len(await office.rows(subscription_id=receiver.id)) == 3


async def test_what_waits_for_one_that_is_gone_is_given_up_some_at_a_time(
    office: PostOffice, receiver: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 2)
    for _ in range(5):
        await office.report()
    first = (await claim(office, receiver))[0]
    async with office.deliveries.turn("here") as turn:
        (gone,) = await turn.settle([dead(first, outcome="gone", gone=True)])
        assert not await turn.leave(gone)
    assert (await office.subscriptions.get(receiver.id)).enabled is False, "at once"
    assert (await office.states()).count("dead") == 3
    await office.subscriptions.change(receiver.id, {"enabled": True})
    async with office.deliveries.turn("here") as turn:
        assert await turn.leave(gone)
    assert (await office.states()).count("dead") == 3, "its owner wants the others"


async def test_what_was_under_way_to_one_that_is_gone(office: PostOffice, receiver: Subscription) -> None:
    for _ in range(3):
        await office.report()
    first, arrives, fails = await claim(office, receiver)
    await settle(office, dead(first, outcome="gone", gone=True))
    assert [(row.state, row.leased_by, row.leased_until) for row in await office.rows()] == [("dead", None, None)] * 3
    await settle(office, delivered(arrives), failed(fails))
    assert await office.states() == ["dead", "delivered", "dead"], "what arrived has arrived"
    assert (await office.subscriptions.get(receiver.id)).reason == GONE
    replayed = await office.deliveries.replay(receiver.id, fails.id)
    assert replayed
    assert replayed.state == "waiting"


async def test_the_log_of_one_delivery_is_bounded(office: PostOffice, receiver: Subscription) -> None:
    await office.report()
    for number in range(MOST_LOGGED + 5):
        (one,) = await claim(office, receiver, now=NOW + number)
        await settle(office, failed(one, NOW + number, took_ms=float(number)))
    log = await office.log()
    assert [tried.took_ms for tried in log] == [float(number) for number in range(5, MOST_LOGGED + 5)]
    assert (await office.rows())[0].attempts == MOST_LOGGED + 5


@pytest.mark.parametrize("text", ["\u202e<b>", "'; DROP TABLE attempts; --", "\U0001f525" * 200, ""])
async def test_hostile_answers(office: PostOffice, receiver: Subscription, text: str) -> None:
    await office.report()
    (one,) = await claim(office, receiver)
    await settle(office, failed(one, error=text, response=text))
    (tried,) = await office.log()
    assert (tried.error, tried.response) == (text, text)


# --- what holds for all that wait ------------------------------------------------------------------------------------


async def test_a_receiver_that_is_back_gets_all_at_once(office: PostOffice, receiver: Subscription) -> None:
    other = await office.subscribe()
    for _ in range(3):
        await office.report()
    for each in (receiver, other):
        await settle(office, *(failed(c, NOW + 500) for c in await claim(office, each)))
    async with office.deliveries.turn("here") as turn:
        assert await turn.hasten(receiver.id)
    assert len(await claim(office, receiver)) == 3
    assert await claim(office, other) == []


async def test_it_is_told_to_some_at_a_time(
    office: PostOffice, receiver: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be written in one go keeps every event from being written meanwhile."""
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 2)
    for _ in range(5):
        await office.report()
    await settle(office, *(failed(c, NOW + 500) for c in await claim(office, receiver)))
    for told, done in ((2, False), (4, False), (5, True)):
        async with office.deliveries.turn("here") as turn:
            assert await turn.hasten(receiver.id) is done
        assert [row.next_at < 0 for row in await office.rows()].count(True) == told


async def test_followers_are_put_off_with_the_first_and_let_go_with_it(
    office: PostOffice, receiver: Subscription
) -> None:
    event = await office.report()
    await office.report(event, "event.ended")
    (first,) = await claim(office, receiver)
    await settle(office, failed(first, NOW + 500))
    assert [row.next_at for row in await office.rows()] == [NOW + 500] * 2
    async with office.deliveries.turn("here") as turn:
        assert not (await turn.due(NOW))[0].now, "or the outbox would look again and again"
    (again,) = await claim(office, receiver, now=NOW + 500)
    await settle(office, delivered(again))
    assert [c.type for c in await claim(office, receiver, now=NOW + 501)] == ["event.ended"]


async def test_what_has_waited_as_long_as_its_receiver_has_failed_goes_with_the_first(
    office: PostOffice, receiver: Subscription
) -> None:
    events = [await office.report(at=NOW + number) for number in range(4)]
    third, fourth = await claim(office, receiver, 2, now=NOW + 50)
    assert [third.event_id, fourth.event_id] == events[2:]
    await settle(office, failed(third))

    async def give_up(now: float) -> int:
        async with office.deliveries.turn("here") as turn:
            return await turn.give_up(receiver.id, now, now, DAY, "down")

    assert await give_up(NOW + DAY - 1) == 0
    assert await give_up(NOW + DAY) == 1
    assert await give_up(NOW + DAY + 49) == 1
    assert await office.states() == ["dead", "dead", "waiting", "waiting"], "the third was first tried later"
    assert await give_up(NOW + DAY + 50) == 1
    rows = await office.rows()
    assert [row.state for row in rows] == ["dead", "dead", "dead", "waiting"], "the last is under way"
    assert {row.last_error for row in rows[:3]} == {"down"}


async def test_what_was_replayed_has_its_whole_time_again(office: PostOffice, receiver: Subscription) -> None:
    await office.report(at=NOW - 9 * DAY)
    (one,) = await claim(office, receiver)
    await settle(office, dead(one))
    assert await office.deliveries.replay(receiver.id, one.id)
    async with office.deliveries.turn("here") as turn:
        assert await turn.give_up(receiver.id, time.time() + 1, time.time() + 1, DAY, "down") == 0


@pytest.mark.parametrize("since", [0.0, NOW - 3 * DAY, NOW + DAY])
async def test_time_in_which_nobody_tried_does_not_count(
    office: PostOffice, receiver: Subscription, since: float
) -> None:
    """The server was off, the receiver was switched off, or a clock was wrong."""
    await office.report()
    await set_all(office, since=since)
    (one,) = await claim(office, receiver)
    assert one.since == NOW


async def test_what_a_wrong_clock_put_off_is_due(office: PostOffice, receiver: Subscription) -> None:
    await office.report()
    (one,) = await claim(office, receiver, now=NOW + 400 * DAY, server="gone")
    assert await claim(office, receiver) == []
    async with office.deliveries.turn("here") as turn:
        assert await turn.mend(one.since + LEASE - FAR_S) == 0, "a lease of now is none of those"
        assert await turn.mend(NOW) == 1
    assert [c.id for c in await claim(office, receiver)] == [one.id]


async def test_given_back(office: PostOffice, receiver: Subscription) -> None:
    for _ in range(3):
        await office.report()
    a, b, c = await claim(office, receiver)
    async with office.deliveries.turn("there") as turn:
        await turn.release({a.seq})
    assert await claim(office, receiver) == [], "only by who holds it"
    async with office.deliveries.turn("here") as turn:
        await turn.release({a.seq, b.seq})
        await turn.release(set())
    assert {again.id for again in await claim(office, receiver)} == {a.id, b.id}
    async with office.deliveries.turn("there") as turn:
        assert await turn.release_of({"here", "else"}) == 3
    assert {again.id for again in await claim(office, receiver, server="there")} == {a.id, b.id, c.id}
    assert {row.attempts for row in await office.rows()} == {0}
