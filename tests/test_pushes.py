"""Pushing video into cameras: who may, who goes when, and what a change of the camera does to it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server import reader
from server.broadcast import Closed
from server.cameras import CameraRefused, Cameras, PushRefused
from server.core.frame import Picture
from server.feed import FeedState

from .support.fakes import TOKEN, FakeSource, camera, install, kept, no_source_threads, registry, slow_disk
from .support.waiting import eventually

OWN = "a-token-of-its-own"


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    return install(FakeSource(), monkeypatch)


@asynccontextmanager
async def pushing(cameras: Cameras, name: str, token: str = TOKEN) -> AsyncIterator[asyncio.Future[str]]:
    """A publisher that goes as soon as it is told to; gives the reason."""
    begun: asyncio.Future[asyncio.Future[str]] = asyncio.get_running_loop().create_future()

    async def publish() -> str:
        async with cameras.push(name, token) as push:
            begun.set_result(push.over)
            return await push.over

    task = asyncio.create_task(publish())
    await asyncio.wait((task, begun), return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        task.result()
    try:
        yield begun.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_push_lives_and_ends(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera("yard", "whip:", password=OWN))).feed
        assert (feed.state, feed.reason) == (FeedState.CONNECTING, "waits for video at /whip/yard")
        stamps = []
        with feed.display.read(9) as display:
            for token in (OWN, TOKEN):
                async with cameras.push("yard", token) as push:
                    assert push.feed is feed
                    assert feed.state is FeedState.CONNECTING
                    for pts in (500_000, 503_000):
                        stamps.append(push.timestamp(pts))
                        feed.publish(Picture.grey(64, 48), stamps[-1], 1.0)
                    assert (feed.state, feed.reason) == (FeedState.LIVE, None)
                assert (feed.state, feed.reason) == (FeedState.CONNECTING, "waits for video at /whip/yard")
            assert len([await display.next() for _ in range(4)]) == 4
        assert stamps == sorted(set(stamps))
        assert stamps[1] - stamps[0] == stamps[3] - stamps[2] == 3000


async def test_a_publisher_that_falls_silent_is_stalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LEAST_STALL_S", 0.3)
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera("yard", "whip:", password=OWN))).feed
        async with cameras.push("yard", OWN) as push:
            feed.publish(Picture.grey(64, 48), push.timestamp(0), time.monotonic())
            assert feed.state == "live"
            await eventually(lambda: feed.state is FeedState.STALLED)
            assert (feed.reason or "").startswith("no picture for")
            feed.publish(Picture.grey(64, 48), push.timestamp(90_000), time.monotonic())
            assert feed.stats().state == "live"
        assert feed.stats().state == "connecting"


@pytest.mark.parametrize(
    ("name", "token", "slug"),
    [
        ("yard", "wrong", "wrong-token"),
        ("yard", "", "wrong-token"),
        ("yard", "\udcff", "wrong-token"),
        ("nobody", OWN, "wrong-token"),
        ("nobody", "", "wrong-token"),
        ("-odd/name", TOKEN, "unknown-camera"),
        ("a" * 64, TOKEN, "unknown-camera"),
        ("door", TOKEN, "camera-not-pushed"),
        ("door", OWN, "wrong-token"),
        ("stopped", TOKEN, "camera-stopped"),
        ("bare", "", "wrong-token"),
        ("webcam-0001", TOKEN, "camera-busy"),
    ],
)
async def test_a_push_is_refused(name: str, token: str, slug: str, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras, cameras.session("webcam"):
        await cameras.add(camera("yard", "whip:", password=OWN))
        await cameras.add(camera("stopped", "whip:", enabled=False))
        await cameras.add(camera("bare", "whip:"))
        await cameras.add(camera("door"))
        before = set(cameras._feeds)
        with pytest.raises(PushRefused) as caught:
            async with cameras.push(name, token):
                pass
        assert caught.value.slug == slug
        assert TOKEN not in str(caught.value)
        assert set(cameras._feeds) == before


async def test_who_guesses_tokens_learns_no_names(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        await cameras.add(camera("yard", "whip:", password=OWN))
        said = set()
        for name in ("yard", "nobody"):
            with pytest.raises(PushRefused) as caught:
                async with cameras.push(name, "wrong"):
                    pass
            said.add((caught.value.slug, str(caught.value)))
        assert len(said) == 1


async def test_one_publisher_at_a_time(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        async with pushing(cameras, "yard"):
            with pytest.raises(PushRefused, match="Somebody sends video to yard already"):
                async with cameras.push("yard", TOKEN):
                    pass
            assert cameras.get("yard")
        async with pushing(cameras, "yard"):
            pass


async def test_a_camera_by_a_push_alone_goes_with_it(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        async with cameras.push("guest", TOKEN) as push:
            assert cameras.camera("guest").origin == "push"
            with pytest.raises(CameraRefused, match="already a camera"):
                await cameras.add(camera("guest"))
            display = push.feed.display
        assert cameras.get("guest") is None
        assert not cameras._feeds
        with display.read() as reader, pytest.raises(Closed, match="the publisher left"):
            await reader.next()
    assert kept(tmp_path) == []


@pytest.mark.parametrize("guest", [True, False], ids=["by the push alone", "added"])
async def test_removal_during_a_push(guest: bool, tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        if not guest:
            await cameras.add(camera("yard", "whip:"))
        async with pushing(cameras, "yard") as over:
            await asyncio.wait_for(cameras.remove("yard"), 5)
            assert over.result() == "the camera was removed"
        assert not cameras._feeds
        assert kept(tmp_path) == []


async def test_stop_and_other_changes_during_a_push(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera("yard", "whip:"))
        async with pushing(cameras, "yard") as over:
            await cameras.change("yard", lambda s: s.model_copy(update={"look_rate": 2.0}))
            assert not over.done()
            await asyncio.wait_for(cameras.change("yard", lambda s: s.model_copy(update={"enabled": False})), 5)
            assert over.result() == "the camera was stopped"
        assert one.feed.state is FeedState.STOPPED
        await cameras.start("yard")
        async with pushing(cameras, "yard") as over:
            await asyncio.wait_for(cameras.change("yard", lambda s: s.model_copy(update={"url": "/a.mp4"})), 5)
            assert over.result() == "the settings of the camera changed"
        assert one.settings.kind == "file"


@pytest.mark.parametrize("change", [{"enabled": False}, {"url": "/a/clip.mp4"}], ids=["stop", "url"])
async def test_a_camera_by_a_push_alone_stays_once_it_is_changed(change: dict[str, Any], tmp_path: Path) -> None:
    """Whoever stops it means that the publisher stays out, and not that it comes back in a second."""
    async with registry(tmp_path) as cameras:
        async with pushing(cameras, "guest") as over:
            one = await asyncio.wait_for(cameras.change("guest", lambda s: s.model_copy(update=change)), 5)
            assert over.done()
        assert cameras.camera("guest") is one
        assert one.origin == "api"
        assert kept(tmp_path) == ["guest"]
        with pytest.raises(PushRefused):
            async with cameras.push("guest", TOKEN):
                pass
        await cameras.remove("guest")
        await no_source_threads()


async def test_a_push_while_the_camera_of_its_name_is_being_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with registry(tmp_path) as cameras:
        with slow_disk(monkeypatch) as writes:
            adding = asyncio.create_task(cameras.add(camera("yard", "whip:")))
            await asyncio.sleep(0)
            with pytest.raises(PushRefused, match="taken"):
                async with cameras.push("yard", TOKEN):
                    pass
            writes.set()
            one = await adding
        assert cameras._feeds == {"yard": one.feed}
        async with cameras.push("yard", TOKEN) as push:
            assert push.feed is one.feed


async def test_a_guest_that_leaves_while_it_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept or not kept, but never the one on disk and the other here."""
    async with registry(tmp_path) as cameras:
        with slow_disk(monkeypatch) as writes:
            async with pushing(cameras, "guest"):
                change = asyncio.create_task(
                    cameras.change("guest", lambda s: s.model_copy(update={"labels": ("yard",)}))
                )
                await asyncio.sleep(0)
            assert cameras.get("guest"), "it stays until the change is decided"
            writes.set()
            await change
        assert [one.settings.name for one in cameras.all()] == kept(tmp_path) == ["guest"]
        async with pushing(cameras, "other"):
            with pytest.raises(ZeroDivisionError):
                await cameras.change("other", lambda s: s.model_copy(update={"look_rate": 1 / 0}))
        assert cameras.get("other") is None


async def test_a_push_that_comes_in_the_middle_of_a_removal(tmp_path: Path) -> None:
    """The publisher that was sent away is back before the removal goes on."""
    async with registry(tmp_path) as cameras:
        await cameras.add(camera("yard", "whip:"))
        back: list[str] = []

        async def publish() -> None:
            async with cameras.push("yard", TOKEN) as push:
                await push.over
            try:
                async with cameras.push("yard", TOKEN) as push:
                    back.append(push.feed.name)
            except PushRefused as error:
                back.append(error.slug)

        publisher = asyncio.create_task(publish())
        await eventually(lambda: cameras.camera("yard").push)
        await cameras.remove("yard")
        await publisher
        assert back in (["camera-busy"], ["wrong-token"])
        assert not cameras._feeds
