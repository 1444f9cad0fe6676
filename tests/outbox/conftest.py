"""Fixtures of the outbox: what it sends from, on each kind of database."""

from __future__ import annotations

import pytest

from server.store.database import Database

from ..support.post_office import Clock, PostOffice


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


@pytest.fixture
def clock() -> Clock:
    return Clock()
