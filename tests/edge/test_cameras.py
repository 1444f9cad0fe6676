"""The routes of cameras, on a real server: what they answer, what they refuse, what they never tell."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ..sources.clips import write_clip
from ..support.server import Answer, Client, Json, Server, client_of, own_folder, serving
from ..support.waiting import eventually

SECRET = "s3cr3t"
FIELDS = {
    *("name", "kind", "url", "credentials", "transport", "loop", "look_rate", "zones", "masks", "motion_gate"),
    *(
        "enabled",
        "labels",
        "policy",
        "origin",
        "state",
        "reason",
        "since",
        "next_try_at",
        "codec",
        "width",
        "height",
        "viewers",
    ),
    *("suspicion", "moving", "frames_per_second", "looks_per_second", "delay_ms", "frames"),
}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NOBODY = "rtsp://127.0.0.1:1/live"
SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "whip", "file")


@pytest_asyncio.fixture(scope="module")
async def running(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server of this module's own, which may open files too."""
    folder = own_folder(tmp_path_factory.mktemp("cameras"), data_dir)
    async with serving(folder, fleet={"schemes": SCHEMES}) as server:
        yield server


@pytest_asyncio.fixture
async def api(running: Server, nothing_left: None) -> AsyncIterator[Client]:
    """A client of the server, which has no camera before and after."""
    async with client_of(running) as client:
        yield client
        for name in await names(client):
            assert (await client.send("DELETE", f"/api/v1/cameras/{name}")).status == 204


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_clip(tmp_path_factory.mktemp("clips") / "a.mp4", frames=30))


async def names(client: Client) -> list[str]:
    return [camera["name"] for camera in (await client.get("/api/v1/cameras")).json()["cameras"]]


async def add(client: Client, name: str = "door", url: str = NOBODY, **fields: Any) -> Json:
    answer = await client.post("/api/v1/cameras", json={"name": name, "url": url, **fields})
    assert answer.status == 201, answer
    assert answer.headers["Location"] == f"/api/v1/cameras/{name}"
    return answer.json()


async def patch(client: Client, name: str = "door", **fields: Any) -> Json:
    answer = await client.send("PATCH", f"/api/v1/cameras/{name}", json=fields)
    assert answer.status == 200, answer
    return answer.json()


async def in_state(client: Client, state: str, name: str = "door") -> Json:
    async def found() -> Json:
        body = (await client.get(f"/api/v1/cameras/{name}")).json()
        return body if body["state"] == state else {}

    return await eventually(found, f"a camera that is {state}")


def wrong(answer: Answer, *fields: str) -> str:
    """Check that exactly these fields are called wrong; gives all that was said."""
    body = answer.json()
    assert (answer.status, body["type"]) == (422, "urn:vigie:problem:invalid-camera")
    assert {error["field"] for error in body["errors"]} == set(fields)
    assert all(set(error) == {"field", "detail"} and error["detail"].endswith(".") for error in body["errors"])
    assert body["detail"].endswith(".")
    return answer.text


async def test_a_camera_as_it_is_told(api: Client, clip: str) -> None:
    body = await add(api, url=clip, loop=True, labels=["yard", "gate", "yard"], masks=[SQUARE], look_rate=5)
    assert set(body) == FIELDS
    for told in (body, (await api.get("/api/v1/cameras/door")).json(), await in_state(api, "live")):
        assert set(told) == FIELDS
        assert (told["name"], told["kind"], told["url"], told["origin"]) == ("door", "file", clip, "api")
        assert (told["credentials"], told["transport"], told["loop"], told["look_rate"]) == (False, "tcp", True, 5)
        assert (told["zones"], told["masks"], told["labels"]) == ([], [SQUARE], ["yard", "gate"])
        assert (told["motion_gate"], told["enabled"], told["viewers"]) == (True, True, 0)
        assert re.fullmatch(TIME, told["since"])
        assert set(told["frames"]) == {"seen", "looked_at", "dropped", "skipped"}
        assert set(told["frames"]["skipped"]) == {"still", "rate", "busy", "lost"}
    assert body["state"] == "connecting"
    assert (told["codec"], told["width"], told["height"], told["reason"]) == ("h264", 64, 48, None)
    assert (told["suspicion"], told["next_try_at"]) == (None, None)
    assert isinstance(told["moving"], bool)


async def test_a_camera_that_is_not_there_is_added_all_the_same(api: Client) -> None:
    await add(api, url=f"rtsp://bob:{SECRET}@127.0.0.1:1/live?token={SECRET}")
    body = await in_state(api, "retrying")
    assert (body["url"], body["credentials"]) == ("rtsp://127.0.0.1:1/live?...", True)
    assert body["reason"] == "nothing listens at this address and port"
    assert re.fullmatch(TIME, body["next_try_at"])


