"""Somebody who has to log in, and an admin who says who may, through a real browser."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from .conftest import CLIP, Watched, server_process
from .events import fits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "correct horse battery"


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[str]:
    """The link that a server shows on its first start, which asks everybody who he is."""
    settings = tmp_path / "vigie.yaml"
    settings.write_text(json.dumps({"access": {"local": False}}))
    async with server_process(tmp_path, "--config", str(settings), "--source", f"clip={CLIP}") as (link, _):
        yield link


async def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    await page.get_by_test_id("login-name").fill(name)
    await page.get_by_test_id("login-password").fill(password)
    await page.get_by_test_id("login-go").click()


async def test_from_the_first_link_to_a_viewer_who_sees_what_he_may(link: str, browser: Browser) -> None:
    url, _, token = link.partition("/#token=")
    page = await (await browser.new_context(viewport={"width": 1280, "height": 900})).new_page()
    watched = Watched(page, url)
    await page.goto(f"{url}/?lang=en#access")
    await expect(page.get_by_test_id("login-name")).to_be_focused()
    await expect(page.get_by_test_id("nav-wall")).to_be_hidden()
    watched.check()

    await page.goto(f"{url}/?lang=en#token={token}")
    await expect(page.get_by_test_id("nav-models")).to_be_visible()
    assert "token" not in page.url
    await page.get_by_test_id("nav-access").click()
    await expect(page.get_by_test_id("access-who")).to_have_text("Logged in with the token first start.")

    await page.get_by_test_id("add-user").click()
    await page.get_by_test_id("user-name").fill("anna")
    await page.get_by_test_id("user-password").last.fill(PASSWORD)
    await page.get_by_test_id("user-save").click()
    await expect(page.get_by_test_id("user")).to_contain_text("Has never logged in")
    await page.get_by_test_id("add-token").click()
    await page.get_by_test_id("token-name").fill("prometheus")
    await page.get_by_test_id("hook-scopes-view").uncheck()
    await page.get_by_test_id("hook-scopes-metrics").check()
    await page.get_by_test_id("token-save").click()
    made = await page.get_by_test_id("token-value").input_value()
    assert made.startswith("vigie_")
    await page.get_by_test_id("token-save").click()
    await expect(page.get_by_test_id("token").filter(has_text="prometheus")).to_contain_text("Read metrics")
    await page.get_by_test_id("audit-again").click()
    await expect(page.get_by_test_id("audit")).to_contain_text("User added")
    watched.check()

    other = await (await browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")).new_page()
    await other.goto(f"{url}/?lang=fr#wall")
    await log_in(other, "anna", "wrong password")
    await expect(other.get_by_test_id("login-error")).to_have_text("Nom, mot de passe ou jeton erroné.")
    await fits(other)
    seen = Watched(other, url)
    await log_in(other, "anna")
    await expect(other.get_by_test_id("nav-wall")).to_be_visible()
    for hidden in ("nav-webhooks", "nav-models", "add-camera"):
        await expect(other.get_by_test_id(hidden)).to_be_hidden()
    await other.goto(f"{url}/?lang=fr#models")
    await expect(other.get_by_test_id("models")).to_be_hidden()
    await other.goto(f"{url}/?lang=fr#camera/clip")
    await expect(other.get_by_test_id("snapshot")).to_be_visible()
    for hidden in ("power", "edit", "remove", "draw"):
        await expect(other.get_by_test_id(hidden)).to_be_hidden()
    await other.get_by_test_id("nav-access").click()
    await expect(other.get_by_test_id("access-who")).to_contain_text("anna")
    await expect(other.get_by_test_id("users")).to_be_hidden()
    await fits(other)
    await other.get_by_test_id("own-password").click()
    await other.get_by_test_id("password-current").fill(PASSWORD)
    await other.get_by_test_id("password-new").fill("another long password")
    await other.get_by_test_id("password-save").click()
    await expect(other.get_by_test_id("access-said")).to_have_text("Votre mot de passe est changé.")
    seen.check()

    await page.reload()
    await page.get_by_test_id("user-remove").click()
    await page.get_by_test_id("question-yes").click()
    await expect(page.get_by_test_id("user")).to_have_count(0)
    await expect(other.get_by_test_id("login-name")).to_be_visible(timeout=15_000)

    await page.get_by_test_id("log-out").click()
    await expect(page.get_by_test_id("login-name")).to_be_visible()
    await page.goto(f"{url}/?lang=en#token=vigie_revoked")
    await expect(page.get_by_test_id("login-error")).to_contain_text("no longer good")
    assert "revoked" not in page.url


async def test_on_the_servers_own_machine_nothing_is_asked(server: str, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{server}/?lang=en#access")
    await expect(page.get_by_test_id("access-who")).to_contain_text("own machine")
    await expect(page.get_by_test_id("log-out")).to_be_hidden()
    await expect(page.get_by_test_id("add-user")).to_be_visible()


async def test_the_check_up_says_what_works_and_what_does_not(tmp_path: Path, browser: Browser) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        dead = held.getsockname()[1]
    settings = tmp_path / "vigie.yaml"
    away = {"name": "away", "url": f"rtsp://127.0.0.1:{dead}/x"}
    settings.write_text(json.dumps({"cameras": [away], "ice": {"stun": [f"stun:127.0.0.1:{dead}"]}}))
    async with server_process(tmp_path, "--config", str(settings)) as (url, _):
        page = await (await browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")).new_page()
        watched = Watched(page, url)
        await page.goto(f"{url}/?lang=fr#access")
        run, total = page.get_by_test_id("doctor-run"), page.get_by_test_id("doctor-sum")
        await expect(total).to_be_hidden()
        await run.click()
        await expect(total).to_contain_text("15 secondes au plus")
        await expect(total).to_contain_text("2 éléments sur 9 ne marchent pas", timeout=20_000)
        await expect(run).to_be_focused()
        first = page.get_by_test_id("finding").first
        await expect(first).to_contain_text("Ne marche pas")
        await expect(page.get_by_test_id("finding").filter(has_text="Modèle")).to_contain_text("openvino")
        await fits(page)
        watched.check()
        await page.route("**/api/v1/doctor", lambda route: route.abort())
        await run.click()
        await expect(page.get_by_test_id("doctor-error")).to_be_visible()
        await expect(page.get_by_test_id("finding")).to_have_count(0)
