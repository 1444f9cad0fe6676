"""Reading the Live page as its user sees it."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.support.waiting import eventually

LONG_MS = 30_000

READ_MARKS = """([id, red]) => {
    const source = document.querySelector(`[data-testid=${id}]`);
    const width = source.videoWidth || source.width, height = source.videoHeight || source.height;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d');
    context.drawImage(source, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4)
        count += red ? pixels[i] > 150 && pixels[i + 1] < 90 && pixels[i + 2] < 90 : pixels[i + 3] > 0;
    return count;
}"""


async def until(page: Page, condition: str, argument: Any = None, timeout_ms: float = LONG_MS) -> None:
    """Until a JavaScript function of ``argument`` says so. Playwright's own wait is an eval, which the page forbids."""
    await eventually(lambda: page.evaluate(condition, argument), condition, timeout_ms / 1000)


async def start(page: Page, url: str, mode: str) -> None:
    """Open the page, choose where boxes are drawn, and start."""
    await page.goto(f"{url}#live")
    await page.locator(f"label[for=mode-{mode}]").click()
    await page.get_by_test_id("start").click()


async def wait_for_state(page: Page, state: str, timeout_ms: float = LONG_MS) -> None:
    """Until the page says so."""
    await page.wait_for_selector(f"[data-testid=state][data-state={state}]", timeout=timeout_ms)


async def wait_for_reading(page: Page, name: str, least: float, timeout_ms: float = LONG_MS) -> float:
    """Until a figure of the page is at least so large; returns it."""
    reading = page.get_by_test_id(name)
    await until(page, f"(e) => Number(e.dataset.value) >= {least}", await reading.element_handle(), timeout_ms)
    return float(await page.get_by_test_id(name).get_attribute("data-value") or "nan")


async def wait_for_event(page: Page, state: str, timeout_ms: float = LONG_MS) -> str:
    """Until an event of this state is listed; returns its id."""
    item = await page.wait_for_selector(f"[data-testid=events] [data-state={state}]", timeout=timeout_ms)
    assert item
    return await item.get_attribute("data-id") or ""


async def wait_for_marks(page: Page, test_id: str, *, red: bool, timeout_ms: float = LONG_MS) -> None:
    """Until the picture shows a box: red pixels in a video, or any in the layer over it."""
    await until(page, f"(arguments) => ({READ_MARKS})(arguments) > 200", [test_id, red], timeout_ms)


async def tag(page: Page, name: str) -> str | None:
    """What a tag of the page says, as data."""
    return await page.get_by_test_id(name).get_attribute(f"data-{name}")
