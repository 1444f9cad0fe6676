"""The routes of webhooks: what they answer, what they refuse, what they never tell."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from server.config import Settings
from server.edge.http import make_app
from server.edge.webhooks import WebhookRoutes
from server.metrics import Metrics
from server.outbox.dispatch import Outbox
from server.store.database import Database, DatabaseAway
from server.store.subscriptions import Declaration, Subscriptions

from ..support.access import local_guard
from ..support.post_office import NOBODY, Clock, PostOffice, rest, webhook_settings
from ..support.receiver import receiving, status
from ..support.server import Answer, Client, Json, Server, client_of
from ..support.waiting import eventually

FIELDS = {
    *("id", "channel", "url", "description", "kinds", "cameras", "states", "enabled", "reason", "created_at"),
    *("secrets", "circuit", "waiting", "dead", "last_success_at", "last_failure"),
}
DELIVERY_FIELDS = {
    *("id", "webhook", "event", "type", "state", "attempts", "created_at", "next_try_at", "delivered_at"),
    *("last_status", "last_error"),
}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SECRET = r"whsec_[A-Za-z0-9+/]{32}"
HOSTILE = "</script><img src=x onerror=alert(1)>'; DROP TABLE subscriptions; -- \u202e 火"

pytestmark = pytest.mark.usefixtures("nothing_left")


class Api(Client):
    """A client, and what its server keeps."""

    office: PostOffice
    outbox: Outbox
    clock: Clock

    async def add(self, url: str = NOBODY, **fields: Any) -> Json:
        """A webhook that is added."""
        answer = await self.post("/api/v1/webhooks", json={"url": url, **fields})
        assert answer.status == 201, answer
        assert answer.headers["Location"] == f"/api/v1/webhooks/{answer.json()['id']}"
        return answer.json()

    async def show(self, webhook: str) -> Json:
        """One, as it is told now."""
        answer = await self.get(f"/api/v1/webhooks/{webhook}")
        assert answer.status == 200, answer
        return answer.json()

    async def deliveries(self, webhook: str, query: str = "") -> list[Json]:
        """What it was sent or is to be sent."""
        answer = await self.get(f"/api/v1/webhooks/{webhook}/deliveries{query}")
        assert answer.status == 200, answer
        found: list[Json] = answer.json()["deliveries"]
        return found


@asynccontextmanager
async def serving(database: Database, settings: Settings) -> AsyncIterator[Api]:
    """The routes alone, on a real server."""
    office, clock = PostOffice(database), Clock()
    subscriptions = Subscriptions(database, settings.webhooks.most)
    async with Outbox(office.deliveries, settings, Metrics(), "here", clock=clock) as outbox:
        routes = WebhookRoutes(subscriptions, office.deliveries, outbox, settings.webhooks).routes()
        runner = web.AppRunner(make_app(routes, (), local_guard()), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with client_of(Server(f"http://127.0.0.1:{runner.addresses[0][1]}", settings)) as client:
            api = Api(client.server, client.http)
            api.office, api.outbox, api.clock = office, outbox, clock
            yield api
        await runner.cleanup()


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite alone: what differs between databases is tested beneath."""
    async with Database(f"sqlite:///{tmp_path / 'vigie.db'}") as database:
        yield database


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with serving(database, webhook_settings()) as api:
        yield api


def wrong(answer: Answer, *fields: str) -> str:
    """Check that exactly these fields are called wrong; gives all that was said."""
    body = answer.json()
    assert (answer.status, body["type"]) == (422, "urn:vigie:problem:invalid-webhook"), answer
    assert {error["field"] for error in body["errors"]} == set(fields)
    assert all(set(error) == {"field", "detail"} and error["detail"].endswith(".") for error in body["errors"])
    assert body["detail"].endswith(".")
    return answer.text


# --- added, shown, changed, removed ----------------------------------------------------------------------------------


