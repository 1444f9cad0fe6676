"""Subscriptions: added, changed, removed; secrets rotated; those of the settings declared."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from server.store.database import Database
from server.store.subscriptions import Declaration, Subscription, SubscriptionRefused, Subscriptions
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


async def test_those_of_the_settings(office: PostOffice) -> None:
    of = office.subscriptions
    await of.declare([Declaration("mqtt", "mqtt://a"), Declaration("other", "x://a", ("suspected",))], 5.0)
    await of.add(new())
    declared = await of.get("mqtt")
    assert declared == Subscription("mqtt", "mqtt", "mqtt://a", 5.0)
    assert (declared.declared, (await of.get("a")).declared) == (True, False)
    await office.report()
    await of.declare([Declaration("mqtt", "mqtt://b", ("confirmed",))], 9.0)
    assert [known.id for known in await of.all()] == ["a", "mqtt"]
    changed = await of.get("mqtt")
    assert (changed.url, changed.states, changed.created_at) == ("mqtt://b", ("confirmed",), 5.0)
    assert len(await office.rows(subscription_id="mqtt")) == 1, "what waited for it still waits"
    await of.declare([], 9.0)
    assert [known.id for known in await of.all()] == ["a"]


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
