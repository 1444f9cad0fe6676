"""Take the pictures in docs/images from the running product: ``python -m docs.screenshots``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page

from docs import event_screenshots, fleet_screenshots
from tests.browser.conftest import CLIP, FIXTURES, chromium, server_process
from tests.browser.live import start, wait_for_event, wait_for_reading, wait_for_state
from tests.fixtures.make_camera import make_camera

IMAGES = Path(__file__).parent / "images"
GUN = FIXTURES / "pictures" / "gun-1cdb986cd69f46f5.jpg"
SIZES = {"": (1280, 800), "-phone": (360, 740)}


async def main(folder: Path, *, all_of_them: bool) -> None:
    """Every page in two languages, two themes and two sizes; or only those that the README shows."""
    with tempfile.TemporaryDirectory() as work:
        camera = Path(work) / "camera.mjpeg"
        make_camera(CLIP, camera)
        flags = ("--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={camera}")
        async with server_process(Path(work)) as (url, _), chromium(*flags) as browser:
            if not all_of_them:
                await _live(browser, f"{url}/?lang=en&theme=light", (1280, 880), folder / "live.png")
                await _fleet(browser, Path(work), folder, all_of_them=False)
                await event_screenshots.take(browser, Path(work), folder, all_of_them=False)
                return
            await _fleet(browser, Path(work), folder, all_of_them=True)
            await event_screenshots.take(browser, Path(work), folder, all_of_them=True)
            for language in ("en", "fr"):
                for theme in ("light", "dark"):
                    for suffix, size in SIZES.items():
                        name = f"{language}-{theme}{suffix}.png"
                        address = f"{url}/?lang={language}&theme={theme}"
                        await _shoot(await _open(browser, f"{address}#live", size), folder / f"idle-{name}")
                        await _live(browser, address, size, folder / f"live-{name}")
                        await _picture(browser, address, size, folder / f"picture-{name}")


async def _open(browser: Browser, url: str, size: tuple[int, int]) -> Page:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    # The fake camera is named after its file.
    await page.add_init_script("Object.defineProperty(MediaDeviceInfo.prototype, 'label', { get: () => 'Webcam' })")
    await page.goto(url)
    return page


async def _live(browser: Browser, url: str, size: tuple[int, int], path: Path) -> None:
    page = await _open(browser, url, size)
    await start(page, url, "burned_in")
    await wait_for_state(page, "live")
    await wait_for_event(page, "confirmed")
    await wait_for_reading(page, "boxes", 1)
    await wait_for_reading(page, "fps", 28)
    await _shoot(page, path)


async def _picture(browser: Browser, url: str, size: tuple[int, int], path: Path) -> None:
    page = await _open(browser, f"{url}#picture", size)
    await page.get_by_test_id("picture-file").set_input_files(GUN)
    await page.get_by_test_id("detections").locator("li").first.wait_for()
    await _shoot(page, path)


async def _fleet(browser: Browser, work: Path, folder: Path, *, all_of_them: bool) -> None:
    if not all_of_them:
        async with fleet_screenshots.fleet(work / "fleet", 9) as url:
            page = await fleet_screenshots.open_page(browser, f"{url}/?lang=en&theme=dark#wall", (1440, 900))
            await fleet_screenshots.one_confirmed(page)
            await _shoot(page, folder / "wall.png")
        return
    for count, shots in fleet_screenshots.SHOTS.items():
        async with fleet_screenshots.fleet(work / f"fleet-{count}", count) as url:
            for shot in shots:
                for language, theme in (("en", "light"), ("en", "dark"), ("fr", "light"), ("fr", "dark")):
                    for size in shot.sizes:
                        address = f"{url}/?lang={language}&theme={theme}#{shot.place}"
                        page = await fleet_screenshots.open_page(browser, address, size)
                        await shot.act(page)
                        suffix = fleet_screenshots.SUFFIXES[size]
                        await _shoot(page, folder / f"{shot.name}-{language}-{theme}{suffix}.png")


async def _shoot(page: Page, path: Path) -> None:
    await asyncio.sleep(0.5)  # let transitions end
    await page.screenshot(path=path)
    await page.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target, all_of_them=len(sys.argv) > 1))
