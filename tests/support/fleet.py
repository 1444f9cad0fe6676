"""Cameras of a running server by its HTTP interface, and what it says about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .server import Client, Json
from .waiting import eventually


class Fleet:
    """Adds cameras, asks how they are, removes them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.names: list[str] = []

    async def add(self, name: str, url: str, **settings: Any) -> Json:
        """A camera that is looked at twice a second, whatever moves, unless the settings say otherwise."""
        body = {"name": name, "url": url, "motion_gate": False, "look_rate": 2, **settings}
        answer = await self.client.post("/api/v1/cameras", json=body)
        assert answer.status == 201, answer
        self.names.append(name)
        return answer.json()

    async def change(self, name: str, **settings: Any) -> Json:
        """Change some settings."""
        answer = await self.client.send("PATCH", f"/api/v1/cameras/{name}", json=settings)
        assert answer.status == 200, answer
        return answer.json()

    async def remove(self, name: str) -> None:
        """Remove one."""
        self.names.remove(name)
        answer = await self.client.send("DELETE", f"/api/v1/cameras/{name}")
        assert answer.status == 204, answer

    async def show(self, name: str) -> Json:
        """One camera as the server tells it."""
        answer = await self.client.get(f"/api/v1/cameras/{name}")
        assert answer.status == 200, answer
        return answer.json()

    async def all(self) -> dict[str, Json]:
        """All cameras by their names."""
        cameras = (await self.client.get("/api/v1/cameras")).json()["cameras"]
        return {camera["name"]: camera for camera in cameras}

    async def until(self, name: str, *states: str, within_s: float = 20) -> Json:
        """Wait until the camera is in one of these states."""
        last: Json = {}

        async def reached() -> bool:
            last.update(await self.show(name))
            return last["state"] in states

        try:
            await eventually(reached, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"{name} was not {' or '.join(states)} within {within_s:g} s: {last}") from None
        return last

    async def sees(self, name: str, count: int, within_s: float = 20) -> Json:
        """Wait for so many more pictures."""
        before = (await self.show(name))["frames"]["seen"]

        async def came() -> Json | None:
            camera = await self.show(name)
            return camera if camera["frames"]["seen"] >= before + count else None

        found = await eventually(came, f"{count} more pictures of {name}", within_s)
        assert found is not None
        return found

    async def states(self, name: str, seconds: float) -> list[str]:
        """The states one after the other during so many seconds, each with its reason behind it where it has one."""
        told: list[str] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            camera = await self.show(name)
            state = " ".join(filter(None, (camera["state"], camera["reason"])))
            if not told or told[-1] != state:
                told.append(state)
            await asyncio.sleep(0.1)
        return told


@asynccontextmanager
async def fleet_of(client: Client) -> AsyncIterator[Fleet]:
    """A fleet that is removed at the end of the block."""
    fleet = Fleet(client)
    try:
        yield fleet
    finally:
        await asyncio.gather(*(fleet.remove(name) for name in list(fleet.names)))
