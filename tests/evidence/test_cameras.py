"""Evidence of real cameras: from the packets of a source, through its reader and feed, to the files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from server.cameras import Cameras
from server.core.evidence import folder_of
from server.evidence.keeper import Evidence
from server.journal import Journal
from server.metrics import Metrics
from server.store.database import Database
from server.store.events import EventStore
from server.store.evidence import EvidenceRows, EvidenceState
from server.store.search import Search

from ..core.builders import FIXTURES
from ..support.coded import RATE, grey_pictures, number_of, shown
from ..support.fakes import camera, registry
from ..support.waiting import eventually
from .stage import settings

RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def write_numbers(path: Path, codec: str, b_frames: int = 0) -> Path:
    """A clip of 25 numbered pictures, a key frame every ten."""
    libraries = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}
    options = {
        "h264": {"crf": "10", "x264-params": f"keyint=10:scenecut=0:bframes={b_frames}:b-adapt=0:log-level=-1"},
        "hevc": {"x265-params": "keyint=10:min-keyint=10:bframes=0:log-level=-1"},
        "mjpeg": {},
    }
    with av.open(str(path), "w") as container:
        stream = container.add_stream(libraries[codec], rate=RATE, options=options[codec])
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in grey_pictures(25):
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return path


@dataclass(frozen=True, slots=True)
class Site:
    """A registry whose cameras all show a gun, and where their evidence is."""

    cameras: Cameras
    rows: EvidenceRows
    store: EventStore
    folder: Path

    async def confirmed(self, count: int = 1) -> str:
        """The newest event that is confirmed, once there are so many."""

        async def found() -> str | None:
            ids = await _ids(self.store)
            return ids[0] if len(ids) >= count else None

        return str(await eventually(found, "a confirmed event"))

    async def complete(self, event_id: str) -> Path:
        """The folder of an event's evidence, once that is complete."""

        async def found() -> bool:
            kept = await self.rows.find(event_id)
            return kept is not None and kept.state is EvidenceState.COMPLETE

        await eventually(found)
        return self.folder / folder_of(event_id)


async def _ids(store: EventStore) -> list[str]:
    page = await store.search(Search(confirmed=True))
    return [stored.event.id for stored in page.events]


@asynccontextmanager
async def site(folder: Path, **changes: Any) -> AsyncIterator[Site]:
    metrics = Metrics()
    async with Database(f"sqlite:///{folder / 'vigie.db'}") as database:
        store = EventStore(database, "here")
        async with (
            Journal(store, metrics) as journal,
            Evidence(settings(**changes), folder, database, ("gun",), metrics) as evidence,
            registry(folder, journal=journal, witnesses=evidence.witnesses) as cameras,
        ):
            yield Site(cameras, EvidenceRows(database), store, folder / "evidence")


def looks_of(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "detections.jsonl").read_text().splitlines()[1:]]


def facts_of(place: Path) -> dict[str, Any]:
    return dict(json.loads((place / "manifest.json").read_text()))


@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 0)])
async def test_a_clip_of_packets_that_were_never_coded_again(codec: str, b_frames: int, tmp_path: Path) -> None:
    """In a loop, so that the stream's own clock begins anew in the middle of the clip."""
    path = write_numbers(tmp_path / "door.mp4", codec, b_frames)
    with av.open(str(path)) as container:
        sent = {packet.size for packet in container.demux(video=0) if packet.size}
    async with site(tmp_path) as here:
        await here.cameras.add(camera(url=str(path), loop=True))
        event = await here.confirmed()
        feed = here.cameras.get("door")
        assert feed
        await eventually(lambda: feed.stats().frames_seen > 50)
        await here.cameras.remove("door")
        place = await here.complete(event)
    pictures = list(shown(place / "clip.mp4"))
    assert facts_of(place)["notes"] == []
    assert len(pictures) > 40
    numbers = [number_of(frame) for _, frame in pictures]
    whole = numbers[:-3]  # the last ones may miss one in between that is decoded later
    assert whole == [(numbers[0] + n) % 25 for n in range(len(whole))], "each picture once, over the loop too"
    times = [at for at, _ in pictures]
    steps = [after - before for before, after in pairwise(times)]
    assert min(steps) > 0.03
    assert max(steps) < 0.5
    with av.open(str(place / "clip.mp4")) as container:
        kept = {packet.size for packet in container.demux(video=0) if packet.size}
    assert kept <= sent, "byte for byte what the camera sent" if codec == "h264" else ""
    looks = looks_of(place)
    exact = [min(abs(at - look["clip_at"]) for at in times) for look in looks if look["clip_at"] is not None]
    assert len(exact) > 20
    assert max(exact) < 0.001, "each look is at the very picture that was looked at"


