"""The doctor of a running server: its own view of each part, for admins, one look at a time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from server.core.access import Role
from server.store.database import Database
from server.store.subscriptions import Subscription, Subscriptions

from ..support.access import REMOTE, visited
from ..support.certificates import certificates
from ..support.media import GUN_CLIP
from ..support.server import Client, Server, client_of, serving
from ..support.waiting import eventually
from ..test_doctor import closed_port

SECRET = "0123456789abcdef"


async def findings(client: Client) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api/v1/doctor")
    assert answer.status == 200, answer
    body = answer.json()
    assert body["works"] == all(finding["works"] for finding in body["findings"])
    assert body["at"].endswith("Z")
    return {finding["name"]: finding for finding in body["findings"]}


async def test_what_works_is_said(client: Client) -> None:
    found = await findings(client)
    assert set(found) == {"settings", "model", "disk", "database", "certificate", "UDP", "WebSocket"}
    assert all(finding["works"] for finding in found.values()), found
    assert found["model"]["detail"].startswith("gun-yolov8n is run by openvino")
    assert found["WebSocket"]["detail"] == "It opens."


async def test_what_is_broken_is_said_with_the_reason_and_no_secret(data_dir: Path, tmp_path: Path) -> None:
    dead = closed_port()
    made = certificates(tmp_path)
    async with serving(
        data_dir,
        tls={"certificate": str(made.certificate), "key": str(made.key)},
        public_url="https://vigie.example",
        cameras=[
            {"name": "gate", "url": str(GUN_CLIP), "loop": True},
            {"name": "away", "url": f"rtsp://bob:hunter2@127.0.0.1:{dead}/x"},
            {"name": "off", "url": "rtsp://10.0.0.1/x", "enabled": False},
        ],
        ice={"turn": [f"turn:127.0.0.1:{dead}?transport=tcp"], "turn_secret": SECRET},
    ) as server:
        async with Database(f"sqlite:///{server.settings.data_dir / 'vigie.db'}") as database:
            hook = Subscription("whk_1", "webhook", f"http://127.0.0.1:{dead}/x?key=hunter2", time.time())
            await Subscriptions(database).add(hook)
        async with client_of(server) as client:
            client.http._connector._ssl = False  # type: ignore[union-attr]

            async def seen() -> dict[str, dict[str, Any]]:
                found = await findings(client)
                ready = found["camera gate"]["works"] and "no picture:" in found["camera away"]["detail"]
                return found if ready else {}

            found = await eventually(seen, "both cameras to be where they will be", within_s=20)
    assert {name for name, finding in found.items() if not finding["works"]} >= {
        *("camera away", "receiver whk_1", "certificate"),
        f"TURN turn:127.0.0.1:{dead}?transport=tcp",
    }
    assert "640x480" in found["camera gate"]["detail"]
    assert found["camera off"]["detail"] == "It is switched off."
    assert "vigie.example" in found["certificate"]["detail"]
    assert (found["camera away"]["part"], found["camera away"]["of"]) == ("camera", "away")
    assert "hunter2" not in str(found)
    assert SECRET not in str(found)
    assert all(finding["detail"].endswith(".") for finding in found.values())


async def test_one_look_at_a_time(client: Client) -> None:
    answers = await asyncio.gather(*(client.get("/api/v1/doctor") for _ in range(3)))
    assert sorted(answer.status for answer in answers)[0] == 200
    for refused in (answer for answer in answers if answer.status != 200):
        refused.problem("too-busy", 503)
        assert refused.headers["Retry-After"] == "15"


async def test_only_admins_look(data_dir: Path) -> None:
    async with serving(data_dir, warm=False, **REMOTE) as server:
        for role, status in ((None, 401), (Role.OPERATOR, 403), (Role.ADMIN, 200)):
            await _asked(server, role, status)


async def _asked(server: Server, role: Role | None, status: int) -> None:
    async with visited(server, role) as visitor:
        answer = await visitor.get("/api/v1/doctor")
        assert answer.status == status
        if status == 200:
            model = next(finding for finding in answer.json()["findings"] if finding["part"] == "model")
            assert model["detail"], "a model that is not warmed up yet is no reason to answer nothing"
