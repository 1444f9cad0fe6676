"""How a task learns its public address."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.aws import fargate


async def asked(*answers: str) -> tuple[str | None, int]:
    """What it makes of these answers, one after the other, and how often it asked."""
    left = list(answers)

    async def tell(_: web.Request) -> web.Response:
        text = left.pop(0)
        return web.Response(text=text, status=200 if text else 503)

    app = web.Application()
    app.router.add_get("/", tell)
    async with TestServer(app, host="127.0.0.1") as server:
        given = await asyncio.to_thread(fargate.environment, {"A": "b"}, f"http://127.0.0.1:{server.port}/")
    assert given["A"] == "b"
    return given.get(fargate.NAME), len(answers) - len(left)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fargate, "PAUSE_S", 0.0)


async def test_the_address_is_what_amazon_sees() -> None:
    assert await asked("198.51.100.7\n") == ("198.51.100.7", 1)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://198.51.100.7:5000"),
        ({"VIGIE_PORT": "443"}, "https://198.51.100.7:443"),
        ({"VIGIE_PUBLIC_URL": "https://vigie.example.org"}, "https://vigie.example.org"),
    ],
)
def test_without_a_domain_the_page_is_at_that_address(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], url: str
) -> None:
    monkeypatch.setattr(fargate, "public_address", lambda _: "198.51.100.7")
    assert fargate.environment(given)["VIGIE_PUBLIC_URL"] == url


async def test_it_asks_again() -> None:
    assert await asked("", "<html>", "198.51.100.7") == ("198.51.100.7", 3)


async def test_without_an_answer_vigie_still_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert await asked("", "", "") == (None, 3)
    assert "WebRTC will not work from outside" in capsys.readouterr().err


def test_an_address_that_is_set_is_not_asked_for() -> None:
    given = {fargate.NAME: "203.0.113.9"}
    assert fargate.environment(given, "http://127.0.0.1:1/") == given
