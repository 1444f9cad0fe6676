"""What must hold after any number of crashes: nothing that was promised is lost, and everybody was told in order."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select, text

from server.store.database import Database
from server.store.schema import changes, deliveries, events
from server.store.subscriptions import Subscription, all_of

from ..support.receiver import Got, Receiver
from .process import Told

ALARM, TAKEN_BACK = "event.confirmed", ("event.retracted", "event.reinstated")


@dataclass(frozen=True, slots=True)
class Kept:
    """All that a database holds: its rows as they are."""

    events: dict[str, RowMapping]
    changes: list[RowMapping]
    deliveries: list[RowMapping]
    subscriptions: list[Subscription]
    complaints: list[str]


async def kept_in(database: Database) -> Kept:
    """Read all of it, and what the database says of its own health."""
    async with database.read() as connection:

        async def rows(table: Any) -> list[RowMapping]:
            query = select(table).order_by(table.c.seq if "seq" in table.c else table.c.id)
            return list((await connection.execute(query)).mappings())

        complaints: list[str] = []
        if database.is_sqlite:
            for check in ("integrity_check", "foreign_key_check"):
                found = (await connection.execute(text(f"PRAGMA {check}"))).all()
                complaints += [f"{check}: {row}" for row in found if tuple(row) != ("ok",)]
        known = {row["id"]: row for row in await rows(events)}
        return Kept(known, await rows(changes), await rows(deliveries), await all_of(connection), complaints)


def mistakes(kept: Kept, receivers: Mapping[str, Receiver], told: Iterable[Told]) -> list[str]:
    """All that does not hold, in words. ``receivers`` by the ids of their subscriptions, which never changed."""
    found = [*kept.complaints, *_history(kept), *_promises(kept, told)]
    for subscription in kept.subscriptions:
        got = receivers[subscription.id].got
        found += [f"{subscription.description}: {words}" for words in _received(kept, subscription, got)]
    return [*found, *_across(receivers)]


def _history(kept: Kept) -> Iterator[str]:
    """Each event went through all its revisions in order, is as its last change says, and is over."""
    revisions = defaultdict(list)
    last: dict[str, dict[str, Any]] = {}
    for change in kept.changes:
        revisions[change["event_id"]].append(change["revision"])
        last[change["event_id"]] = json.loads(change["body"])["data"]
    if revisions.keys() != kept.events.keys():
        yield f"changes and events are not of the same: {revisions.keys() ^ kept.events.keys()}"
    for event_id, numbers in revisions.items():
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"the revisions of {event_id} are {numbers}"
    for event_id, row in kept.events.items():
        data = last.get(event_id, {})
        if (data.get("revision"), data.get("state")) != (row["revision"], row["state"]):
            yield f"{event_id} is not as it was last told: {row['revision']} {row['state']}, {data}"
        if row["ended_at"] is None:
            yield f"{event_id} is still open"


def _promises(kept: Kept, told: Iterable[Told]) -> Iterator[str]:
    known = {(change["event_id"], change["revision"]): change["body"] for change in kept.changes}
    for promise in told:
        body = known.get((promise.event_id, promise.revision))
        if body is None:
            yield f"lost: {promise}"
        elif json.loads(body)["data"]["state"] != promise.state:
            yield f"{promise} was kept otherwise: {body}"


def _received(kept: Kept, subscription: Subscription, got: list[Got]) -> Iterator[str]:
    """One receiver got what it asked for, all of it and nothing else, in order, and each delivery as it was."""
    wanted = dict(_wanted(kept, subscription))
    first: dict[str, Got] = {}
    for each in got:
        if first.setdefault(each.id, each).body != each.body:
            yield f"delivery {each.id} changed"
    came: dict[tuple[str, int], str] = {}
    newest: dict[str, int] = {}
    for each in first.values():
        event_id, revision, kind = _content(each)
        if (event_id, revision) in came:
            yield f"{event_id}, revision {revision}, came under two ids"
        if revision < newest.get(event_id, 0):
            yield f"{event_id}: revision {revision} came after {newest[event_id]}"
        came[event_id, revision] = kind
        newest[event_id] = revision
    if missing := wanted.items() - came.items():
        yield f"not delivered: {sorted(missing)[:10]}"
    if more := came.items() - wanted.items():
        yield f"not asked for: {sorted(more)[:10]}"
    states = Counter(row["state"] for row in kept.deliveries if row["subscription_id"] == subscription.id)
    if states != Counter(delivered=len(wanted)):
        yield f"its deliveries are {dict(states)}, and {len(wanted)} were wanted"


def _wanted(kept: Kept, subscription: Subscription) -> Iterator[tuple[tuple[str, int], str]]:
    """What a receiver asked for, and what takes back an alarm that it got or gives it again."""
    alarmed: set[str] = set()
    for change in kept.changes:
        event_id, kind = change["event_id"], change["type"]
        data = json.loads(change["body"])["data"]
        asked = subscription.wants(kind, data["camera"] or "", data["kind"], data["confirmed_at"] is not None)
        if asked or (kind in TAKEN_BACK and event_id in alarmed):
            yield (event_id, change["revision"]), kind
        if asked and kind == ALARM:
            alarmed.add(event_id)


def _content(got: Got) -> tuple[str, int, str]:
    body = got.json
    return body["data"]["id"], body["data"]["revision"], body["type"]


def _across(receivers: Mapping[str, Receiver]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for name, receiver in receivers.items():
        for delivery_id in {got.id for got in receiver.got}:
            if owners.setdefault(delivery_id, name) != name:
                yield f"delivery {delivery_id} went to two receivers"