async def test_a_webhook_as_it_is_told(api: Api) -> None:
    added = await api.add("https://192.0.2.7/hook?token=s3cr3t", cameras=["gate", "gate"], description=HOSTILE)
    secret = added.pop("secret")
    assert re.fullmatch(SECRET, secret)
    for told in (added, await api.show(added["id"]), (await api.get("/api/v1/webhooks")).json()["webhooks"][0]):
        assert set(told) == FIELDS
        assert (told["channel"], told["url"]) == ("webhook", "https://192.0.2.7/hook?...")
        assert (told["kinds"], told["cameras"], told["states"]) == ([], ["gate"], ["confirmed", "ended", "retracted"])
        assert (told["description"], told["enabled"], told["reason"], told["secrets"]) == (HOSTILE, True, None, 1)
        assert (told["circuit"], told["waiting"], told["dead"]) == ("closed", 0, 0)
        assert (told["last_success_at"], told["last_failure"]) == (None, None)
        assert re.fullmatch(TIME, told["created_at"])
        assert "s3cr3t" not in str(told)
        assert secret not in str(told)


async def test_only_what_the_body_names_changes(api: Api) -> None:
    added = await api.add(kinds=["gun"], states=["suspected"])
    del added["secret"]
    path = f"/api/v1/webhooks/{added['id']}"
    changes: list[Json] = [
        {"cameras": ["yard"]},
        {"states": ["judged", "ended"]},
        {"kinds": []},
        {"description": "x"},
        {},
    ]
    for change in changes:
        added.update(change)
        answer = await api.send("PATCH", path, json=change)
        assert (answer.status, answer.json()) == (200, added)
    assert (await api.send("PATCH", path, json={"enabled": False})).json()["enabled"] is False
    assert (await api.send("PATCH", path, json={"url": "http://127.0.0.1:2/new"})).json()[
        "url"
    ] == "http://127.0.0.1:2/new"


async def test_a_url_that_is_sent_back_as_it_is_shown_stays(api: Api) -> None:
    added = await api.add("http://127.0.0.1:1/hook?token=s3cr3t")
    path = f"/api/v1/webhooks/{added['id']}"
    answer = await api.send("PATCH", path, json={"url": added["url"], "description": "x"})
    assert answer.status == 200
    (kept,) = await api.office.subscriptions.all()
    assert (kept.url, kept.description) == ("http://127.0.0.1:1/hook?token=s3cr3t", "x")
    said = wrong(await api.send("PATCH", path, json={"url": "http://127.0.0.1:2/hook?..."}), "url")
    assert "whole URL" in said


async def test_list_and_remove(api: Api) -> None:
    ids = [(await api.add(description=str(number)))["id"] for number in range(3)]
    assert [one["id"] for one in (await api.get("/api/v1/webhooks")).json()["webhooks"]] == ids
    removed = await api.send("DELETE", f"/api/v1/webhooks/{ids[1]}")
    assert (removed.status, removed.body) == (204, b"")
    assert [one["id"] for one in (await api.get("/api/v1/webhooks")).json()["webhooks"]] == [ids[0], ids[2]]


@pytest.mark.parametrize("name", ["no", "01a211b6-ad01-7825-a530-7c63f89cde60", "%00", "x" * 500, "%27%3B--", "..%2F"])
async def test_one_that_is_not_there(api: Api, name: str) -> None:
    for method, path in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/secret"),
        ("DELETE", "/secret/previous"),
        ("POST", "/test"),
        ("POST", "/replay"),
        ("GET", "/deliveries"),
    ]:
        (await api.send(method, f"/api/v1/webhooks/{name}{path}", json={})).problem("unknown-webhook", 404)
    added = await api.add()
    for method, path in [("GET", ""), ("POST", "/replay")]:
        answer = await api.send(method, f"/api/v1/webhooks/{added['id']}/deliveries/{name}{path}")
        answer.problem("unknown-delivery", 404)


async def test_those_of_the_settings_are_shown_and_tested_only(api: Api) -> None:
    await api.office.subscriptions.declare([Declaration("mqtt", "mqtt://broker:1883")], 0.0)
    assert (await api.show("mqtt"))["channel"] == "mqtt"
    for method, path in [("PATCH", ""), ("DELETE", ""), ("POST", "/secret"), ("DELETE", "/secret/previous")]:
        answer = await api.send(method, f"/api/v1/webhooks/mqtt{path}", json={})
        assert "settings" in answer.problem("declared-webhook", 409)


