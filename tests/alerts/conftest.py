"""Brokers for the tests of the MQTT channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.core import backoff

from ..support.mosquitto import Broker, why_not
from ..support.needs import need
from .mqtt import Make


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, nothing_left: None) -> None:
    """Come back soon, and leave nothing behind; the waits themselves are those of cameras."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)


@pytest_asyncio.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Starts brokers. Without Mosquitto the tests are skipped, and said so; in CI that is a failure."""
    need(why_not())
    brokers: list[Broker] = []

    async def start(**options: Any) -> Broker:
        folder = tmp_path / f"broker-{len(brokers)}"
        folder.mkdir()
        brokers.append(Broker(folder, **options))
        await brokers[-1].start()
        return brokers[-1]

    yield start
    for broker in brokers:
        await broker.kill()


@pytest_asyncio.fixture
async def broker(make: Make) -> Broker:
    """One that lets everybody in."""
    return await make()