async def test_list_show_and_remove(api: Client) -> None:
    for name in ("b", "a", "c"):
        await add(api, name, enabled=False)
    assert await names(api) == ["b", "a", "c"]
    removed = await api.send("DELETE", "/api/v1/cameras/a")
    assert (removed.status, removed.body) == (204, b"")
    assert await names(api) == ["b", "c"]
    for method, path in [
        ("GET", "a"),
        ("PATCH", "a"),
        ("DELETE", "a"),
        ("POST", "a/start"),
        ("POST", "a/stop"),
        ("GET", "a/stats"),
        ("GET", "%00%0a"),
        ("GET", "x" * 300),
    ]:
        (await api.send(method, f"/api/v1/cameras/{path}", json={})).problem("unknown-camera", 404)


async def test_start_and_stop(api: Client, clip: str) -> None:
    await add(api, url=clip)
    await in_state(api, "ended")
    assert (await api.post("/api/v1/cameras/door/start")).json()["state"] == "connecting"
    stopped = (await api.post("/api/v1/cameras/door/stop")).json()
    assert (stopped["state"], stopped["enabled"], stopped["reason"]) == ("stopped", False, None)
    assert (await api.post("/api/v1/cameras/door/stop")).json()["state"] == "stopped"
    started = (await api.post("/api/v1/cameras/door/start")).json()
    assert (started["state"], started["enabled"]) == ("connecting", True)
    await in_state(api, "ended")


async def test_figures(api: Client, clip: str) -> None:
    await add(api, url=clip, loop=True)
    await in_state(api, "live")
    body = (await api.get("/api/v1/cameras/door/stats")).json()
    assert set(body) == FIELDS | {"step_s", "history"}
    assert body["step_s"] == 10
    assert isinstance(body["history"], list)


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "a b"}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "a" * 64}, ["name"]),
        ({"name": "door\n"}, ["name"]),
        ({"name": 7}, ["name"]),
        ({"name": None}, ["name"]),
        ({"name": "\ud800"}, ["name"]),
        ({"url": ""}, ["url"]),
        ({"url": 7}, ["url"]),
        ({"url": f"gopher://bob:{SECRET}@x/"}, ["url"]),
        ({"url": "rtsp://"}, ["url"]),
        ({"url": f"rtsp:bob:{SECRET}@x"}, ["url"]),
        ({"url": f"rtsp://bob:{SECRET}@[::1/"}, ["url"]),
        ({"url": f"rtsp://x:99999/{SECRET}"}, ["url"]),
        ({"url": f"rtsp://x/\r\n{SECRET}"}, ["url"]),
        ({"url": "rtsp://x/" + "a" * 2000}, ["url"]),
        ({"transport": "multicast"}, ["transport"]),
        ({"username": 7}, ["username"]),
        ({"username": "a\r\nb"}, ["username"]),
        ({"password": [SECRET]}, ["password"]),
        ({"password": f"{SECRET}\n"}, ["password"]),
        ({"password": SECRET * 99}, ["password"]),
        ({"url": f"rtsp://bob%0d%0a:{SECRET}%00@x/"}, ["username", "password"]),
        ({"loop": "perhaps"}, ["loop"]),
        ({"look_rate": 0}, ["look_rate"]),
        ({"look_rate": 61}, ["look_rate"]),
        ({"look_rate": "many"}, ["look_rate"]),
        ({"zones": 1}, ["zones"]),
        ({"zones": [[[0, 0], [1, 1]]]}, ["zones.0"]),
        ({"zones": [SQUARE, [[0, 0], [1, 1], [2, 0]]]}, ["zones.1.2.0"]),
        ({"zones": [[[0, 0], [1, 1], [1]]]}, ["zones.0.2.1"]),
        ({"masks": [[[0, 0], [1, 1], [0, 1, 0]]]}, ["masks.0.2"]),
        ({"masks": [SQUARE] * 33}, ["masks"]),
        ({"masks": [[[0, 0]] * 65]}, ["masks.0"]),
        ({"labels": ["a" * 41]}, ["labels.0"]),
        ({"labels": ["a"] * 17}, ["labels"]),
        ({"labels": "yard"}, ["labels"]),
        ({"enabled": None}, ["enabled"]),
        ({"colour": SECRET}, ["colour"]),
        ({"state": "live", "origin": "settings"}, ["state", "origin"]),
        ({"kind": 1, "zones": [[]]}, ["kind", "zones.0"]),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
