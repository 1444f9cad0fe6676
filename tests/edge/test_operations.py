"""What a person who runs Vigie asks: does it live, is it ready, what does it do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from server.config import CameraSettings

from ..support.media import GUN_CLIP, gun_jpeg
from ..support.server import Client, client_of, serving
from ..support.waiting import eventually

CAUSES = ("still", "rate", "busy", "lost")


@pytest_asyncio.fixture(scope="module")
async def watching(data_dir: Path) -> AsyncIterator[Client]:
    """A server with one camera."""
    camera = CameraSettings(name="gate", url=str(GUN_CLIP), loop=True)
    async with serving(data_dir, cameras=(camera,)) as server, client_of(server) as client:
        yield client


async def test_alive_and_ready(client: Client) -> None:
    assert (await client.get("/healthz")).text == "ok"
    assert (await client.get("/readyz")).json()["ready"] is True


async def test_not_ready_before_the_model_is_warm(tmp_path: Path) -> None:
    async with serving(tmp_path, warm=False) as server, client_of(server) as client:
        (await client.get("/readyz")).problem("not-ready", 503)
        assert (await client.get("/healthz")).text == "ok"
        assert (await client.get("/api/v1/server")).json()["ready"] is False
        early = asyncio.create_task(client.detect(gun_jpeg()))

        async def ready() -> bool:
            return (await client.get("/readyz")).status == 200

        await eventually(ready, "a warm model", within_s=60)
        assert (await client.get("/api/v1/server")).json()["ready"] is True
        assert (await early).json()["detections"], "who came early has waited"


async def test_metrics_are_prometheus_text(client: Client) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert set(families) >= {
        *("vigie_frames_seen", "vigie_frames_looked_at", "vigie_frames_dropped", "vigie_stage_seconds"),
        *("vigie_look_seconds", "vigie_look_failures", "vigie_events", "vigie_feeds", "vigie_sessions"),
        "vigie_pictures",
    }
    assert all(family.documentation for family in families.values())


async def test_pictures_are_counted(client: Client) -> None:
    before = await client.metrics()
    await client.detect(gun_jpeg())
    await client.detect(b"no picture")
    after = await client.metrics()

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown("vigie_pictures_total{answered}") == 1
    assert grown("vigie_pictures_total{refused}") == 1
    for stage in ("wait", "preprocess", "inference", "postprocess"):
        assert grown(f"vigie_stage_seconds_count{{{stage}}}") == 1
    assert grown("vigie_stage_seconds_sum{inference}") > 0
    assert after["vigie_look_failures_total"] == 0


async def test_a_camera_is_counted(watching: Client) -> None:
    before = await watching.metrics()
    seen, looked = "vigie_frames_seen_total{camera}", "vigie_frames_looked_at_total{camera}"

    async def moved() -> bool:
        now = await watching.metrics()
        return now[seen] > before.get(seen, 0) + 20 and now.get(looked, 0) > before.get(looked, 0) + 3

    await eventually(moved, "20 frames and 3 looks")
    now = await watching.metrics()
    assert now["vigie_feeds{camera}"] == 1
    assert now["vigie_look_seconds_count"] > 0
    dropped = sum(now.get(f"vigie_frames_dropped_total{{{cause},camera}}", 0) for cause in CAUSES)
    assert 0 < dropped <= now[seen] - now[looked]

    async def counted() -> bool:
        return await watching.metric("vigie_cameras{live}") == 1

    await eventually(counted, "the count of cameras, once a second")


async def test_a_camera_is_listed(watching: Client) -> None:
    async def camera() -> dict[str, object]:
        (body,) = (await watching.get("/api/v1/cameras")).json()["cameras"]
        assert isinstance(body, dict)
        return body if body["delay_ms"] and body["frames_per_second"] > 10 else {}

    body = await eventually(camera, "a live camera")
    assert set(body) == {
        *("name", "kind", "url", "credentials", "transport", "loop", "look_rate", "zones", "masks", "motion_gate"),
        *("enabled", "labels", "origin", "codec", "viewers", "state", "reason", "since", "next_try_at", "suspicion"),
        *("policy", "moving", "width", "height", "frames_per_second", "looks_per_second", "delay_ms", "frames"),
    }
    assert (body["name"], body["state"], body["reason"]) == ("gate", "live", None)
    assert (body["kind"], body["origin"], body["codec"]) == ("file", "settings", "h264")
    assert (body["width"], body["height"]) == (640, 480)


async def test_events_of_a_camera_are_counted_and_listed(watching: Client) -> None:
    async def confirmed() -> list[dict[str, object]]:
        events = (await watching.get("/api/v1/events")).json()["events"]
        return [event for event in events if event["confirmed_at"]]

    (event, *_) = await eventually(confirmed, "a confirmed event", within_s=40)
    assert event["camera"] == "gate"
    assert await watching.metric("vigie_events_total{confirmed}") >= 1
    limited = (await watching.get("/api/v1/events?limit=1")).json()["events"]
    assert len(limited) == 1


async def test_sessions_are_counted(client: Client) -> None:
    async with client.http.ws_connect(client.server.url + "/api/v1/stream") as first:
        await first.receive()
        async with client.http.ws_connect(client.server.url + "/api/v1/stream") as second:
            await second.receive()
            assert await client.metric("vigie_sessions{websocket}") == 2
            assert await client.metric("vigie_feeds{websocket}") == 2
    await asyncio.wait_for(eventually(client.is_idle), 10)
    assert await client.metric("vigie_feeds{websocket}") == 0
