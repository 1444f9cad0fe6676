"""Changing, keeping and trying cameras: what a PATCH means, what a restart brings back, what stays secret."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.config import CameraSettings

from ..sources.clips import write_clip
from ..support.server import Client, Json, Server, client_of, own_folder, serving
from ..support.waiting import eventually

SECRET = "s3cr3t"
SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
URL = f"rtsp://bob:{SECRET}@127.0.0.1:1/live?token={SECRET}"
SHOWN = "rtsp://127.0.0.1:1/live?..."
POLICY = {"policy": {"hits": 4, "zones": [SQUARE]}}
SCHEMES = ("rtsp", "http", "whip", "file")


@pytest.fixture(scope="module")
def folder(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the server of this module."""
    return own_folder(tmp_path_factory.mktemp("changes"), data_dir)


@pytest_asyncio.fixture(scope="module")
async def running(folder: Path) -> AsyncIterator[Server]:
    async with serving(folder, fleet={"schemes": SCHEMES}) as server:
        yield server


@pytest_asyncio.fixture
async def api(running: Server, nothing_left: None) -> AsyncIterator[Client]:
    """A client, and one camera that is stopped and has a password."""
    async with client_of(running) as client:
        answer = await client.post("/api/v1/cameras", json={"name": "door", "url": URL, "enabled": False})
        assert answer.status == 201
        yield client
        for camera in (await client.get("/api/v1/cameras")).json()["cameras"]:
            await client.send("DELETE", f"/api/v1/cameras/{camera['name']}")


def kept(folder: Path) -> Json:
    """What is on disk of the camera, with its credentials."""
    cameras = json.loads((folder / "cameras.json").read_text())["cameras"]
    return {**cameras["door"]["camera"], **json.loads((folder / "camera-credentials.json").read_text()).get("door", {})}


async def patch(client: Client, **fields: Any) -> Json:
    answer = await client.send("PATCH", "/api/v1/cameras/door", json=fields)
    assert answer.status == 200, answer
    assert SECRET not in answer.text
    return answer.json()


# --- what a PATCH means ----------------------------------------------------------------------------------------------


async def test_only_what_is_given_changes(api: Client, folder: Path) -> None:
    before = (await api.get("/api/v1/cameras/door")).json()
    for fields in (
        {},
        {"name": "door"},
        {"labels": ["a"]},
        {"zones": [SQUARE], "look_rate": 2},
        {"look_rate": None},
        POLICY,
    ):
        before |= {key: value for key, value in fields.items() if key != "name"}
        after = await patch(api, **fields)
        moves = {"since"}
        assert {k: v for k, v in after.items() if k not in moves} == {k: v for k, v in before.items() if k not in moves}
    assert (kept(folder)["username"], kept(folder)["password"]) == ("bob", SECRET)


async def test_a_policy_of_its_own_is_changed_as_a_whole_and_taken_back(api: Client, folder: Path) -> None:
    assert (await patch(api, policy={"hits": 4, "of": 8}))["policy"] == {"hits": 4, "of": 8}
    assert (await patch(api, policy={"dwell_s": 2}))["policy"] == {"dwell_s": 2}
    assert kept(folder)["policy"]["dwell_s"] == 2
    assert (await api.get("/api/v1/policies")).json()["cameras"]["door"]["dwell_s"] == 2
    assert (await patch(api, policy=None))["policy"] is None
    answer = await api.send("PATCH", "/api/v1/cameras/door", json={"policy": {"hits": 6}})
    assert "6 hits cannot be among the last 5" in answer.problem("invalid-camera", 422)
    answer = await api.send("PATCH", "/api/v1/cameras/door", json={"policy": {"zones": [SQUARE[:2]]}})
    assert answer.json()["errors"] == [{"field": "policy.zones.0", "detail": "A polygon has at least 3 points."}]
    assert (await api.get("/api/v1/cameras/door")).json()["policy"] is None


@pytest.mark.parametrize("url", [SHOWN, URL])
async def test_a_url_as_it_is_shown_is_the_one_that_is_kept(url: str, api: Client, folder: Path) -> None:
    assert (await patch(api, url=url))["url"] == SHOWN
    assert kept(folder)["url"] == f"rtsp://127.0.0.1:1/live?token={SECRET}"
    assert kept(folder)["password"] == SECRET


async def test_a_query_that_is_only_hinted_at_is_refused(api: Client, folder: Path) -> None:
    answer = await api.send("PATCH", "/api/v1/cameras/door", json={"url": SHOWN.replace("live", "other")})
    assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "url")
    assert kept(folder)["url"].endswith(SECRET)


