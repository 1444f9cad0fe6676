"""The registry: names, counts, what the API may open, pushes, and many changes at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from server.addresses import AddressRule
from server.cameras import CameraRefused, Cameras, PushRefused
from server.catalogue import Catalogue
from server.config import PolicyChanges
from server.core.policy import ConfirmationPolicy

from .support.fakes import TOKEN, FakeSource, camera, install, kept, no_source_threads, registry, slow_disk
from .support.waiting import eventually


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    return install(FakeSource(), monkeypatch)


async def refused(cameras: Cameras, slug: str, name: str, **settings: Any) -> str:
    with pytest.raises(CameraRefused) as caught:
        await cameras.add(camera(name, **settings))
    assert caught.value.slug == slug
    return str(caught.value)


async def test_a_name_is_given_once_and_can_be_given_again(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        await cameras.add(camera())
        assert "already a camera named door" in await refused(cameras, "camera-exists", "door")
        await cameras.remove("door")
        await cameras.add(camera())
        assert [feed.name for feed in cameras.cameras()] == ["door"]


async def test_what_is_not_there(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        assert cameras.get("door") is None
        for call in (
            lambda: cameras.remove("door"),
            lambda: cameras.change("door", lambda settings: settings),
            lambda: cameras.start("door"),
        ):
            with pytest.raises(CameraRefused, match="no camera named 'door'"):
                await call()


async def test_sessions_are_no_cameras_and_have_names_of_their_own(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        await cameras.add(camera("webcam-0001"))
        async with cameras.session("webcam") as one, cameras.session("webcam") as other:
            assert len({one.name, other.name, "webcam-0001"}) == 3
            assert cameras.get(one.name) is None
            assert [feed.name for feed in cameras.cameras()] == ["webcam-0001"]
        assert len(cameras.detector._seats) == 1


async def test_no_more_than_the_most(tmp_path: Path) -> None:
    async with registry(tmp_path, most_cameras=2) as cameras:
        await cameras.add(camera("a"))
        await cameras.add(camera("b"))
        await refused(cameras, "too-many-cameras", "c")
        with pytest.raises(PushRefused):
            async with cameras.push("c", TOKEN):
                pass
        await cameras.remove("a")
        await cameras.add(camera("c"))


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_of_many_with_one_name_one_is_added(tmp_path: Path, source: FakeSource) -> None:
    async with registry(tmp_path) as cameras:
        results = await asyncio.gather(*(cameras.add(camera()) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(result, CameraRefused) for result in results) == 4
        await eventually(lambda: source.opened)
        assert len(cameras.all()) == 1
    assert source.opened == 1


async def test_many_at_once_are_all_kept_and_pass_no_limit(tmp_path: Path) -> None:
    async with registry(tmp_path, most_cameras=8) as cameras:
        added = await asyncio.gather(*(cameras.add(camera(f"c{n}")) for n in range(12)), return_exceptions=True)
        assert sum(isinstance(result, CameraRefused) for result in added) == 4
        assert len(cameras.all()) == 8
        assert sorted(kept(tmp_path)) == sorted(one.settings.name for one in cameras.all())
        await asyncio.gather(*(cameras.remove(one.settings.name) for one in cameras.all()[:5]))
        assert kept(tmp_path) == [one.settings.name for one in cameras.all()]
        assert len(kept(tmp_path)) == 3


async def test_of_two_changes_at_once_none_is_lost(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera())
        await asyncio.gather(
            cameras.change("door", lambda settings: settings.model_copy(update={"look_rate": 3.0})),
            cameras.change("door", lambda settings: settings.model_copy(update={"labels": ("yard",)})),
            cameras.change("door", lambda settings: settings.model_copy(update={"loop": True})),
        )
        assert (one.settings.look_rate, one.settings.labels, one.settings.loop) == (3.0, ("yard",), True)
        ((settings, _),) = Catalogue(tmp_path, ()).cameras()
        assert settings == one.settings


async def test_a_removal_and_what_waits_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change and the start come too late: there is nothing left for them to wake."""
    async with registry(tmp_path) as cameras:
        await cameras.add(camera())
        with slow_disk(monkeypatch) as writes:
            removal = asyncio.create_task(cameras.remove("door"))
            await asyncio.sleep(0)
            late = [
                asyncio.create_task(cameras.start("door")),
                asyncio.create_task(cameras.change("door", lambda settings: settings)),
            ]
            await asyncio.sleep(0)
            writes.set()
            await removal
        for task in late:
            with pytest.raises(CameraRefused):
                await task
        await no_source_threads()
        assert kept(tmp_path) == []


