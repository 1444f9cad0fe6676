"""The routes of events: search, one, verdicts, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from server.store.database import Database
from tests.support.desk import Desk, desk
from tests.support.events import FIRST, confirmed, ended, new_id, suspected
from tests.support.server import Answer

NEW = suspected(feed="<b>gate</b>")
SURE = confirmed(NEW)
RFC_3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Asks a desk."""

    desk: Desk
    http: aiohttp.ClientSession

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        async with self.http.request(method, f"{self.desk.url}/api/v1/events{path}", **options) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def get(self, path: str = "", **options: Any) -> Answer:
        return await self.send("GET", path, **options)

    async def judge(self, event_id: str, **body: Any) -> Answer:
        return await self.send("POST", f"/{event_id}/verdict", json=body)


@pytest_asyncio.fixture
async def visitor(database: Database) -> AsyncIterator[Visitor]:
    async with desk(database) as served, aiohttp.ClientSession() as http:
        yield Visitor(served, http)


async def test_one_event(visitor: Visitor) -> None:
    await visitor.desk.store.record([NEW, SURE], FIRST)
    body = (await visitor.get(f"/{NEW.id}")).json()
    assert body["camera"] == "<b>gate</b>", "as text: what shows it must show it so"
    assert (body["id"], body["revision"], body["state"], body["kind"]) == (NEW.id, 2, "confirmed", "gun")
    assert (body["verdict"], body["note"], body["retracted_at"], body["ended_at"]) == (None, None, None, None)
    assert all(RFC_3339.match(body[name]) for name in ("first_seen", "last_seen", "confirmed_at"))
    assert body["box"] == {"x1": 10.0, "y1": 20.0, "x2": 30.0, "y2": 40.0}
    assert body["path"] == [{"at": 0.0, "box": {"x1": 64.0, "y1": 96.0, "x2": 192.0, "y2": 192.0}, "score": 0.5}]
    assert [(change["revision"], change["type"]) for change in body["history"]] == [
        (1, "event.suspected"),
        (2, "event.confirmed"),
    ]
    assert (body["evidence"], body["deliveries"]) == (None, [])


async def test_pages(visitor: Visitor) -> None:
    await visitor.desk.store.record([suspected(FIRST + n, n) for n in range(5)], FIRST)
    first = (await visitor.get("?limit=2")).json()
    second = (await visitor.get(f"?limit=2&cursor={first['next']}")).json()
    third = (await visitor.get(f"?limit=2&cursor={second['next']}")).json()
    seen = [event["id"] for page in (first, second, third) for event in page["events"]]
    assert seen == [new_id(FIRST + n, n) for n in (4, 3, 2, 1, 0)]
    assert third["next"] is None


async def test_filters_go_together(visitor: Visitor) -> None:
    gate, hall = (confirmed(suspected(FIRST + n, n, feed=name)) for n, name in enumerate(("gate", "hall")))
    await visitor.desk.store.record([gate, hall, replace(ended(gate), revision=9), suspected(FIRST + 5, 5)], FIRST)
    await visitor.judge(hall.id, verdict="false")
    at = "2026-09-21T14:13:20Z"

    async def found(query: str) -> list[str]:
        answer = await visitor.get(query)
        return [event["id"] for event in answer.json()["events"]]

    assert await found("?confirmed=1") == [hall.id, gate.id]
    assert await found("?camera=gate&camera=hall&verdict=false&state=retracted") == [hall.id]
    assert await found("?verdict=none&confirmed=1") == [gate.id]
    assert await found(f"?until={at}&confirmed=1&q=hal") == []
    assert await found(f"?since={at}&q=HAL") == [hall.id]
    assert len(await found("?since=2026-09-21T16:13:20%2B02:00")) == 3
    assert len(await found("?since=2026-09-21T16:13:20+02:00")) == 3, "a plus sign that nobody encoded"


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=x", "limit=nan", "cursor=x", "cursor=", f"cursor={new_id().upper()}"),
        *(
            "state=open",
            "verdict=maybe",
            "confirmed=yes",
            "since=yesterday",
            "since=9999999",
            "until=2026-13-01T00:00Z",
        ),
        *("since=0001-01-01T00:00:00Z", f"q={'x' * 201}", "q=%00", f"camera={'x' * 201}", "camera=", "kind=%00"),
        "&".join(f"camera={n}" for n in range(65)),
    ],
)
async def test_filters_that_cannot_be(visitor: Visitor, query: str) -> None:
    (await visitor.get(f"?{query}")).problem("invalid-parameter", 400)