async def test_a_database_that_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    added = await api.add()

    def away(self: Database) -> Any:
        raise DatabaseAway("s3cr3t")

    await rest(api.outbox)
    for name in ("read", "write"):
        monkeypatch.setattr(Database, name, away)
    path = f"/api/v1/webhooks/{added['id']}"
    for method, of in [
        ("GET", "/api/v1/webhooks"),
        ("GET", path),
        ("PATCH", path),
        ("POST", f"{path}/test"),
        ("DELETE", path),
    ]:
        answer = await api.send(method, of, json={})
        assert "s3cr3t" not in answer.problem("database-away", 503)
        assert answer.headers["Retry-After"] == "2"
    monkeypatch.undo()
    assert (await api.show(added["id"]))["id"] == added["id"]


async def test_too_many(database: Database) -> None:
    async with serving(database, webhook_settings(most=1)) as api:
        await api.add()
        assert "1" in (await api.post("/api/v1/webhooks", json={"url": NOBODY})).problem("too-many-webhooks", 409)


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"url": None}, ["url"]),
        ({"url": 7}, ["url"]),
        ({"url": ["http://a/"]}, ["url"]),
        ({"url": ""}, ["url"]),
        ({"url": "ftp://example.org/s3cr3t"}, ["url"]),
        ({"url": "http://user:s3cr3t@example.org/"}, ["url"]),
        ({"url": "http://s3cr3t\n/"}, ["url"]),
        ({"url": "http://a/" + "s3cr3t" * 500}, ["url"]),
        ({"url": "http://a/\ud800"}, ["url"]),
        ({"kinds": "gun"}, ["kinds"]),
        ({"kinds": [""]}, ["kinds.0"]),
        ({"kinds": ["x" * 41]}, ["kinds.0"]),
        ({"kinds": ["a\u0000"]}, ["kinds.0"]),
        ({"kinds": ["gun"] * 65}, ["kinds"]),
        ({"kinds": [7, None]}, ["kinds.0", "kinds.1"]),
        ({"cameras": ["a b"]}, ["cameras.0"]),
        ({"cameras": ["../x"]}, ["cameras.0"]),
        ({"cameras": [{"name": "gate"}]}, ["cameras.0"]),
        ({"cameras": ["gate"] * 1001}, ["cameras"]),
        ({"states": []}, ["states"]),
        ({"states": ["sleeping"]}, ["states.0"]),
        ({"states": {"confirmed": True}}, ["states"]),
        ({"description": "x" * 201}, ["description"]),
        ({"description": "a\nb"}, ["description"]),
        ({"description": None}, ["description"]),
        ({"enabled": "yes"}, ["enabled"]),
        ({"enabled": 1}, ["enabled"]),
        ({"secret": "whsec_mine"}, ["secret"]),
        ({"id": "mine", "channel": "mqtt"}, ["id", "channel"]),
        ({"constructor": {}}, ["constructor"]),
    ],
)
async def test_each_field_that_is_wrong_is_named(api: Api, fields: Json, names: list[str]) -> None:
    body = {"url": NOBODY, **fields}
    assert "s3cr3t" not in wrong(await api.post("/api/v1/webhooks", json=body), *names)
    added = await api.add()
    assert "s3cr3t" not in wrong(await api.send("PATCH", f"/api/v1/webhooks/{added['id']}", json=fields), *names)
    assert len(await api.office.subscriptions.all()) == 1


async def test_a_webhook_needs_a_url(api: Api) -> None:
    assert "needed" in wrong(await api.post("/api/v1/webhooks", json={}), "url")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"x"', b"[" * 10_000, b"\xff"])
async def test_bodies_that_are_none(api: Api, body: bytes) -> None:
    for method, path in (("POST", ""), ("PATCH", f"/{(await api.add())['id']}")):
        headers = {"Content-Type": "application/json"}
        (await api.send(method, f"/api/v1/webhooks{path}", data=body, headers=headers)).problem(
            "malformed-request", 400
        )