async def test_add_change_push_and_remove_in_every_order(tmp_path: Path) -> None:
    """Whatever comes first, in the end no feed, seat, thread or task is left over."""

    async def push(name: str) -> None:
        with contextlib.suppress(PushRefused):
            async with cameras.push(name, TOKEN) as push:
                await asyncio.wait((push.over,), timeout=0.01)

    async def quietly(call: Any) -> None:
        with contextlib.suppress(CameraRefused):
            await call

    async with registry(tmp_path, most_cameras=6) as cameras:
        for turn in range(12):
            calls = [
                lambda n: quietly(cameras.add(camera(n, "whip:"))),
                push,
                lambda n: quietly(cameras.change(n, lambda s: s.model_copy(update={"enabled": not s.enabled}))),
                lambda n: quietly(cameras.change(n, lambda s: s.model_copy(update={"url": "/a/clip.mp4"}))),
                lambda n: quietly(cameras.start(n)),
                lambda n: quietly(cameras.remove(n)),
                push,
            ]
            calls = calls[turn % 7 :] + calls[: turn % 7]
            await asyncio.gather(*(call(f"c{turn % 3}") for call in calls), *(call(f"d{turn % 2}") for call in calls))
        feeds = {feed.name for feed in cameras.cameras()}
        assert set(cameras._feeds) == feeds == set(cameras.detector._seats)
        assert sorted(kept(tmp_path)) == sorted(feeds)
        for name in feeds:
            await cameras.remove(name)
        assert not cameras._feeds
        await no_source_threads()
        tasks = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("camera ")]
        assert not tasks
        gc.collect()
        assert not cameras._changing