@pytest.mark.parametrize(
    "url", ["rtsp://127.0.0.1:1/other", "rtsp://127.0.0.1:1", "RTSP://127.0.0.1:1/a@b", " rtsp://127.0.0.1:1/x "]
)
async def test_at_the_same_server_the_password_stays(url: str, api: Client, folder: Path) -> None:
    assert (await patch(api, url=url))["credentials"] is True
    assert kept(folder)["password"] == SECRET


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://127.0.0.2:1/live",
        "rtsp://127.0.0.1:2/live",
        "rtsp://127.0.0.1/live",
        "http://127.0.0.1:1/live",
        "rtsp://127.0.0.2:1/@127.0.0.1:1/live",
        "rtsp://127.0.0.2:1?@127.0.0.1:1/live",
        "rtsp://127.0.0.2:1#@127.0.0.1:1/live",
        "rtsp://127.0.0.1:1@127.0.0.2:1/live",
        "whip:",
    ],
)
async def test_a_change_of_the_server_forgets_the_password(url: str, api: Client, folder: Path) -> None:
    """Or whoever may change a camera could have its password sent to a server of theirs."""
    await patch(api, url=url)
    assert kept(folder).get("password") != SECRET
    assert kept(folder).get("username") != "bob"
    assert SECRET not in (folder / "camera-credentials.json").read_text()


async def test_another_server_with_a_password_of_its_own(api: Client, folder: Path) -> None:
    assert (await patch(api, url="rtsp://eve:other@127.0.0.2:1/live"))["credentials"] is True
    assert (kept(folder)["username"], kept(folder)["password"]) == ("eve", "other")
    await patch(api, url="rtsp://127.0.0.3:1/live", username="bob", password="third")
    assert (kept(folder)["username"], kept(folder)["password"]) == ("bob", "third")


async def test_null_forgets_the_password(api: Client, folder: Path) -> None:
    assert (await patch(api, password=None))["credentials"] is True, "the user name is still there"
    assert "password" not in kept(folder)
    assert (await patch(api, username=None))["credentials"] is False
    assert "username" not in kept(folder)


