"""Fixtures that all tests may use: a real server with the real model, a client, and a check that nothing is left."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from .support.leaks import Held, all_gone
from .support.server import SHARED, Client, Server, client_of, serving
from .support.waiting import eventually

pytest_plugins = ["tests.support.databases"]

# A change must not fail by an example that chance found in code it did not touch. At home chance goes on looking.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all servers of a run: it keeps compiled models, so that only the first start is slow."""
    return tmp_path_factory.mktemp(SHARED)


@pytest_asyncio.fixture(scope="session")
async def server(data_dir: Path) -> AsyncIterator[Server]:
    """A server with the usual settings, shared by all tests of the session's loop."""
    async with serving(data_dir) as running:
        yield running


@pytest_asyncio.fixture
async def nothing_left() -> AsyncIterator[None]:
    """After the test, every task, thread and socket that it made is gone."""
    before = Held.now()
    yield
    await all_gone(before)


@pytest_asyncio.fixture
async def client(server: Server, nothing_left: None) -> AsyncIterator[Client]:
    """A client of the shared server; at its end the server has no session left."""
    async with client_of(server) as client:
        yield client
        await eventually(client.is_idle, "the end of all sessions")