# --- what the API may open -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/etc/passwd", "file:///etc/passwd", "/dev/video0", "v4l2:/dev/video0", "FILE:/a"])
async def test_files_and_devices_are_not_for_the_api(url: str, tmp_path: Path, source: FakeSource) -> None:
    async with registry(tmp_path, schemes=("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "whip")) as cameras:
        said = await refused(cameras, "camera-url-not-allowed", "door", url=url)
        assert "vigie.yaml" in said
        await cameras.add(camera("hall", "whip:"))
        with pytest.raises(CameraRefused) as caught:
            await cameras.change("hall", lambda settings: settings.model_copy(update={"url": url}))
        assert caught.value.slug == "camera-url-not-allowed"
        assert cameras.camera("hall").settings.url == "whip:"
    assert source.opened == 0
    assert kept(tmp_path) == ["hall"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]"),
        *("169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255", "100.100.100.200"),
        *("user:x@127.0.0.1", "10.0.0.1@127.0.0.1", "10.0.0.1:80@127.0.0.1:80", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    ],
)
async def test_no_way_to_this_machine(host: str, tmp_path: Path, source: FakeSource) -> None:
    async with registry(tmp_path, rule=AddressRule()) as cameras:
        said = await refused(cameras, "camera-url-not-allowed", "door", url=f"rtsp://{host}/live")
        assert "fleet.networks" in said
        await cameras.add(camera("hall", "rtsp://10.0.0.1/live", enabled=False))
        with pytest.raises(CameraRefused):
            await cameras.change("hall", lambda s: s.model_copy(update={"url": camera("x", f"http://{host}/").url}))
    assert source.opened == 0


async def test_only_the_networks_given(tmp_path: Path) -> None:
    async with registry(tmp_path, rule=AddressRule((ip_network("10.0.0.0/8"),))) as cameras:
        await cameras.add(camera("a", "rtsp://10.1.2.3/live", enabled=False))
        await refused(cameras, "camera-url-not-allowed", "b", url="rtsp://192.168.1.1/live")
        await refused(cameras, "camera-url-not-allowed", "c", url="rtsp://8.8.8.8/live")


async def test_the_most_a_camera_of_the_settings_may_is_left_to_it(tmp_path: Path, source: FakeSource) -> None:
    declared = (camera("mine", "/dev/video7"),)
    async with registry(tmp_path, declared, schemes=("rtsp",), rule=AddressRule()) as cameras:
        one = cameras.camera("mine")
        assert one.origin == "settings"
        await cameras.change("mine", lambda settings: settings.model_copy(update={"labels": ("a",)}))
        assert (one.origin, one.settings.url) == ("api", "/dev/video7")
        await eventually(lambda: source.opened == 1)


# --- a disk that does not take it ------------------------------------------------------------------------------------


async def test_what_cannot_be_kept_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: FakeSource
) -> None:
    async with registry(tmp_path) as cameras:
        one = await cameras.add(camera())
        await eventually(lambda: source.opened)

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        before = one.settings
        with pytest.raises(OSError, match="No space"):
            await cameras.add(camera("hall"))
        with pytest.raises(OSError, match="No space"):
            await cameras.change("door", lambda settings: settings.model_copy(update={"loop": True}))
        with pytest.raises(OSError, match="No space"):
            await cameras.remove("door")
        assert [other.settings for other in cameras.all()] == [before]
        assert (source.opened, source.closed) == (1, 0)
        async with cameras.push("guest", TOKEN):
            pass  # kept nowhere
    assert kept(tmp_path) == ["door"]


USUAL = ConfirmationPolicy(span_s=0)
"""The policy of the registry of these tests."""


async def test_a_camera_may_have_a_policy_of_its_own_which_changes_at_once(tmp_path: Path, source: FakeSource) -> None:
    async with registry(tmp_path) as cameras:
        feed = (await cameras.add(camera(policy={"hits": 4}))).feed
        assert feed.policy == ConfirmationPolicy(hits=4, span_s=0)
        await eventually(lambda: source.opened)
        await cameras.change("door", lambda settings: settings.model_copy(update={"policy": PolicyChanges(dwell_s=1)}))
        assert feed.policy == ConfirmationPolicy(dwell_s=1, span_s=0)
        await cameras.change("door", lambda settings: settings.model_copy(update={"policy": None}))
        assert feed.policy == USUAL
        assert source.opened == 1, "its stream is not opened again for that"


async def test_a_policy_that_does_not_go_with_the_usual_one_is_refused(tmp_path: Path) -> None:
    async with registry(tmp_path) as cameras:
        told = await refused(cameras, "invalid-camera", "door", policy={"hits": 9})
        assert told == "The policy cannot be: 9 hits cannot be among the last 5 looks."
        await cameras.add(camera())
        with pytest.raises(CameraRefused, match="The policy cannot be"):
            await cameras.change("door", lambda s: s.model_copy(update={"policy": PolicyChanges(of=2)}))
        assert cameras.camera("door").settings.policy is None


async def test_a_kept_policy_that_goes_with_the_usual_one_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It was kept when the usual one was another. The camera is watched all the same, and can be changed."""
    await Catalogue(tmp_path, ()).keep(camera(policy={"hits": 9}))
    async with registry(tmp_path) as cameras:
        assert cameras.camera("door").feed.policy == USUAL
        assert "camera door has the usual policy, for its own cannot be: 9 hits" in caplog.text
        await cameras.change("door", lambda settings: settings.model_copy(update={"labels": ("a",)}))