async def test_a_field_that_is_wrong_is_named(
    fields: Json, named: list[str], api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    said = wrong(await api.post("/api/v1/cameras", json={"name": "door", "url": NOBODY, **fields}), *named)
    assert SECRET not in said + caplog.text
    if "name" not in fields:
        await add(api, enabled=False)
        said = wrong(await api.send("PATCH", "/api/v1/cameras/door", json=fields), *named)
        assert SECRET not in said + caplog.text
    assert await names(api) in ([], ["door"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_are_none(number: str, api: Client) -> None:
    for field, value in (("look_rate", number), ("zones", f"[[[0, 0], [1, {number}], [1, 1]]]")):
        text = f'{{"name": "door", "url": "{NOBODY}", "{field}": {value}}}'
        answer = await api.post("/api/v1/cameras", data=text, headers={"Content-Type": "application/json"})
        assert answer.json()["type"] == "urn:vigie:problem:invalid-camera"


async def test_what_is_needed(api: Client) -> None:
    wrong(await api.post("/api/v1/cameras", json={}), "name", "url")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"door"', "\ufeff{", "[" * 60_000, '{"look_rate": ' + "9" * 5000 + "}", b"\xff\xfe\x00"],
)
@pytest.mark.parametrize("path", ["", "/probe"])
async def test_a_body_that_is_no_object(text: str | bytes, path: str, api: Client) -> None:
    answer = await api.post(f"/api/v1/cameras{path}", data=text, headers={"Content-Type": "application/json"})
    answer.problem("malformed-request", 400)


async def test_other_bodies(api: Client) -> None:
    await add(api, enabled=False)
    for method, path in (("POST", ""), ("POST", "/probe"), ("PATCH", "/door")):
        text = await api.send(
            method, f"/api/v1/cameras{path}", data="name=door", headers={"Content-Type": "text/plain"}
        )
        text.problem("unsupported-content-type", 415)
        big = await api.send(method, f"/api/v1/cameras{path}", json={"name": "a" * 70_000})
        assert "64 kB" in big.problem("malformed-request", 413)


async def test_many_zones(api: Client) -> None:
    circle = [[round(n / 64, 3), 0.5] for n in range(64)]
    body = await add(api, enabled=False, zones=[circle] * 32, masks=[circle] * 16)
    assert (len(body["zones"]), len(body["masks"]), body["zones"][31]) == (32, 16, circle)


async def test_a_name_that_is_taken(api: Client) -> None:
    await add(api, enabled=False)
    answer = await api.post("/api/v1/cameras", json={"name": "door", "url": NOBODY})
    assert "door" in answer.problem("camera-exists", 409)


@pytest.mark.parametrize(
    "url", ["/dev/video0", "v4l2:/dev/video0", "http://169.254.169.254/", "rtsp://[::ffff:a9fe:1]/"]
)
async def test_a_url_that_is_not_allowed(url: str, api: Client) -> None:
    fields = {"name": "door", "url": url}
    (await api.post("/api/v1/cameras", json=fields)).problem("camera-url-not-allowed", 403)
    (await api.post("/api/v1/cameras/probe", json=fields)).problem("camera-url-not-allowed", 403)
    await add(api, enabled=False)
    (await api.send("PATCH", "/api/v1/cameras/door", json={"url": url})).problem("camera-url-not-allowed", 403)
    tried = await api.post("/api/v1/cameras/probe", json={"camera": "door", "url": url})
    tried.problem("camera-url-not-allowed", 403)


async def test_pages_of_others_may_not(api: Client) -> None:
    await add(api, enabled=False)
    stranger = {"Origin": "https://stranger.example"}
    for method, path in (
        ("POST", ""),
        ("POST", "/probe"),
        ("PATCH", "/door"),
        ("DELETE", "/door"),
        ("POST", "/door/start"),
    ):
        answer = await api.send(method, f"/api/v1/cameras{path}", json={}, headers=stranger)
        answer.problem("forbidden-origin", 403)
    assert await names(api) == ["door"]


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_changes_at_once_are_all_made(api: Client) -> None:
    await asyncio.gather(*(add(api, f"c{n}", enabled=False) for n in range(8)))
    assert sorted(await names(api)) == [f"c{n}" for n in range(8)]
    await asyncio.gather(
        patch(api, "c1", zones=[SQUARE]),
        patch(api, "c1", masks=[SQUARE]),
        patch(api, "c1", labels=["yard"]),
        patch(api, "c1", look_rate=2),
    )
    body = (await api.get("/api/v1/cameras/c1")).json()
    assert (body["zones"], body["masks"], body["labels"], body["look_rate"]) == ([SQUARE], [SQUARE], ["yard"], 2)