async def test_a_body_that_is_no_json_or_too_long(api: Api) -> None:
    (await api.post("/api/v1/webhooks", data={"url": NOBODY})).problem("unsupported-content-type", 415)
    long = {"url": NOBODY, "description": "x" * 70_000}
    (await api.post("/api/v1/webhooks", json=long)).problem("malformed-request", 413)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "state=asleep", "cursor=x", "cursor=-1", "cursor=" + "9" * 19]
)
async def test_a_page_that_cannot_be(api: Api, query: str) -> None:
    added = await api.add()
    path = f"/api/v1/webhooks/{added['id']}/deliveries?{query}"
    (await api.get(path)).problem("invalid-parameter", 400)


# --- where they may go -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "10.0.0.1", "169.254.169.254", "[fe80::1]", "0x7f.1"]
)
async def test_a_private_receiver_is_refused_when_it_is_added(database: Database, host: str) -> None:
    async with serving(database, webhook_settings(allow_private=False)) as api:
        url = f"http://{host}/hook?token=s3cr3t"
        said = (await api.post("/api/v1/webhooks", json={"url": url})).problem("webhook-url-not-allowed", 403)
        assert "webhooks.allow_private" in said
        assert "s3cr3t" not in said
        added = await api.add("http://no-such-host.invalid/")
        answer = await api.send("PATCH", f"/api/v1/webhooks/{added['id']}", json={"url": url})
        answer.problem("webhook-url-not-allowed", 403)
        assert (await api.show(added["id"]))["url"] == "http://no-such-host.invalid/"


