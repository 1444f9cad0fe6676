"""The whole way of an alarm: a gun in a clip, the model, the policy, the store, the receiver, and taking it back."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.config import CameraSettings, EvidenceSettings, WebhookSettings
from tests.support.receiver import receiving
from tests.support.server import Client, Json, client_of, own_folder, serving
from tests.support.sse import EventSource, Sent, event_source
from tests.support.waiting import eventually

CLIP = Path(__file__).parent.parent / "fixtures" / "gun-walk-720p.mp4"
GATE = CameraSettings(name="gate", url=str(CLIP), loop=False)

pytestmark = pytest.mark.timeout(180)


async def until(source: EventSource, kind: str, event_id: str | None = None) -> Sent:
    """The next change of this type."""
    while True:
        sent = await asyncio.wait_for(source.next(), 60)
        if sent.data["type"] == kind and event_id in (None, sent.data["data"]["id"]):
            return sent


async def states(client: Client, event_id: str) -> dict[str, str]:
    """Which deliveries of an event there are, and how each stands."""
    body = (await client.get(f"/api/v1/events/{event_id}")).json()
    return {one["type"]: one["state"] for one in body["deliveries"]}


async def test_an_alarm_is_raised_proven_and_taken_back(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    settings: dict[str, Any] = {
        "webhooks": WebhookSettings(allow_private=True),
        "evidence": EvidenceSettings(before_s=1, after_s=0.5),
        "cameras": (GATE,),
    }
    async with (
        receiving() as receiver,
        serving(folder, **settings) as server,
        client_of(server) as client,
        event_source(server.url) as source,
    ):
        await source.opened()
        webhook = (await client.post("/api/v1/webhooks", json={"url": receiver.url()})).json()
        confirmed = (await until(source, "event.confirmed")).data["data"]
        event_id = confirmed["id"]
        got = await eventually(lambda: receiver.got[:1])
        got[0].verify(webhook["secret"])
        alert = got[0].json
        assert (alert["type"], alert["data"]["id"], alert["data"]["camera"]) == ("event.confirmed", event_id, "gate")
        assert alert["data"]["model"] == "gun-yolov8n"
        assert alert["data"]["best_score"] >= 0.4

        await until(source, "event.ended", event_id)
        await _judge(client, event_id, verdict="false", note="an actor")
        await until(source, "event.retracted", event_id)
        await eventually(lambda: "event.retracted" in receiver.types())
        assert receiver.types() == ["event.confirmed", "event.ended", "event.retracted"]
        for one in receiver.got:
            one.verify(webhook["secret"])
        assert len(set(receiver.ids())) == 3
        assert [one.json["data"]["revision"] for one in receiver.got] == [2, 3, 4]

        async def all_told() -> bool:
            return await states(client, event_id) == dict.fromkeys(receiver.types(), "delivered")

        await eventually(all_told, "the receipts")
        await _check_evidence(client, event_id, alert["data"]["evidence"]["files"])
        camera = (await client.get("/api/v1/cameras/gate")).json()
        assert camera["suspicion"] is None


async def _judge(client: Client, event_id: str, **body: str) -> None:
    answer = await client.post(f"/api/v1/events/{event_id}/verdict", json=body)
    assert (answer.status, answer.json()["state"]) == (200, "retracted")


async def _check_evidence(client: Client, event_id: str, links: list[Json]) -> None:
    """What the alert's own links open is what the manifest says."""

    async def complete() -> Json | None:
        body: Json = (await client.get(f"/api/v1/events/{event_id}")).json()["evidence"]
        return body if body["state"] == "complete" else None

    evidence = await eventually(complete, "the evidence")
    assert evidence
    sums = {file["name"]: file["sha256"] for file in evidence["files"]}
    assert set(sums) == {"clean.jpg", "annotated.jpg", "thumb.jpg", "clip.mp4", "detections.jsonl", "manifest.json"}
    assert {link["name"] for link in links} == set(sums)
    async with aiohttp.ClientSession() as outside:
        for link in links:
            async with outside.get(link["url"]) as response:
                assert response.status == 200, link
                body = await response.read()
            assert hashlib.sha256(body).hexdigest() == sums[link["name"]]
            if link["name"] == "manifest.json":
                listed = {file["name"]: file["sha256"] for file in json.loads(body)["files"]}
                assert listed == {name: value for name, value in sums.items() if name != "manifest.json"}
        async with outside.get(links[0]["url"] + "x") as response:
            assert response.status == 403


async def test_what_is_judged_false_while_it_lasts_alarms_no_more(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    async with (
        serving(folder, cameras=(GATE,), evidence=EvidenceSettings(enabled=False)) as server,
        client_of(server) as client,
        event_source(server.url) as source,
    ):
        event_id = (await until(source, "event.confirmed")).data["data"]["id"]
        await _judge(client, event_id, verdict="false")

        async def calm() -> bool:
            return bool((await client.get("/api/v1/cameras/gate")).json()["suspicion"] != "confirmed")

        await eventually(calm)
        ended = (await until(source, "event.ended", event_id)).data["data"]
        assert (ended["state"], ended["verdict"]) == ("retracted", "false")
        assert (await client.get(f"/api/v1/events/{event_id}")).json()["evidence"] is None


async def test_events_outlive_the_server(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    async with serving(folder, cameras=(GATE,)) as server, event_source(server.url) as source:
        event_id = (await until(source, "event.confirmed")).data["data"]["id"]
    async with serving(folder, warm=False) as server, client_of(server) as client:
        body = (await client.get(f"/api/v1/events/{event_id}")).json()
        assert (body["state"], body["confirmed_at"] is not None) == ("ended", True)
        listed = (await client.get("/api/v1/events?confirmed=1")).json()["events"]
        assert event_id in [event["id"] for event in listed]
