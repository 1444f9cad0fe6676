"""Every error is an RFC 9457 problem document, whatever is asked."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web

from server.edge.problems import Problem, problems

from ..support.server import Client


@pytest.mark.parametrize(
    "path",
    ["/nope", "/api/v1/nope", "/api/nope", "/components/", "/i18n", "/nope.js", "/%00", "/" + "a" * 5000, "/%ff%fe"],
)
async def test_unknown_path(client: Client, path: str) -> None:
    (await client.get(path)).problem("not-found", 404)


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "/i18n/%2e%2e/%2e%2e/pyproject.toml",
        "/..%2fpyproject.toml",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/..%5cpyproject.toml",
    ],
)
async def test_no_way_out_of_the_page(client: Client, path: str) -> None:
    from yarl import URL

    address = URL(client.server.url + path, encoded=True)
    async with client.http.get(address) as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
        assert b"ruff" not in await response.read()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/detect", "POST"),
        ("PUT", "/predict", "POST"),
        ("POST", "/api/v1/server", "GET"),
        ("POST", "/healthz", "GET"),
        ("POST", "/api/v1/stream", "GET"),
        ("PATCH", "/api/v1/webrtc/offer", "POST"),
        ("POST", "/", "GET"),
    ],
)
async def test_wrong_method(client: Client, method: str, path: str, allowed: str) -> None:
    answer = await client.send(method, path)
    detail = answer.problem("method-not-allowed", 405)
    assert method in detail
    assert allowed in answer.headers["Allow"].split(",")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=many", "limit=nan", "limit=-1", "limit="])
async def test_invalid_limit(client: Client, query: str) -> None:
    detail = (await client.get(f"/api/v1/events?{query}")).problem("invalid-parameter", 400)
    assert "limit" in detail


async def test_a_stream_without_websocket(client: Client) -> None:
    (await client.get("/api/v1/stream")).problem("malformed-request", 400)


async def test_a_stream_in_no_known_mode(client: Client) -> None:
    (await client.get("/api/v1/stream?mode=drawn")).problem("invalid-parameter", 400)


async def test_an_error_of_ours_is_logged_and_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: web.Request) -> web.Response:
        raise RuntimeError("rtsp://user:secret@camera")

    from aiohttp.test_utils import make_mocked_request

    with caplog.at_level(logging.ERROR, "server.edge.problems"):
        answer = await problems(make_mocked_request("GET", "/broken"), broken)
    assert answer.status == 500
    assert isinstance(answer, web.Response)
    assert "urn:vigie:problem:internal" in (answer.text or "")
    assert "secret" not in (answer.text or "")
    assert "/broken failed" in caplog.text


async def test_a_refusal_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "server.edge.problems"):
        await client.get("/api/v1/events?limit=0")
    assert "GET /api/v1/events: 400" in caplog.text


def test_the_title_is_made_of_the_slug() -> None:
    assert Problem("picture-too-large", 413, "Too large.").title == "Picture too large"