async def test_a_name_server_that_is_silent_holds_up_nobody_for_long(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.edge.webhooks.LOOK_UP_S", 0.1)
    real, release = socket.getaddrinfo, asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(host: str, *rest: Any, **options: Any) -> Any:
        if host == "slow.example":
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert (await api.add("http://slow.example/"))["url"] == "http://slow.example/"
    release.set()


# --- secrets ---------------------------------------------------------------------------------------------------------


async def test_a_secret_is_told_once_and_two_are_live_while_they_change(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "server")
    async with receiving() as receiver:
        added = await api.add(receiver.url())
        path = f"/api/v1/webhooks/{added['id']}"

        async def sign() -> list[bool]:
            before = len(receiver.got)
            await api.post(f"{path}/test")
            await eventually(lambda: len(receiver.got) > before, "the test")
            return [_verifies(receiver.got[-1], secret) for secret in secrets]

        secrets = [added["secret"]]
        rotated = (await api.post(f"{path}/secret")).json()
        secrets.append(rotated["secret"])
        assert re.fullmatch(SECRET, rotated["secret"])
        assert (rotated["secrets"], rotated["secret"] != added["secret"]) == (2, True)
        assert await sign() == [True, True]
        secrets.append((await api.post(f"{path}/secret")).json()["secret"])
        assert await sign() == [False, True, True]
        dropped = (await api.send("DELETE", f"{path}/secret/previous")).json()
        assert (dropped["secrets"], "secret" in dropped) == (1, False)
        assert await sign() == [False, False, True]
        told = (await api.get("/api/v1/webhooks")).text + (await api.get(path)).text + caplog.text
        assert not [secret for secret in secrets if secret in told]
        await rest(api.outbox)


def _verifies(got: Any, secret: str) -> bool:
    try:
        got.verify(secret)
    except WebhookVerificationError:
        return False
    return True


# --- what was sent ---------------------------------------------------------------------------------------------------


async def test_a_test_and_how_it_went(api: Api) -> None:
    async with receiving(status(503, HOSTILE, Retry_After="1")) as receiver:
        added = await api.add(receiver.url(), enabled=False)
        path = f"/api/v1/webhooks/{added['id']}"
        answer = await api.post(f"{path}/test")
        assert answer.status == 202
        delivery = answer.json()["delivery"]
        assert set(delivery) == DELIVERY_FIELDS
        assert (delivery["type"], delivery["state"], delivery["event"], delivery["attempts"]) == (
            "test",
            "waiting",
            None,
            0,
        )
        await rest(api.outbox)
        told = (await api.get(f"{path}/deliveries/{delivery['id']}")).json()
        assert set(told) == {*DELIVERY_FIELDS, "body", "log"}
        assert (told["state"], told["attempts"], told["last_status"]) == ("waiting", 1, 503)
        assert re.fullmatch(TIME, told["next_try_at"])
        assert told["body"].encode() == receiver.got[0].body
        (tried,) = told["log"]
        assert set(tried) == {"at", "took_ms", "status", "outcome", "error", "response"}
        assert (tried["status"], tried["outcome"], tried["error"]) == (503, "failed", "answered 503")
        assert tried["response"] == HOSTILE.replace("\u202e", "\ufffd")
        shown = await api.show(added["id"])
        assert shown["last_failure"].items() >= {"status": 503, "error": "answered 503"}.items()
        receiver.usual = status(200)
        api.clock.now += 5
        await rest(api.outbox)
        (told,) = await api.deliveries(added["id"])
        assert (told["state"], told["attempts"], told["last_error"]) == ("delivered", 2, None)
        assert re.fullmatch(TIME, told["delivered_at"])
        assert re.fullmatch(TIME, (await api.show(added["id"]))["last_success_at"])


async def test_pages_of_deliveries(api: Api) -> None:
    async with receiving() as receiver:
        added = await api.add(receiver.url())
        events = [await api.office.report() for _ in range(5)]
        await rest(api.outbox)
        receiver.usual = status(500)
        events.append(await api.office.report())
        await rest(api.outbox)
        path, seen, cursor = f"/api/v1/webhooks/{added['id']}/deliveries", [], ""
        while True:
            page = (await api.get(f"{path}?limit=4{cursor}")).json()
            seen += [one["event"] for one in page["deliveries"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == events[::-1]
        assert [one["event"] for one in await api.deliveries(added["id"], "?state=waiting&state=dead")] == events[5:]
        assert (await api.show(added["id"]))["waiting"] == 1


async def test_the_circuit_and_what_is_dead(api: Api) -> None:
    async with receiving(status(500)) as receiver:
        added = await api.add(receiver.url())
        for _ in range(5):
            await api.office.report()
        await rest(api.outbox)
        assert (await api.show(added["id"])).items() >= {"circuit": "open", "waiting": 5, "dead": 0}.items()
        receiver.usual = status(410)
        api.clock.now += 60
        await rest(api.outbox)
        shown = await api.show(added["id"])
        assert shown.items() >= {"enabled": False, "reason": "410 gone", "waiting": 0, "dead": 5}.items()


async def test_replay(api: Api) -> None:
    async with receiving(status(410)) as receiver:
        added = await api.add(receiver.url())
        path = f"/api/v1/webhooks/{added['id']}"
        for _ in range(3):
            await api.office.report()
        await rest(api.outbox)
        receiver.usual = status(200)
        assert (await api.send("PATCH", path, json={"enabled": True})).json()["reason"] is None
        one, *_ = dead = await api.deliveries(added["id"], "?state=dead")
        assert len(dead) == 3
        answer = await api.post(f"{path}/deliveries/{one['id']}/replay")
        assert (answer.status, answer.json()["delivery"]["id"]) == (202, one["id"])
        await rest(api.outbox)
        assert receiver.ids()[-1] == one["id"]
        answer = await api.post(f"{path}/replay")
        assert (answer.status, answer.json()) == (202, {"replayed": 2})
        await rest(api.outbox)
        assert {told["state"] for told in await api.deliveries(added["id"])} == {"delivered"}
        again = await api.post(f"{path}/deliveries/{one['id']}/replay")
        assert again.status == 202, "what arrived may be sent again too"
        await rest(api.outbox)
        assert receiver.ids().count(one["id"]) >= 2
        assert (await api.post(f"{path}/replay")).json() == {"replayed": 0}


async def test_who_switches_one_on_need_not_wait(api: Api) -> None:
    port_free = NOBODY
    added = await api.add(port_free)
    for _ in range(6):
        await api.office.report()
    await rest(api.outbox)
    assert (await api.show(added["id"]))["circuit"] == "open"
    async with receiving() as receiver:
        answer = await api.send("PATCH", f"/api/v1/webhooks/{added['id']}", json={"url": receiver.url()})
        assert answer.json()["circuit"] == "closed"
        await rest(api.outbox)
        assert len(receiver.got) == 6
