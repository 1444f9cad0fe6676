"""Subscriptions: added, changed, removed; secrets rotated; those of the settings declared."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import update

from server.store.database import Database
from server.store.schema import subscriptions
from server.store.subscriptions import UNDECLARED, Declaration, Subscription, SubscriptionRefused, Subscriptions
from server.store.turns import GONE

from ..support.post_office import PostOffice

URL = "https://example.org/hook?token=s3cr3t"
HOSTILE = "<img src=x onerror=alert(1)>'; DROP TABLE subscriptions; -- \u202e 火 \U0001f525"


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def new(subscription_id: str = "a", **values: Any) -> Subscription:
    return Subscription(**{"id": subscription_id, "channel": "webhook", "url": URL, "created_at": 1.0, **values})


async def refused(slug: str, doing: Awaitable[object]) -> str:
    with pytest.raises(SubscriptionRefused) as caught:
        await doing
    assert caught.value.slug == slug
    assert str(caught.value).endswith(".")
    return str(caught.value)


async def test_what_was_added_is_there_as_it_was_given(office: PostOffice) -> None:
    one = new(
        description=HOSTILE,
        kinds=("gun", HOSTILE[:40]),
        cameras=("gate",),
        states=("suspected",),
        secrets=("s3cr3t", "two"),
    )
    assert await office.subscriptions.add(one) == one
    await office.subscriptions.add(new("b", created_at=0.5))
    assert await office.subscriptions.get("a") == one
    assert [known.id for known in await office.subscriptions.all()] == ["b", "a"]
    assert "secrets" not in repr(one), "or a log would have them"


async def test_only_what_is_named_changes(office: PostOffice) -> None:
    await office.subscriptions.add(new(kinds=("gun",), secrets=("x",)))
    changed = await office.subscriptions.change("a", {"url": "http://b/", "cameras": ["gate"], "enabled": False})
    assert changed == new(kinds=("gun",), secrets=("x",), url="http://b/", cameras=("gate",), enabled=False)
    assert await office.subscriptions.change("a", {}) == changed
    assert await office.subscriptions.get("a") == changed


async def test_who_switches_one_on_does_away_with_the_reason(office: PostOffice) -> None:
    await office.subscriptions.add(new(enabled=False, reason=GONE))
    assert (await office.subscriptions.change("a", {"description": "x"})).reason == GONE
    changed = await office.subscriptions.change("a", {"enabled": True})
    assert (changed.enabled, changed.reason) == (True, None)


async def test_two_secrets_are_live_at_the_most(office: PostOffice) -> None:
    await office.subscriptions.add(new(secrets=("one",)))
    assert (await office.subscriptions.rotate("a", "two")).secrets == ("two", "one")
    assert (await office.subscriptions.rotate("a", "three")).secrets == ("three", "two")
    assert (await office.subscriptions.drop_previous("a")).secrets == ("three",)
    assert (await office.subscriptions.drop_previous("a")).secrets == ("three",)


async def test_one_that_is_not_there(office: PostOffice) -> None:
    of = office.subscriptions
    for doing in (
        of.get("no"),
        of.change("no", {"url": "x"}),
        of.rotate("no", "x"),
        of.drop_previous("no"),
        of.remove("no"),
    ):
        assert "no" in await refused("unknown-webhook", doing)


async def test_too_many(database: Database) -> None:
    few = Subscriptions(database, most=2)
    await few.declare([Declaration("mqtt", "mqtt://broker")], 0.0)
    await few.add(new("a"))
    await few.add(new("b"))
    assert "2" in await refused("too-many-webhooks", few.add(new("c")))
    await few.remove("a")
    await few.add(new("c"))


async def test_with_a_subscription_go_its_deliveries(office: PostOffice) -> None:
    one, other = await office.subscribe(), await office.subscribe()
    await office.report()
    await office.subscriptions.remove(one.id)
    assert [row.subscription_id for row in await office.rows()] == [other.id]


async def killed(database: Database) -> None:
    """In place of what a server would do next."""
    raise RuntimeError("killed")


async def test_what_was_sent_goes_some_at_a_time(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be deleted in one go keeps every event from being written meanwhile."""
    monkeypatch.setattr("server.store.subscriptions.MOST_AT_ONCE", 2)
    one, other = await office.subscribe(), await office.subscribe()
    for _ in range(5):
        await office.report()
    with office.counting("DELETE FROM deliveries") as counts:
        await office.subscriptions.remove(one.id)
    assert counts == [2, 2, 1]
    assert {row.subscription_id for row in await office.rows()} == {other.id}
    assert await office.subscriptions.all() == [other]