async def test_an_mjpeg_camera_is_coded_here(tmp_path: Path) -> None:
    path = write_numbers(tmp_path / "door.mov", "mjpeg")
    async with site(tmp_path) as here:
        await here.cameras.add(camera(url=str(path), loop=True))
        event = await here.confirmed()
        feed = here.cameras.get("door")
        assert feed
        await eventually(lambda: feed.stats().frames_seen > 40)
        await here.cameras.remove("door")
        place = await here.complete(event)
    assert facts_of(place)["clip"]["codec"] == "h264"
    assert len(list(shown(place / "clip.mp4"))) > 20


async def test_masks_are_in_every_picture_of_a_clip(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        path = FIXTURES / "gun-walk-720p.mp4"
        await here.cameras.add(camera(url=str(path), loop=True, masks=(RIGHT_HALF,)))
        event = await here.confirmed()
        feed = here.cameras.get("door")
        assert feed
        await eventually(lambda: feed.stats().frames_seen > 60)
        await here.cameras.remove("door")
        place = await here.complete(event)
    pictures = list(shown(place / "clip.mp4"))
    assert len(pictures) > 10
    for _, frame in pictures:
        grey = frame.to_ndarray(format="gray")
        assert grey[:, 660:].std() < 3, "nothing is to be seen behind the mask"
        assert grey[:, :600].std() > 20


async def test_masks_that_come_and_go_on_a_running_camera(tmp_path: Path) -> None:
    path = write_numbers(tmp_path / "door.mp4", "h264")
    async with site(tmp_path) as here:
        await here.cameras.add(camera(url=str(path), loop=True))
        event = await here.confirmed()
        feed = here.cameras.get("door")
        assert feed
        await eventually(lambda: feed.stats().frames_seen > 20)
        await here.cameras.change("door", lambda old: old.model_copy(update={"masks": (RIGHT_HALF,)}))
        await here.cameras.remove("door")
        place = await here.complete(event)
        assert facts_of(place)["notes"] == ["the clip ends early: the masks of the camera changed"]

        again = (await here.cameras.add(camera(url=str(path), loop=True, masks=(RIGHT_HALF,)))).feed
        await eventually(lambda: again.stats().frames_seen > 5)
        await here.cameras.change("door", lambda old: old.model_copy(update={"masks": ()}))
        event = await here.confirmed(2)
        await eventually(lambda: again.stats().frames_seen > 40)
        await here.cameras.remove("door")
        await here.complete(event)


async def test_a_clip_goes_on_over_a_reconnect(tmp_path: Path) -> None:
    """The camera broke off and is back a moment later with the same video."""
    path = write_numbers(tmp_path / "door.mp4", "h264")
    async with site(tmp_path) as here:
        await here.cameras.add(camera(url=str(path)))
        feed = here.cameras.get("door")
        assert feed
        event = await here.confirmed()
        await eventually(lambda: feed.state == "ended")
        await here.cameras.start("door")
        await eventually(lambda: feed.stats().frames_seen > 30)
        await here.cameras.remove("door")
        place = await here.complete(event)
    times = [at for at, _ in shown(place / "clip.mp4")]
    assert len(times) > 30
    assert times == sorted(times)
    assert facts_of(place)["notes"] == []