@pytest.mark.parametrize("event_id", [new_id(), "x", "..%2f..%2fetc", "' OR 1=1", "%00", "x" * 3000, "\u0661"])
async def test_events_that_are_not_there(visitor: Visitor, event_id: str) -> None:
    (await visitor.get(f"/{event_id}")).problem("unknown-event", 404)
    (await visitor.judge(event_id, verdict="real")).problem("unknown-event", 404)
    answer = await visitor.send("POST", f"/{event_id}/hold", json={"held": True})
    answer.problem("unknown-event", 404)


async def test_a_verdict_is_kept_with_its_note(visitor: Visitor) -> None:
    await visitor.desk.store.record([NEW, SURE], FIRST)
    note = "  <script>alert('x')</script> \u202e \U0001f52b it's a \"toy\"; DROP TABLE events  "
    body = (await visitor.judge(NEW.id, verdict="false", note=note)).json()
    assert (body["state"], body["verdict"], body["note"]) == ("retracted", "false", note.strip())
    assert body["revision"] == 3
    assert RFC_3339.match(body["verdict_at"])
    assert body["retracted_at"] == body["verdict_at"]
    assert body["history"][-1]["type"] == "event.retracted"
    again = (await visitor.judge(NEW.id, verdict="false", note=note)).json()
    assert again["revision"] == 3, "the same again is no news"
    back = (await visitor.judge(NEW.id, verdict="real")).json()
    assert (back["state"], back["note"], back["retracted_at"]) == ("confirmed", None, None)


@pytest.mark.parametrize(
    "body",
    [{}, {"verdict": None}, {"verdict": "maybe"}, {"verdict": ["real"]}, {"verdict": "REAL"}, {"verdict": {}},
     {"verdict": "real", "note": "\ud800"},
     {"verdict": "real", "note": 5}, {"verdict": "real", "note": "x" * 2001}, {"verdict": "real", "note": "\0"},
     {"verdict": "real", "by": "me"}],
)  # fmt: skip
async def test_verdicts_that_are_none(visitor: Visitor, body: dict[str, Any]) -> None:
    await visitor.desk.store.record([NEW, SURE], FIRST)
    (await visitor.judge(NEW.id, **body)).problem("invalid-verdict", 422)
    assert (await visitor.get(f"/{NEW.id}")).json()["revision"] == 2


@pytest.mark.parametrize(
    ("data", "slug", "status"),
    [(b"{", "malformed-request", 400), (b"[]", "malformed-request", 400), (b"x" * 70_000, "malformed-request", 413)],
)
async def test_bodies_that_are_none(visitor: Visitor, data: bytes, slug: str, status: int) -> None:
    await visitor.desk.store.record([NEW], FIRST)
    headers = {"Content-Type": "application/json"}
    (await visitor.send("POST", f"/{NEW.id}/verdict", data=data, headers=headers)).problem(slug, status)


async def test_evidence_can_be_held(visitor: Visitor) -> None:
    await visitor.desk.store.record([NEW], FIRST)
    for held in (True, False):
        await visitor.send("POST", f"/{NEW.id}/hold", json={"held": held})
        assert (await visitor.desk.store.get(NEW.id)).held is held
    for body in ({}, {"held": 1}, {"held": None}, {"held": True, "x": 1}):
        (await visitor.send("POST", f"/{NEW.id}/hold", json=body)).problem("invalid-hold", 422)