async def test_a_name_cannot_change(api: Client) -> None:
    for name in ("hall", None, 7):
        answer = await api.send("PATCH", "/api/v1/cameras/door", json={"name": name})
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "name")


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_over_a_restart(data_dir: Path, tmp_path: Path, nothing_left: None) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    clip = str(write_clip(tmp_path / "a.mp4"))
    declared = tuple(CameraSettings(name=name, url=clip, enabled=False) for name in ("one", "two", "three"))
    options: Json = {"warm": False, "fleet": {"schemes": SCHEMES}, "cameras": declared}
    async with serving(folder, **options) as server, client_of(server) as client:
        fields = {"url": URL, "enabled": False, "zones": [SQUARE], "masks": [SQUARE], "labels": ["a"], "look_rate": 2}
        await client.post("/api/v1/cameras", json={"name": "door", **fields, "transport": "udp", "motion_gate": False})
        await client.send("PATCH", "/api/v1/cameras/two", json={"labels": ["b"]})
        await client.send("DELETE", "/api/v1/cameras/three")
        before = (await client.get("/api/v1/cameras")).json()["cameras"]
    async with serving(folder, **options) as server, client_of(server) as client:
        after = (await client.get("/api/v1/cameras")).json()["cameras"]
        origins = {camera["name"]: camera["origin"] for camera in after}
        assert origins == {"one": "settings", "two": "api", "door": "api"}
        for camera in (*before, *after):
            del camera["since"]
        assert after == before
        await client.post("/api/v1/cameras/one/start")
    assert kept(folder)["password"] == SECRET
    assert stat.S_IMODE((folder / "camera-credentials.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "whip-token").stat().st_mode) == 0o600
    async with serving(folder, **{**options, "cameras": ()}) as server, client_of(server) as client:
        names = [camera["name"] for camera in (await client.get("/api/v1/cameras")).json()["cameras"]]
        assert names == ["door"]


async def test_a_disk_that_takes_nothing(api: Client, folder: Path) -> None:
    (folder / "cameras.json").unlink()
    (folder / "cameras.json").mkdir()  # nothing can take its place
    for method, path, fields in [
        ("POST", "", {"name": "hall", "url": "rtsp://127.0.0.1:1/"}),
        ("PATCH", "/door", {"labels": ["a"]}),
        ("DELETE", "/door", {}),
        ("POST", "/door/start", {}),
    ]:
        (await api.send(method, f"/api/v1/cameras{path}", json=fields)).problem("not-kept", 507)
    (camera,) = (await api.get("/api/v1/cameras")).json()["cameras"]
    assert (camera["name"], camera["labels"], camera["state"]) == ("door", [], "stopped")
    (folder / "cameras.json").rmdir()


async def test_a_camera_that_is_pushed(api: Client, folder: Path) -> None:
    answer = await api.post("/api/v1/cameras", json={"name": "yard", "url": "whip:"})
    body = answer.json()
    assert body["whip"]["path"] == "/whip/yard"
    assert len(body["whip"]["token"]) >= 32
    assert (body["kind"], body["url"], body["credentials"], body["state"]) == ("whip", "whip:", True, "connecting")
    assert "/whip/yard" in body["reason"]
    assert "whip" not in (await api.get("/api/v1/cameras/yard")).json(), "shown this once"
    own = await api.post("/api/v1/cameras", json={"name": "hall", "url": "whip:", "password": "a token of mine"})
    assert own.json()["whip"]["token"] == "a token of mine"
    tried = await api.post("/api/v1/cameras/probe", json={"camera": "hall"})
    assert (tried.status, tried.json()["errors"][0]["field"]) == (422, "url")


# --- trying ----------------------------------------------------------------------------------------------------------


async def test_trying_a_camera(api: Client, tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "a.mp4", frames=30, fps=25))
    answer = await api.post("/api/v1/cameras/probe", json={"url": clip})
    body = answer.json()
    assert set(body) == {"ok", "codec", "width", "height", "frames_per_second", "took_ms", "picture"}
    assert (body["ok"], body["codec"], body["width"], body["height"]) == (True, "h264", 64, 48)
    assert body["frames_per_second"] == pytest.approx(25, abs=0.1)
    assert body["picture"].startswith("data:image/jpeg;base64,/9j/")
    again = await api.post("/api/v1/cameras/probe", json={"camera": "door", "url": clip})
    assert again.json()["ok"] is True
    assert (await api.get("/api/v1/cameras/door")).json()["url"] == SHOWN, "trying changes nothing"


async def test_trying_one_that_is_not_there(api: Client) -> None:
    for fields in ({"url": URL}, {"camera": "door"}, {"camera": "door", "transport": "udp", "url": SHOWN}):
        answer = await api.post("/api/v1/cameras/probe", json=fields)
        body = answer.json()
        assert set(body) == {"ok", "reason", "took_ms"}
        assert (body["ok"], body["reason"]) == (False, "nothing listens at this address and port")
        assert SECRET not in answer.text
    (await api.post("/api/v1/cameras/probe", json={"camera": "nobody"})).problem("unknown-camera", 404)
    for wrong in ({}, {"camera": "door", "colour": 1}, {"url": 7}):
        assert (await api.post("/api/v1/cameras/probe", json=wrong)).status == 422


# --- what stays secret -----------------------------------------------------------------------------------------------


async def test_no_password_in_any_answer_or_line_of_the_log(
    api: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = []
    with caplog.at_level(logging.DEBUG):
        for n, url in enumerate((URL, URL.replace("rtsp", "http"), f"rtmp://bob:{SECRET}@127.0.0.1:1/app")):
            fields = {"name": f"c{n}", "url": url}
            answers.append(await api.post("/api/v1/cameras", json=fields))
            answers.append(await api.post("/api/v1/cameras", json=fields))
            answers.append(await api.post("/api/v1/cameras/probe", json=fields))
            answers.append(await api.post("/api/v1/cameras/probe", json={"camera": f"c{n}"}))
            answers.append(await api.send("PATCH", f"/api/v1/cameras/c{n}", json={"password": SECRET, "colour": 1}))
            answers.append(await api.send("PATCH", f"/api/v1/cameras/c{n}", json={"password": SECRET}))

        async def retrying() -> bool:
            cameras = (await api.get("/api/v1/cameras")).json()["cameras"]
            return {camera["state"] for camera in cameras} <= {"retrying", "stopped"}

        await eventually(retrying)
        for path in ("/api/v1/cameras", "/api/v1/cameras/c0", "/api/v1/cameras/c0/stats", "/metrics", "/api/v1/server"):
            answers.append(await api.get(path))
    said = "".join(answer.text + str(answer.headers) for answer in answers)
    assert SECRET not in said
    assert "bob" not in said
    assert SECRET not in caplog.text
    out, err = capfd.readouterr()
    assert SECRET not in out + err
