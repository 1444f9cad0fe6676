"""Trying a camera: what it sends, why not, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from server import probe as probe_module
from server.addresses import ANYWHERE, AddressRule
from server.plugins import SourceLost
from server.probe import probe

from .sources.clips import write_clip, write_sound
from .support.fakes import FakeSource, camera, install
from .support.waiting import eventually

SECRET = "s3cr3t"

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    return install(FakeSource(), monkeypatch)


async def reason(url: str, rule: AddressRule = ANYWHERE) -> str:
    with pytest.raises(SourceLost) as caught:
        await asyncio.wait_for(probe(camera(url=url), rule), 20)
    return str(caught.value)


async def test_what_a_camera_sends(tmp_path: Path) -> None:
    probed = await probe(camera(url=str(write_clip(tmp_path / "a.mp4", frames=30, fps=25))), ANYWHERE)
    assert probed.codec == "h264"
    assert (probed.picture.width, probed.picture.height) == (64, 48)
    assert probed.frames_per_second == pytest.approx(25, abs=0.01)


async def test_a_single_picture_is_enough(tmp_path: Path) -> None:
    probed = await probe(camera(url=str(write_clip(tmp_path / "a.mp4", frames=1))), ANYWHERE)
    assert (probed.picture.width, probed.frames_per_second) == (64, 0)


async def test_a_slow_camera_is_not_waited_for_longer_than_it_takes(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "TIMED_S", 0.0)
    source.show()
    assert (await asyncio.wait_for(probe(camera(), ANYWHERE), 5)).codec == "fake"
    assert source.closed == 1


async def test_why_not(tmp_path: Path) -> None:
    assert await reason(str(tmp_path / "none.mp4")) == "there is no such file"
    assert await reason(str(write_sound(tmp_path / "a.m4a"))) == "it sends no video, only sound"
    assert await reason("rtsp://127.0.0.1:1/live", AddressRule(loopback=True)) == (
        "nothing listens at this address and port"
    )
    assert "not among those" in await reason("rtsp://127.0.0.1:1/live", AddressRule())
    assert await reason("rtsp://name.invalid/live") == "the host name name.invalid is not known"


async def test_a_source_that_ends_before_its_first_picture(source: FakeSource) -> None:
    trying = asyncio.create_task(reason("/a.mp4"))
    await eventually(lambda: source.opened)
    source.end()
    assert await trying == "it sent no picture"


@pytest.mark.parametrize("holding", [True, False], ids=["no answer", "no picture"])
async def test_a_silent_camera_is_given_up(holding: bool, source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "LIMIT_S", 0.2)
    source.holding = holding
    begun = time.monotonic()
    assert await reason("/a.mp4") == ("it did not answer in time" if holding else "it sent no picture in time")
    assert time.monotonic() - begun < 1
    assert source.requests[0].stop.is_set()


async def test_one_that_hears_no_stop_is_left_behind(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "LIMIT_S", 0.05)
    source.deaf = True
    begun = time.monotonic()
    assert await reason("/a.mp4") == "it sent no picture in time"
    assert time.monotonic() - begun < 3
    source.end()


async def test_one_that_breaks_tells_no_secret(source: FakeSource, caplog: pytest.LogCaptureFixture) -> None:
    source.open_error = ValueError(f"cannot parse rtsp://admin:{SECRET}@camera/")
    assert await reason("/a.mp4") == "its reader broke (ValueError)"
    assert "a probe broke by ValueError" in caplog.text
    assert SECRET not in caplog.text


async def test_whoever_asked_has_gone(source: FakeSource) -> None:
    source.holding = True
    trying = asyncio.create_task(probe(camera(), ANYWHERE))
    await eventually(lambda: source.opened)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert source.requests[0].stop.is_set()
    await eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "probe"])
