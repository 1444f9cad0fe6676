"""Every route asks for something; each role against each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from server.core.access import Role
from server.edge.http import make_app
from server.edge.permits import PERMITS

from ..support.access import REMOTE, Visitor, local_guard, visited
from ..support.server import Server, serving

FILLED = {"{path}": "", "{name}": "gate", "{session}": "none", "{delivery}": "none", "{id}": "0"}

ANYBODY = {
    *{("GET", "/{path}"), ("GET", "/healthz"), ("GET", "/api/v1/session"), ("POST", "/api/v1/session")},
    *{("OPTIONS", f"/{kind}/{{name}}{rest}") for kind in ("whip", "whep") for rest in ("", "/{session}")},
    *{("GET", "/whip/{name}"), ("POST", "/whip/{name}")},  # which asks for the camera's own token
    *{(method, "/whip/{name}/{session}") for method in ("GET", "PATCH", "DELETE")},
}
"""Who nobody knows gets an answer other than 401 login-required here, and nowhere else."""


def expected(role: Role, method: str, path: str) -> bool:
    """Whether a role may, told apart from the table of the server."""
    if role is Role.ADMIN or (method, path) in ANYBODY - {("POST", "/whip/{name}")}:
        return True
    if path.startswith(
        ("/api/v1/users", "/api/v1/tokens", "/api/v1/audit", "/api/v1/models", "/api/v1/settings", "/api/v1/doctor")
    ):
        return False
    if role is Role.OPERATOR:
        return True
    if path.startswith("/api/v1/cameras") or path.startswith("/api/v1/events"):
        return method == "GET"
    return path not in ("/metrics", "/whip/{name}", "/api/v1/policies/replay") and "webhooks" not in path


@pytest_asyncio.fixture(scope="module")
async def remote(data_dir: Path) -> AsyncIterator[Server]:
    async with serving(data_dir, warm=False, **REMOTE) as server:
        yield server


async def status(visitor: Visitor, method: str, path: str) -> tuple[int, str]:
    """The status of the answer, which may be one without end, and the kind of problem it is."""
    for name, value in FILLED.items():
        path = path.replace(name, value)
    async with visitor.request(method, path) as answer:
        problem = answer.content_type == "application/problem+json" and await answer.json(content_type=None)
        return answer.status, problem["type"].rpartition(":")[2] if problem else ""


async def test_nobody_gets_an_answer_but_where_it_is_meant(remote: Server) -> None:
    async with visited(remote, None) as visitor:
        answers = {route: await status(visitor, *route) for route in PERMITS}
    assert {route for route, answer in answers.items() if answer != (401, "login-required")} == ANYBODY
    assert answers["POST", "/whip/{name}"] == (401, "wrong-token")


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_on_each_route(remote: Server, role: Role) -> None:
    async with visited(remote, role) as visitor:
        answers = await asyncio.gather(*(status(visitor, *route) for route in PERMITS))
    refused = [(401, "login-required"), (401, "wrong-token"), (429, "too-many-guesses"), (403, "not-allowed")]
    got = {route: answer not in refused for route, answer in zip(PERMITS, answers, strict=True)}
    # A token has no password to change, whatever its role.
    wanted = {route: expected(role, *route) and route != ("POST", "/api/v1/session/password") for route in PERMITS}
    assert got == wanted
    assert not [answer for answer in answers if answer[0] == 500]


async def test_what_is_not_there_is_told_to_those_who_are_known_only(remote: Server) -> None:
    async with visited(remote, None) as nobody, visited(remote, Role.VIEWER) as viewer:
        assert await status(nobody, "POST", "/api/v1/nope") == (401, "login-required")
        assert (await status(viewer, "POST", "/api/v1/nope"))[0] in (404, 405)


def test_a_route_without_a_permit_stops_the_start() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    with pytest.raises(LookupError, match="/api/v1/new"):
        make_app([web.get("/api/v1/new", handler)], (), local_guard())
