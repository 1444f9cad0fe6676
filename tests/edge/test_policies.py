"""Policies in force, and what another would have made of what was seen."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from server.cameras import Cameras
from server.config import load_settings
from server.core.identifiers import uuid7
from server.core.policy import ConfirmationPolicy
from server.core.replay import read_recording
from server.core.tracking import TrackerSettings
from server.edge import policies
from server.edge.http import make_app
from server.edge.policies import PolicyRoutes
from server.store.database import Database
from server.store.episodes import Episode, Episodes

from ..support.access import local_guard
from ..support.fakes import FakeSource, camera, install, registry
from ..support.server import Answer, Client, Json, Server, client_of
from ..support.waiting import eventually

USUAL = ConfirmationPolicy()
BEGAN = 1_790_000_000.0
HEADER = '{"labels":["gun"],"width":640,"height":480}'
REPLAY = "/api/v1/policies/replay"


@dataclass(frozen=True, slots=True)
class Desk:
    """A client of the routes of policies, over a registry and a database of its own."""

    client: Client
    cameras: Cameras
    episodes: Episodes

    async def replay(self, policy: object, **fields: object) -> Answer:
        return await self.client.post(REPLAY, json={"policy": policy, **fields})

    async def made(self, policy: Json, **fields: object) -> Json:
        answer = await self.replay(policy, **fields)
        assert answer.status == 200, answer.text
        return answer.json()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    async with Database(f"sqlite:///{folder / 'vigie.db'}") as database, registry(folder) as cameras:
        routes = PolicyRoutes(cameras, USUAL, TrackerSettings(), Episodes(database))
        runner = web.AppRunner(make_app(routes.routes(), (), local_guard()), access_log=None, shutdown_timeout=5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server = Server(f"http://127.0.0.1:{runner.addresses[0][1]}", load_settings(None, data_dir=folder))
            async with client_of(server) as client:
                yield Desk(client, cameras, Episodes(database))
        finally:
            await runner.cleanup()


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None) -> AsyncIterator[Desk]:
    install(FakeSource(), monkeypatch)
    async with opened(tmp_path) as desk:
        yield desk


def looks(*scores: float | None, box: Sequence[float] = (0.4, 0.4, 0.5, 0.5)) -> list[str]:
    """A look each tenth of a second, at a gun of this score or at none."""
    return [
        json.dumps({"at": n / 10, "detections": [{"box": box, "score": score, "label": "gun"}] if score else []})
        for n, score in enumerate(scores)
    ]


def recording(*scores: float | None) -> str:
    return "\n".join([HEADER, *looks(*scores)])


def episode(*scores: float | None, camera: str = "door", minute: int = 0) -> Episode:
    began = BEGAN + 60 * minute
    lines = "".join(line + "\n" for line in looks(*scores))
    ident = uuid7(began, (minute + 1).to_bytes(10, "big"))
    return Episode(ident, camera, began, began + len(scores) / 10, 640, 480, "yolo", ("gun",), lines)


async def test_the_policies_in_force(desk: Desk) -> None:
    await desk.cameras.add(camera("door", policy={"hits": 4}))
    await desk.cameras.add(camera("yard"))
    body = (await desk.client.get("/api/v1/policies")).json()
    assert body["default"] == {**USUAL.as_dict(), "version": USUAL.version}
    assert body["cameras"]["yard"] == body["default"]
    door = ConfirmationPolicy(hits=4)
    assert body["cameras"]["door"] == {**door.as_dict(), "version": door.version}


async def test_a_recording_under_a_changed_policy(desk: Desk) -> None:
    body = await desk.made({"hits": 4}, recording=recording(0.5, 0.5, 0.5, None))
    assert body["policy"]["hits"] == 4
    assert body["policy"]["version"] == ConfirmationPolicy(hits=4).version
    assert body["against"] == {**USUAL.as_dict(), "version": USUAL.version}
    assert (body["looks"], body["episodes"], body["truncated"]) == (4, 1, False)
    assert body["confirmed"] == {"now": 0, "before": 1}
    (event,) = body["events"]
    assert (event["state"], event["now"], event["before"]) == ("ended", "suspected", "confirmed")
    assert (event["confirmed_at"], event["policy"]) == (None, body["policy"]["version"])
    assert (event["hits"], event["best_score"], event["image"]) == (3, 0.5, {"width": 640, "height": 480})


async def test_what_was_seen_and_kept(desk: Desk) -> None:
    await desk.episodes.add(episode(0.5, 0.5, 0.5))
    await desk.episodes.add(episode(0.35, 0.35, 0.35, minute=1))
    await desk.episodes.add(episode(0.9, minute=2, camera="yard"))
    body = await desk.made({"median_score": 0.3})
    assert (body["looks"], body["episodes"]) == (7, 3)
    assert [(e["camera"], e["now"], e["before"]) for e in body["events"]] == [
        ("door", "confirmed", "confirmed"),
        ("door", "confirmed", "suspected"),
        ("yard", "suspected", "suspected"),
    ]
    assert body["confirmed"] == {"now": 2, "before": 1}
    assert [e["first_seen"][14:19] for e in body["events"]] == ["13:20", "14:20", "15:20"]
    assert body["through"] == "2026-09-21T14:15:20.000Z"


async def test_some_time_at_one_camera(desk: Desk) -> None:
    await desk.cameras.add(camera("door"))
    for minute in range(4):
        await desk.episodes.add(episode(0.9, minute=minute, camera="door" if minute % 2 else "yard"))
    times = {"since": "2026-09-21T14:14:00Z", "until": "2026-09-21T14:14:30Z"}
    assert [e["camera"] for e in (await desk.made({}, **times))["events"]] == ["door"]
    assert (await desk.made({}, camera="door"))["episodes"] == 2
    assert (await desk.made({}, camera="yard"))["episodes"] == 2, "of a camera that is there no more"
    assert (await desk.made({}, camera="door", until="2026-01-01T00:00:00Z"))["events"] == []
    (await desk.replay({}, camera="nowhere")).problem("unknown-camera", 404)


async def test_a_change_of_a_cameras_own_policy_and_of_the_usual_one(desk: Desk) -> None:
    """A camera keeps what it has of its own when the usual one changes."""
    await desk.cameras.add(camera("door", policy={"hits": 2}))
    await desk.episodes.add(episode(0.5, None, 0.5, camera="door"))
    await desk.episodes.add(episode(0.5, None, 0.5, camera="yard", minute=1))
    own = await desk.made({"median_score": 0.6}, camera="door")
    assert (own["against"]["hits"], own["policy"]["hits"]) == (2, 2)
    assert own["confirmed"] == {"now": 0, "before": 1}
    usual = await desk.made({"median_score": 0.6})
    assert (usual["against"]["hits"], usual["policy"]["hits"]) == (3, 3)
    assert usual["confirmed"] == {"now": 0, "before": 1}
    kept = await desk.made({"hits": 5})
    assert [(e["camera"], e["now"]) for e in kept["events"]] == [("door", "confirmed"), ("yard", "suspected")]
    sent = await desk.made({"of": 3}, camera="door", recording=recording(0.5, 0.5))
    assert (sent["policy"]["hits"], sent["policy"]["of"]) == (2, 3)


async def test_an_episode_that_cannot_be_read_is_passed_over(desk: Desk) -> None:
    broken = Episode(uuid7(BEGAN, bytes(10)), "door", BEGAN, BEGAN, 640, 480, "yolo", ("gun",), "nonsense\n")
    await desk.episodes.add(broken)
    await desk.episodes.add(episode(0.5, 0.5, 0.5, minute=1))
    assert (await desk.made({}))["confirmed"] == {"now": 1, "before": 1}


@pytest.mark.parametrize(
    ("body", "slug", "status", "words"),
    [
        ({}, "invalid-replay", 422, "The policy is an object"),
        ({"policy": [], "camera": "door"}, "invalid-replay", 422, "The policy is an object"),
        ({"policy": {}, "cameras": "door"}, "invalid-replay", 422, "There is no such field: cameras"),
        ({"policy": {}, "camera": 7}, "invalid-replay", 422, "by its name"),
        ({"policy": {}, "camera": "x" * 64}, "invalid-replay", 422, "by its name"),
        ({"policy": {}, "since": "yesterday"}, "invalid-replay", 422, "The field since is a time"),
        ({"policy": {}, "until": 5}, "invalid-replay", 422, "The field until is a time"),
        (
            {"policy": {}, "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
            "invalid-replay",
            422,
            "before since",
        ),
        ({"policy": {}, "recording": [HEADER]}, "invalid-replay", 422, "a text of JSON lines"),
        ({"policy": {}, "recording": "x", "since": "2026-01-02"}, "invalid-replay", 422, "for what is stored"),
        ({"policy": {}, "recording": ""}, "invalid-recording", 422, "line 1: a recording begins with a header"),
        ({"policy": {}, "recording": f"{HEADER}\n\n!"}, "invalid-recording", 422, "line 3: it is not JSON"),
        ({"policy": {}, "recording": HEADER + "\n" + "\0"}, "invalid-recording", 422, "line 2: it is not JSON"),
    ],
)
async def test_what_cannot_be_replayed(desk: Desk, body: Json, slug: str, status: int, words: str) -> None:
    assert words in (await desk.client.post(REPLAY, json=body)).problem(slug, status)


@pytest.mark.parametrize(
    ("policy", "field", "words"),
    [
        ({"hit": 3}, "policy.hit", "There is no such field."),
        ({"hits": 1}, "policy.hits", "greater than or equal to 2"),
        ({"hits": "many"}, "policy.hits", "valid integer"),
        ({"window_s": 1e9}, "policy.window_s", "less than or equal to 60"),
        ({"zones": [[[0, 0], [1, 1]]]}, "policy.zones.0", "at least 3 items"),
        ({"zones": [[[0, 0], [1, 1], [2, 2]]]}, "policy.zones.0.2.0", "less than or equal to 1"),
        ({"hits": 6}, "policy", "6 hits cannot be among the last 5"),
        ({"span_s": 5}, "policy", "never pass within 2 s"),
    ],
)
async def test_a_policy_that_makes_no_sense(desk: Desk, policy: Json, field: str, words: str) -> None:
    answer = await desk.replay(policy, recording=recording(0.5))
    body = answer.json()
    assert (answer.status, body["type"]) == (422, "urn:vigie:problem:invalid-policy")
    assert field in [error["field"] for error in body["errors"]]
    assert any(words in error["detail"] for error in body["errors"])
    assert body["detail"].endswith(".")


async def test_a_combination_that_only_a_cameras_own_policy_makes_wrong(desk: Desk) -> None:
    await desk.cameras.add(camera("door", policy={"of": 10, "hits": 8}))
    answer = await desk.replay({"of": 7}, camera="door", recording=recording(0.5))
    assert "8 hits cannot be among the last 7" in answer.json()["detail"]
    assert (await desk.made({"of": 7}, recording=recording(0.5)))["policy"]["of"] == 7


async def test_a_body_that_is_too_large_or_no_json(desk: Desk) -> None:
    body = io.BytesIO(json.dumps({"policy": {}, "recording": " " * (5 * 2**20)}).encode())
    large = await desk.client.post(REPLAY, data=body, headers={"Content-Type": "application/json"})
    assert "5120 kB" in large.problem("malformed-request", 413)
    (await desk.client.post(REPLAY, data=b"{}")).problem("unsupported-content-type", 415)
    answer = await desk.client.post(REPLAY, data=b"{", headers={"Content-Type": "application/json"})
    answer.problem("malformed-request", 400)


async def test_a_replay_stops_at_its_limits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute in range(3):
        await desk.episodes.add(episode(*[0.5] * 30, minute=minute))
    monkeypatch.setattr(policies, "MOST_LOOKS", 40)
    body = await desk.made({})
    assert (body["looks"], body["episodes"], body["truncated"]) == (40, 2, True)
    assert body["through"] == "2026-09-21T14:14:20.900Z"
    rest = await desk.made({}, since=body["through"])
    assert rest["looks"] == 40, "it can be gone on with from where it stopped"
    monkeypatch.setattr(policies, "MOST_LOOKS", 1000)
    monkeypatch.setattr(policies, "MOST_SECONDS", 0.0)
    assert (await desk.made({}))["truncated"]


async def test_of_too_many_events_the_telling_ones_are_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MOST_EVENTS", 2)
    for minute in range(4):
        await desk.episodes.add(episode(0.5, *([0.5] * 4 if minute == 3 else []), minute=minute))
    body = await desk.made({})
    assert [event["now"] for event in body["events"]] == ["suspected", "confirmed"]
    assert body["truncated"]
    assert body["confirmed"] == {"now": 1, "before": 1}


async def test_one_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, goes_on = threading.Event(), threading.Event()

    def slowly(lines: Any) -> Any:
        inside.set()
        goes_on.wait(20)
        return read_recording(lines)

    monkeypatch.setattr(policies, "read_recording", slowly)
    first = asyncio.create_task(desk.replay({}, recording=recording(0.5)))
    try:
        await eventually(inside.is_set)
        (await desk.replay({})).problem("too-busy", 503)
        assert (await desk.client.get("/api/v1/policies")).status == 200, "nothing else waits for it"
    finally:
        goes_on.set()
    assert (await first).status == 200
    assert (await desk.replay({})).status == 200
