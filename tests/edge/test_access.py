"""Logging in, tokens, users, guesses, what ends with them, and who counts as being on this machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from server.config import CameraSettings
from server.core.access import Role
from server.core.links import evidence_path, sign
from server.store.database import Database
from server.store.evidence import links_key
from server.tls import own_addresses

from ..support.access import REMOTE, Visitor, token_for, visited
from ..support.browser import Browser
from ..support.media import GUN_CLIP
from ..support.server import Json, Server, client_of, serving
from ..support.waiting import eventually

PASSWORD = "correct horse battery"
EVENT = "01900000-0000-7000-8000-000000000000"


@pytest_asyncio.fixture(scope="module")
async def server(data_dir: Path) -> AsyncIterator[Server]:
    camera = CameraSettings(name="gate", url=str(GUN_CLIP), loop=True)
    async with serving(data_dir, cameras=(camera,), **REMOTE) as server:
        yield server


@pytest_asyncio.fixture
async def admin(server: Server) -> AsyncIterator[Visitor]:
    async with visited(server, Role.ADMIN, "198.51.100.200") as visitor:
        yield visitor


@pytest_asyncio.fixture
async def nobody(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Visitor]:
    """Each test comes from an address of its own: wrong guesses are counted by it."""
    address = f"203.0.113.{sum(request.node.name.encode()) % 250 + 1}"
    async with visited(server, None, address) as visitor:
        yield visitor


async def add_user(admin: Visitor, name: str, role: str = "viewer") -> str:
    answer = await admin.post("/api/v1/users", json={"name": name, "password": PASSWORD, "role": role})
    assert answer.status == 201, answer
    return str(answer.json()["id"])


async def audit(admin: Visitor, action: str) -> list[Json]:
    entries: list[Json] = (await admin.get("/api/v1/audit?limit=500")).json()["entries"]
    return [entry for entry in entries if entry["action"] == action]


# --- logging in ------------------------------------------------------------------------------------------------------


async def test_a_user_logs_in_and_out(admin: Visitor, nobody: Visitor) -> None:
    await add_user(admin, "anna")
    assert (await nobody.get("/api/v1/session")).json() == {"signed_in": False}
    answer = await nobody.log_in(name="anna", password=PASSWORD)
    assert answer.status == 201
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("vigie_session=vigies_")
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    me = (await nobody.get("/api/v1/session")).json()
    assert (me["kind"], me["name"], me["role"]) == ("user", "anna", "viewer")
    assert me["permissions"] == ["detect", "view"]
    assert (await nobody.get("/api/v1/cameras")).status == 200
    secret = cookie.partition("=")[2].partition(";")[0]
    assert (await nobody.send("DELETE", "/api/v1/session")).status == 204
    assert (await nobody.get("/api/v1/session")).json() == {"signed_in": False}
    kept = {"Cookie": f"vigie_session={secret}"}
    (await nobody.get("/api/v1/cameras", headers=kept)).problem("login-required", 401)


async def test_behind_a_proxy_with_tls_the_cookie_is_for_secure_pages_only(admin: Visitor, nobody: Visitor) -> None:
    await add_user(admin, "tess")
    secure = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "vigie.example"}
    answer = await nobody.post("/api/v1/session", json={"name": "tess", "password": PASSWORD}, headers=secure)
    assert answer.headers["Set-Cookie"].startswith("__Host-vigie_session=")
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "anna"},
        {"password": PASSWORD},
        {"name": "a", "password": "b", "token": "c"},
        {"name": 1, "password": PASSWORD},
        {"name": "a", "password": "x" * 201},
        {"name": "a", "password": PASSWORD, "more": 1},
    ],
)
async def test_half_a_login_is_none(nobody: Visitor, body: Json) -> None:
    answer = await nobody.post("/api/v1/session", json=body)
    assert (answer.status, answer.json()["type"]) == (422, "urn:vigie:problem:invalid-request")
    assert PASSWORD not in answer.text


async def test_a_token_begins_a_session_that_ends_with_it(admin: Visitor, nobody: Visitor) -> None:
    made = (await admin.post("/api/v1/tokens", json={"name": "screen", "role": "viewer", "days": 1})).json()
    assert (await nobody.log_in(token=made["token"])).status == 201
    me = (await nobody.get("/api/v1/session")).json()
    assert (me["kind"], me["name"], me["role"]) == ("token", "screen", "viewer")
    assert (await admin.send("DELETE", f"/api/v1/tokens/{made['id']}")).status == 204
    assert (await nobody.get("/api/v1/session")).json() == {"signed_in": False}
    (await nobody.log_in(token=made["token"])).problem("wrong-login", 401)


async def test_a_sessions_secret_is_no_token_to_begin_another(admin: Visitor, nobody: Visitor) -> None:
    await add_user(admin, "sam")
    cookie = (await nobody.log_in(name="sam", password=PASSWORD)).headers["Set-Cookie"]
    secret = cookie.partition("=")[2].partition(";")[0]
    (await nobody.log_in(token=secret)).problem("wrong-login", 401)


# --- users and tokens ------------------------------------------------------------------------------------------------


async def test_users_are_added_changed_and_removed(admin: Visitor, nobody: Visitor) -> None:
    user = await add_user(admin, "uma")
    again = await admin.post("/api/v1/users", json={"name": "uma", "password": PASSWORD, "role": "admin"})
    again.problem("user-exists", 409)
    await nobody.log_in(name="uma", password=PASSWORD)
    changed = await admin.send("PATCH", f"/api/v1/users/{user}", json={"role": "operator"})
    assert changed.json()["role"] == "operator"
    assert (await nobody.get("/api/v1/session")).json() == {"signed_in": False}, "with another role one logs in anew"
    await nobody.log_in(name="uma", password=PASSWORD)
    assert (await nobody.get("/api/v1/webhooks")).status == 200
    listed = (await admin.get("/api/v1/users")).json()["users"]
    assert PASSWORD not in str(listed)
    assert "argon2" not in str(listed)
    assert next(one for one in listed if one["name"] == "uma")["last_login_at"]
    assert (await admin.send("DELETE", f"/api/v1/users/{user}")).status == 204
    (await nobody.get("/api/v1/webhooks")).problem("login-required", 401)


async def test_ones_own_password(admin: Visitor, server: Server, nobody: Visitor) -> None:
    await add_user(admin, "olga")
    await nobody.log_in(name="olga", password=PASSWORD)
    async with visited(server, None, "203.0.113.252") as other:
        await other.log_in(name="olga", password=PASSWORD)
        path, new = "/api/v1/session/password", "another long password"
        (await nobody.post(path, json={"current": "wrong", "new": new})).problem("wrong-password", 403)
        assert (await nobody.post(path, json={"current": PASSWORD, "new": "short"})).status == 422
        assert (await nobody.post(path, json={"current": PASSWORD, "new": new})).status == 204
        assert (await nobody.get("/api/v1/session")).json()["signed_in"], "who changed it stays"
        assert not (await other.get("/api/v1/session")).json()["signed_in"], "others do not"
        (await other.log_in(name="olga", password=PASSWORD)).problem("wrong-login", 401)
        assert (await other.log_in(name="olga", password=new)).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "role": "owner"},
        {"name": "x", "role": "viewer", "scopes": ["view"]},
        {"name": "x", "scopes": ["everything"]},
        {"name": "", "role": "viewer"},
        {"name": "x\ny", "role": "viewer"},
        {"name": "x", "role": "viewer", "days": -1},
    ],
)
async def test_what_is_no_token(admin: Visitor, body: Json) -> None:
    assert (await admin.post("/api/v1/tokens", json=body)).status == 422


async def test_a_token_with_a_scope_may_that_and_nothing_else(admin: Visitor, nobody: Visitor) -> None:
    made = (await admin.post("/api/v1/tokens", json={"name": "prometheus", "scopes": ["metrics"]})).json()
    nobody.token = made["token"]
    assert (await nobody.get("/metrics")).status == 200
    (await nobody.get("/api/v1/cameras")).problem("not-allowed", 403)
    listed = (await admin.get("/api/v1/tokens")).json()["tokens"]
    (kept,) = [token for token in listed if token["id"] == made["id"]]
    assert (kept["name"], kept["permissions"], kept["expires_at"]) == ("prometheus", ["metrics"], None)
    assert kept["last_used_at"]
    assert kept["created_by"].startswith("token:")
    assert made["token"] not in str(listed)


async def test_an_expired_token_is_none(server: Server, nobody: Visitor) -> None:
    nobody.token = await token_for(server, role=Role.ADMIN, expires_at=time.time() - 1)
    (await nobody.get("/api/v1/cameras")).problem("wrong-token", 401)


async def test_only_for_own_video_or_only_for_cameras(server: Server, nobody: Visitor) -> None:
    nobody.token = await token_for(server, scopes=("view",))
    (await nobody.post("/api/v1/webrtc/offer", json={"sdp": "x"})).problem("not-allowed", 403)
    (await nobody.post("/api/v1/webrtc/offer", json={"sdp": "x", "camera": "gate"})).problem("no-video-in-offer", 400)
    nobody.token = await token_for(server, scopes=("detect",))
    (await nobody.post("/api/v1/webrtc/offer", json={"sdp": "x"})).problem("no-video-in-offer", 400)
    (await nobody.post("/api/v1/webrtc/offer", json={"sdp": "x", "camera": "gate"})).problem("not-allowed", 403)


async def test_publish_is_enough_to_push_any_camera(server: Server, nobody: Visitor) -> None:
    sdp = {"data": "v=0", "headers": {"Content-Type": "application/sdp"}}
    (await nobody.post("/whip/yard", **sdp)).problem("wrong-token", 401)
    nobody.token = await token_for(server, scopes=("publish",))
    (await nobody.post("/whip/yard", **sdp)).problem("no-video-in-offer", 400)
    nobody.token = await token_for(server, scopes=("view",))
    (await nobody.post("/whip/yard", **sdp)).problem("not-allowed", 403)


# --- guesses ---------------------------------------------------------------------------------------------------------


async def test_ten_thousand_wrong_tokens_in_small(server: Server, admin: Visitor, nobody: Visitor) -> None:
    """Those who guess wait; whoever has a right token does not, not even at the same address."""
    right = await token_for(server, role=Role.VIEWER)
    nobody.token = "vigie_" + "x" * 43
    statuses = [(await nobody.get("/api/v1/cameras")).status for _ in range(10)]
    assert statuses == [401] * 10
    begun = time.perf_counter()
    answers = await asyncio.gather(*(nobody.get("/api/v1/cameras") for _ in range(500)))
    assert {answer.status for answer in answers} == {429}
    assert time.perf_counter() - begun < 10
    assert int(answers[0].headers["Retry-After"]) <= 60
    (await nobody.log_in(token=nobody.token)).problem("too-many-guesses", 429)
    nobody.token = right
    assert (await nobody.get("/api/v1/cameras")).status == 200
    assert (await nobody.log_in(token=right)).status == 201

    async def noted() -> list[Json]:
        return [entry for entry in await audit(admin, "guesses") if entry["address"] == nobody.address]

    assert len(await eventually(noted, "a line of the audit log")) == 1


async def test_the_owner_is_not_locked_out_by_those_who_guess_his_password(data_dir: Path) -> None:
    settings = {"access": {"proxies": ["127.0.0.1"], "guesses": 3}}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(data_dir, warm=False, **settings))
        await add_user(await stack.enter_async_context(visited(server, Role.ADMIN)), "owner")
        nobody = await stack.enter_async_context(visited(server, None, "203.0.113.1"))
        assert (await nobody.log_in(name="owner", password=PASSWORD)).status == 201
        for number in range(5):  # from five addresses, three times each
            guesser = await stack.enter_async_context(visited(server, None, f"198.51.100.{10 + number}"))
            answers = [await guesser.log_in(name="owner", password=f"guess {n}") for n in range(4)]
            assert {answer.status for answer in answers} == {401, 429}
            assert answers[-1].status == 429
        stranger = await stack.enter_async_context(visited(server, None, "198.51.100.99"))
        (await stranger.log_in(name="owner", password=PASSWORD)).problem("too-many-guesses", 429)
        assert (await nobody.log_in(name="owner", password=PASSWORD)).status == 201, "he has been here before"
        local = await stack.enter_async_context(client_of(server))
        body = {"name": "owner", "password": PASSWORD}
        assert (await local.post("/api/v1/session", json=body)).status == 201, "and this machine always may"


async def test_an_unknown_name_is_told_from_a_wrong_password_neither_by_words_nor_by_time(
    admin: Visitor, nobody: Visitor
) -> None:
    await add_user(admin, "known")
    took = {}
    for name in ("known", "unknown"):
        begun = time.perf_counter()
        answer = await nobody.log_in(name=name, password="wrong password")
        took[name] = time.perf_counter() - begun
        assert answer.problem("wrong-login", 401) == "Name or password is wrong."
    assert took["unknown"] > took["known"] / 5


async def test_a_new_guess_does_not_wait_beside_the_one_before(nobody: Visitor) -> None:
    answers = await asyncio.gather(*(nobody.log_in(name="x", password=f"guess {n}") for n in range(5)))
    assert sorted({answer.status for answer in answers}) == [401, 503]


# --- what ends -------------------------------------------------------------------------------------------------------


async def test_streams_end_with_their_token(server: Server, admin: Visitor, nobody: Visitor) -> None:
    made = (await admin.post("/api/v1/tokens", json={"name": "streams", "role": "viewer"})).json()
    nobody.token = made["token"]
    headers = {"X-Forwarded-For": nobody.address, "Authorization": f"Bearer {made['token']}"}
    async with (
        nobody.request("GET", "/api/v1/events/stream") as events,
        nobody.request("GET", "/api/v1/cameras/gate/mjpeg") as pictures,
        nobody.http.ws_connect(server.url + "/api/v1/stream", headers=headers) as socket,
    ):
        assert (events.status, pictures.status) == (200, 200)
        assert (await socket.receive_json())["type"] == "hello"
        assert (await admin.send("DELETE", f"/api/v1/tokens/{made['id']}")).status == 204
        async with asyncio.timeout(5):
            for answer in (events, pictures):
                with pytest.raises(aiohttp.ClientPayloadError):
                    await answer.read()
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_a_stream_ends_when_its_token_expires(server: Server, nobody: Visitor) -> None:
    nobody.token = await token_for(server, role=Role.VIEWER, expires_at=time.time() + 1)
    async with nobody.request("GET", "/api/v1/events/stream") as events:
        assert events.status == 200
        async with asyncio.timeout(8):
            with pytest.raises(aiohttp.ClientPayloadError):
                await events.read()


async def test_a_webrtc_session_ends_with_its_login(server: Server, admin: Visitor, nobody: Visitor) -> None:
    await add_user(admin, "webb")
    await nobody.log_in(name="webb", password=PASSWORD)
    page = Browser(nobody)  # type: ignore[arg-type]
    try:
        await page.call("overlay", camera="gate")
        await eventually(lambda: page.messages, "the first message")
        assert (await nobody.send("DELETE", "/api/v1/session")).status == 204
        (closed,) = await eventually(
            lambda: [message for message in page.messages if message["type"] == "closed"], "the last message"
        )
        assert "login" in closed["reason"]
    finally:
        await page.peer.close()


# --- evidence --------------------------------------------------------------------------------------------------------


async def test_evidence_opens_to_who_may_view_and_by_a_signed_link(server: Server, nobody: Visitor) -> None:
    path = evidence_path(EVENT, "clip.mp4")
    async with Database(f"sqlite:///{server.settings.data_dir / 'vigie.db'}") as database:
        key = await links_key(database)
    (await nobody.get(path)).problem("login-required", 401)
    (await nobody.get(f"{path}?expires=9999999999")).problem("login-required", 401)
    (await nobody.get(f"{path}?expires=9999999999&signature=x")).problem("wrong-signature", 403)
    expired = sign(key, path, int(time.time()) - 1)
    (await nobody.get(f"{path}?{expired}")).problem("link-expired", 403)
    right = sign(key, path, int(time.time()) + 60)
    assert (await nobody.get(f"{path}?{right}")).json()["type"] == "urn:vigie:problem:unknown-event", "it is let in"
    (await nobody.get(f"/api/v1/events/{EVENT}?{right}")).problem("login-required", 401)
    nobody.token = await token_for(server, role=Role.VIEWER)
    assert (await nobody.get(path)).status == 404


# --- who is on this machine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:5000"}, 200),
        ({"Host": "evil.example"}, 401),  # DNS rebinding
        ({"Host": "127.0.0.1.evil.example:5000"}, 401),
        ({"X-Forwarded-For": "127.0.0.1"}, 401),
        ({"X-Forwarded-For": ""}, 401),
        ({"X-Real-IP": "127.0.0.1"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
        ({"Via": "1.1 proxy"}, 401),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 401),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 401),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 401),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Authorization": "Bearer vigie_wrong"}, 401),
        ({"Cookie": "vigie_session=vigies_old"}, 200),
    ],
)
async def test_who_needs_no_login(server: Server, headers: dict[str, str], status: int) -> None:
    async with client_of(server) as client:
        assert (await client.get("/api/v1/cameras", headers=headers)).status == status


async def test_a_page_elsewhere_does_nothing_with_a_cookie(admin: Visitor, nobody: Visitor) -> None:
    await add_user(admin, "carl", "admin")
    await nobody.log_in(name="carl", password=PASSWORD)
    assert (await nobody.get("/api/v1/users", headers={"Sec-Fetch-Site": "same-origin"})).status == 200
    (await nobody.get("/api/v1/users", headers={"Sec-Fetch-Site": "cross-site"})).problem("login-required", 401)
    body = {"json": {"name": "evil", "role": "admin"}}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        (await nobody.post("/api/v1/tokens", headers=headers, **body)).problem("forbidden-origin", 403)
    headers = {"Sec-Fetch-Site": "same-site"}
    (await nobody.post("/api/v1/tokens", headers=headers, **body)).problem("login-required", 401)


async def test_only_what_proxies_of_the_settings_say_counts(data_dir: Path) -> None:
    access = {"proxies": ["10.0.0.0/8"]}
    async with serving(data_dir, warm=False, access=access) as server, visited(server, None) as guesser:
        guesser.token = "vigie_wrong"
        answers = []
        for number in range(12):
            guesser.address = f"8.8.8.{number}"  # written by itself: it is one guesser all the same
            answers.append((await guesser.get("/metrics")).status)
        assert answers == [401] * 10 + [429] * 2


async def test_hops_are_read_from_the_right(data_dir: Path) -> None:
    access = {"proxies": ["127.0.0.1", "10.0.0.0/8"]}
    async with serving(data_dir, warm=False, access=access) as server, visited(server, Role.ADMIN) as admin:
        admin.address = "127.0.0.1, 203.0.113.9, 10.1.2.3"
        assert (await admin.post("/api/v1/users", json={"name": "z", "password": PASSWORD, "role": "viewer"})).status
        (entry,) = await eventually(lambda: audit(admin, "user.add"), "the line")
        assert (entry["address"], entry["target"], entry["outcome"]) == ("203.0.113.9", "z", "done")


async def test_on_its_own_address_nothing_but_health_answers_without_a_token(data_dir: Path) -> None:
    addresses = own_addresses()
    if not addresses:
        pytest.skip("this machine has loopback only")
    async with serving(data_dir, warm=False, host="0.0.0.0") as server:
        there = Server(server.url.replace("0.0.0.0", addresses[0]), server.settings)
        async with client_of(there) as client:
            assert (await client.get("/healthz")).text == "ok"
            assert (await client.get("/")).status == 200
            for path in ("/api/v1/cameras", "/metrics", "/readyz", "/api", "/api/v1/events/stream"):
                (await client.get(path)).problem("login-required", 401)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.http.ws_connect(there.url + "/api/v1/stream")


async def test_loopback_may_be_asked_too(data_dir: Path) -> None:
    async with serving(data_dir, warm=False, access={"local": False}) as server, client_of(server) as client:
        (await client.get("/api/v1/cameras")).problem("login-required", 401)


# --- the audit log and secrets ---------------------------------------------------------------------------------------


async def test_who_did_what_from_where(server: Server, admin: Visitor, nobody: Visitor) -> None:
    await add_user(admin, "otto", "operator")
    await nobody.log_in(name="otto", password=PASSWORD)
    await nobody.post("/api/v1/cameras/gate/stop")
    await nobody.post("/api/v1/cameras/gate/start")
    await nobody.post("/api/v1/cameras", json={"name": "new", "url": "rtsp://192.0.2.1/x", "enabled": False})
    (await nobody.post("/api/v1/users", json={})).problem("not-allowed", 403)
    await nobody.send("DELETE", "/api/v1/cameras/none")

    async def lines() -> list[tuple[Any, ...]]:
        entries = (await admin.get("/api/v1/audit")).json()["entries"]
        found = [(e["action"], e["target"], e["outcome"]) for e in entries if e["actor"] == "user:otto"]
        return found if len(found) >= 5 else []

    assert await eventually(lines, "five lines") == [
        ("user.add", "", "refused"),
        ("camera.add", "new", "done"),
        ("camera.start", "gate", "done"),
        ("camera.stop", "gate", "done"),
        ("session.begin", "", "done"),
    ]
    page = (await admin.get("/api/v1/audit?limit=2")).json()
    older = (await admin.get(f"/api/v1/audit?limit=2&before={page['next']}")).json()
    assert len(page["entries"]) == len(older["entries"]) == 2
    assert page["entries"][-1] != older["entries"][0]


async def test_a_planted_secret_is_in_no_log_answer_or_metric(
    server: Server, admin: Visitor, nobody: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    planted = "Pl4nted-s3cret-passw0rd"
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "aiosqlite")  # as the command line has it: it tells every statement
    answers = [
        await admin.post("/api/v1/users", json={"name": "plant", "password": planted, "role": "viewer"}),
        await admin.post("/api/v1/users", json={"name": "plant", "password": planted, "role": "viewer"}),
        await admin.post("/api/v1/users", json={"name": planted, "password": [planted], "role": planted}),
        await nobody.log_in(name="plant", password=planted + "!"),
        await nobody.log_in(name="plant", password=planted),
        await nobody.post("/api/v1/session", json={"token": planted, "name": "x"}),
        await nobody.post("/api/v1/session", data=planted, headers={"Content-Type": "application/json"}),
        await nobody.post("/api/v1/session/password", json={"current": planted, "new": planted + "?"}),
        await nobody.get("/api/v1/session", headers={"Authorization": f"Bearer {planted}"}),
        await nobody.get("/api/v1/cameras", headers={"Authorization": f"Basic {planted}"}),
    ]
    assert [answer.status for answer in answers] == [201, 409, 422, 401, 201, 422, 400, 204, 401, 200]
    made = (await admin.post("/api/v1/tokens", json={"name": "planted", "role": "viewer"})).json()["token"]
    nobody.token = made
    answers += [await nobody.get("/api/v1/cameras"), await nobody.get("/nope")]
    for path in ("users", "tokens", "audit?limit=500", "events", "server"):
        answers.append(await admin.get(f"/api/v1/{path}"))
    answers.append(await admin.get("/metrics"))
    told = caplog.text + "".join(answer.text for answer in answers)
    assert planted not in told
    assert made not in told
    assert "vigies_" not in told
    files = b"".join(path.read_bytes() for path in server.settings.data_dir.glob("vigie.db*"))
    assert planted.encode() not in files
    assert made.encode() not in files