async def test_one_that_is_being_removed_is_seen_and_told_no_more(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = Subscriptions(office.database, most=1)
    one = await office.subscribe()
    event = await office.report()
    with monkeypatch.context() as patch:
        patch.setattr("server.store.subscriptions.clear", killed)
        with pytest.raises(RuntimeError, match="killed"):
            await of.remove(one.id)
    assert await of.all() == []
    for doing in (of.get(one.id), of.change(one.id, {"enabled": True}), of.rotate(one.id, "x"), of.remove(one.id)):
        await refused("unknown-webhook", doing)
    await office.report(event, "event.retracted")
    assert len(await office.rows()) == 1
    assert await office.deliveries.of_event(event) == []
    assert await office.deliveries.counts() == {}
    async with office.deliveries.turn("here") as turn:
        assert await turn.due(time.time()) == []
    other = await of.add(new())
    await office.deliveries.prune(0.0)
    assert await office.rows() == [], "what was begun is brought to its end"
    assert await of.all() == [other]


async def test_those_of_the_settings(office: PostOffice) -> None:
    of = office.subscriptions
    await of.declare([Declaration("mqtt", "mqtt://a"), Declaration("other", "x://a", ("suspected",))], 5.0)
    await of.add(new())
    declared = await of.get("mqtt")
    assert declared == Subscription("mqtt", "mqtt", "mqtt://a", 5.0)
    assert (declared.declared, (await of.get("a")).declared) == (True, False)
    await office.report()
    await of.declare([Declaration("mqtt", "mqtt://b", ("confirmed",))], 9.0)
    changed = await of.get("mqtt")
    assert (changed.url, changed.states, changed.created_at) == ("mqtt://b", ("confirmed",), 5.0)
    assert len(await office.rows(subscription_id="mqtt")) == 1, "what waited for it still waits"
    await of.declare([], 9.0)
    assert [known.id for known in await of.all()] == ["a", "mqtt", "other"]


async def test_one_that_the_settings_name_no_more_is_switched_off_and_waits(office: PostOffice) -> None:
    """One start without the address of the broker must not cost the alerts that it is to get."""
    of, mqtt = office.subscriptions, Declaration("mqtt", "mqtt://a")
    await of.declare([mqtt], 5.0)
    alarm = await office.report()
    await of.declare([], 9.0)
    off = await of.get("mqtt")
    assert (off.enabled, off.reason) == (False, UNDECLARED)
    assert off in await of.all()
    await office.report()
    await office.report(alarm, "event.retracted")
    await of.declare([], 9.0)
    assert await of.get("mqtt") == off
    await of.declare([mqtt], 9.0)
    on = await of.get("mqtt")
    assert (on.enabled, on.reason, on.created_at) == (True, None, 5.0)
    assert [row.type for row in await office.rows()] == ["event.confirmed", "event.retracted"]


async def test_one_that_was_switched_off_for_another_reason_stays_off(office: PostOffice) -> None:
    of, mqtt = office.subscriptions, Declaration("mqtt", "mqtt://a")
    await of.declare([mqtt], 5.0)
    async with office.database.write() as connection:
        await connection.execute(update(subscriptions).values(enabled=False, reason=GONE))
    for declared in ([], [mqtt]):
        await of.declare(declared, 9.0)
        known = await of.get("mqtt")
        assert (known.enabled, known.reason) == (False, GONE)


async def test_one_that_the_settings_name_no_more_can_be_removed(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, mqtt = office.subscriptions, Declaration("mqtt", "mqtt://a")
    await of.declare([mqtt], 5.0)
    await office.report()
    await of.declare([], 9.0)
    monkeypatch.setattr("server.store.subscriptions.clear", killed)
    with pytest.raises(RuntimeError, match="killed"):
        await of.remove("mqtt")
    await of.declare([mqtt], 9.0)
    assert (await of.get("mqtt")).created_at == 9.0
    assert await office.rows() == []


async def test_those_of_the_settings_are_changed_there(office: PostOffice) -> None:
    of = office.subscriptions
    await of.declare([Declaration("mqtt", "mqtt://a")], 5.0)
    for doing in (of.change("mqtt", {"enabled": False}), of.rotate("mqtt", "x"), of.remove("mqtt")):
        assert "settings" in await refused("declared-webhook", doing)


@pytest.mark.parametrize(
    ("filters", "told", "wanted"),
    [
        ({}, ("event.confirmed", "gate", "gun", True), True),
        ({}, ("event.suspected", "gate", "gun", False), False),
        ({}, ("event.ended", "gate", "gun", True), True),
        ({}, ("event.ended", "gate", "gun", False), False),
        ({}, ("event.retracted", "gate", "gun", True), True),
        ({}, ("event.reinstated", "gate", "gun", True), True),
        ({"states": ("confirmed",)}, ("event.reinstated", "gate", "gun", True), True),
        ({"states": ("suspected", "ended", "judged")}, ("event.reinstated", "gate", "gun", True), False),
        ({"states": ("confirmed",)}, ("event.retracted", "gate", "gun", True), False),
        ({}, ("event.judged", "gate", "gun", True), False),
        ({"states": ("suspected", "ended")}, ("event.ended", "gate", "gun", False), True),
        ({"states": ("suspected",)}, ("event.ended", "gate", "gun", False), False),
        ({"states": ("judged",)}, ("event.judged", "gate", "gun", True), True),
        ({"kinds": ("gun",)}, ("event.confirmed", "gate", "gun", True), True),
        ({"kinds": ("evidence-stopped",)}, ("event.confirmed", "gate", "gun", True), False),
        ({"cameras": ("gate", "yard")}, ("event.confirmed", "yard", "gun", True), True),
        ({"cameras": ("gate",)}, ("event.confirmed", "yard", "gun", True), False),
        ({"cameras": ("gate",)}, ("event.confirmed", "", "evidence-stopped", True), False),
    ],
)
def test_what_a_filter_lets_through(filters: dict[str, Any], told: tuple[str, str, str, bool], wanted: bool) -> None:
    assert new(**filters).wants(*told) is wanted
