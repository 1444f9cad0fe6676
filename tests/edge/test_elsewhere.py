"""A page of another origin: CORS by the list, a token in place of a cookie, passes for what sends no header."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from server.core.access import Role
from server.core.links import Refusal, read_pass, sign_pass

from ..support.access import REMOTE, Visitor, visited
from ..support.media import GUN_CLIP
from ..support.server import Server, serving

PAGE = "https://page.example"
FROM_PAGE = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
EMBEDDED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
"""As a browser asks for an image or a video that a page of another origin shows."""


@pytest_asyncio.fixture(scope="module")
async def shared(data_dir: Path) -> AsyncIterator[Server]:
    cameras = [{"name": "gate", "url": str(GUN_CLIP), "loop": True, "motion_gate": False}]
    async with serving(data_dir, warm=False, cors_origins=[PAGE], cameras=cameras, **REMOTE) as server:
        yield server


@asynccontextmanager
async def page(server: Server, role: Role = Role.VIEWER) -> AsyncIterator[tuple[Visitor, str]]:
    """Somebody who has logged in with a token on a page elsewhere, and his pass."""
    async with visited(server, role) as visitor:
        token, visitor.token = visitor.token, None
        body = {"token": token, "cookie": False}
        answer = await visitor.post("/api/v1/session", json=body, headers=FROM_PAGE)
        assert answer.status == 201, answer
        assert "Set-Cookie" not in answer.headers
        visitor.token = answer.json()["token"]
        made = await visitor.post("/api/v1/session/pass", headers=FROM_PAGE)
        assert made.status == 201
        yield visitor, made.json()["pass"]


async def opens(visitor: Visitor, path: str, **headers: str) -> int:
    """The status of an answer that may have no end."""
    async with visitor.request("GET", path, headers={**EMBEDDED, **headers}) as answer:
        return int(answer.status)


async def test_a_page_of_the_list_is_asked_and_read(shared: Server) -> None:
    async with page(shared) as (visitor, _):
        asked = await visitor.send(
            "OPTIONS", "/api/v1/events", headers={**FROM_PAGE, "Access-Control-Request-Method": "GET"}
        )
        assert asked.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        read = await visitor.get("/api/v1/cameras", headers=FROM_PAGE)
        assert (read.status, read.headers["Access-Control-Allow-Origin"], read.headers["Vary"]) == (200, PAGE, "Origin")
        assert "Access-Control-Allow-Credentials" not in read.headers, "no browser may send cookies along"
        refused = await visitor.get("/api/v1/cameras", headers={**FROM_PAGE, "Authorization": "Bearer wrong"})
        assert refused.headers["Access-Control-Allow-Origin"] == PAGE, "the page reads why not"


async def test_another_page_gets_nothing_whatever_it_sends(shared: Server) -> None:
    async with page(shared, Role.ADMIN) as (visitor, given):
        other = {**FROM_PAGE, "Origin": "https://evil.example"}
        assert "Access-Control-Allow-Origin" not in (await visitor.get("/api/v1/cameras", headers=other)).headers
        (await visitor.post("/api/v1/cameras", json={}, headers=other)).problem("forbidden-origin", 403)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await visitor.http.ws_connect(f"{shared.url}/api/v1/stream?pass={given}", headers=other)
        assert refused.value.status == 403


async def test_a_pass_opens_what_can_send_no_header(shared: Server) -> None:
    async with page(shared, Role.VIEWER) as (visitor, given):
        token, visitor.token = visitor.token, None
        evidence = f"/api/v1/events/{uuid4()}/evidence/clip.mp4"
        for path, status in (("/api/v1/events/stream", 200), ("/api/v1/cameras/gate/mjpeg", 200), (evidence, 404)):
            assert await opens(visitor, path) == 401, "neither a cookie nor this machine counts from elsewhere"
            assert await opens(visitor, f"{path}?pass={given}") == status
        headers = {"X-Forwarded-For": visitor.address, "Origin": PAGE}
        async with visitor.http.ws_connect(f"{shared.url}/api/v1/stream?pass={given}", headers=headers) as socket:
            assert (await socket.receive_json())["type"]
        for closed in ("/api/v1/cameras", "/api/v1/events", "/api/v1/cameras/gate/snapshot.jpg"):
            assert await opens(visitor, f"{closed}?pass={given}") == 401, "it is for those four alone"

        visitor.token = token
        assert (await visitor.send("DELETE", "/api/v1/session", headers=FROM_PAGE)).status == 204
        assert (await visitor.get("/api/v1/cameras", headers=FROM_PAGE)).status == 401
        visitor.token = None
        assert await opens(visitor, f"/api/v1/events/stream?pass={given}") == 401, "it ends with its session"


async def test_a_pass_may_no_more_than_who_has_it(shared: Server) -> None:
    async with visited(shared, None) as visitor:
        local = sign_pass(b"another key", "local", int(time.time()) + 60)
        assert await opens(visitor, f"/api/v1/events/stream?pass={local}") == 401


async def test_a_token_of_its_own_is_not_revoked_by_logging_out(shared: Server) -> None:
    async with visited(shared, Role.VIEWER) as visitor:
        assert (await visitor.send("DELETE", "/api/v1/session")).status == 204
        assert (await visitor.get("/api/v1/cameras")).status == 200


def test_a_pass_is_signed_and_ends() -> None:
    text = sign_pass(b"key", "who", 100)
    assert read_pass(b"key", text, 100) == "who"
    assert read_pass(b"key", text, 101) is Refusal.EXPIRED
    for wrong in (text + "x", text.replace("100", "999", 1), "", ".", "²..who", text.replace("who", "local")):
        assert read_pass(b"key", wrong, 50) is Refusal.WRONG
    assert read_pass(b"other", text, 50) is Refusal.WRONG
