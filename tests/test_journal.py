"""What the journal keeps, tells, and never loses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from server import journal as module
from server.core.events import Event
from server.journal import Journal
from server.metrics import Metrics

from .support.events import confirmed, ended, suspected
from .support.waiting import eventually


class Book:
    """Keeps what it is given, unless told otherwise."""

    def __init__(self) -> None:
        self.kept: list[Event] = []
        self.batches: list[int] = []
        self.failures: list[Exception] = []
        self.poison: set[str] = set()
        self.open = asyncio.Event()
        self.open.set()
        self.tries = 0

    async def record(self, seen: Sequence[Event], now: float) -> list[Event | None]:
        self.tries += 1
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        if any(event.id in self.poison for event in seen):
            raise ValueError("this cannot be kept")
        self.batches.append(len(seen))
        self.kept += seen
        return [replace(event, revision=event.revision + 10) for event in seen]


@asynccontextmanager
async def journal(book: Book) -> AsyncIterator[tuple[Journal, list[Event], Metrics]]:
    told: list[Event] = []
    metrics = Metrics()
    async with Journal(book, metrics) as opened:
        yield opened, told, metrics


def lost(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("vigie_events_lost_total") or 0.0


async def test_an_event_is_told_once_it_is_kept_and_as_it_was_kept() -> None:
    book = Book()
    book.open.clear()
    async with journal(book) as (opened, told, _):
        opened.put(suspected(), told.append)
        await eventually(lambda: book.tries)
        assert told == []
        book.open.set()
        await eventually(lambda: told)
        assert (told[0].revision, book.kept[0].revision) == (11, 1)


async def test_what_waits_is_written_together_and_in_order() -> None:
    book = Book()
    book.open.clear()
    async with journal(book) as (opened, told, _):
        opened.put(suspected(number=0), told.append)
        await eventually(lambda: book.tries)
        for number in range(1, 400):
            opened.put(suspected(number=number), told.append)
        book.open.set()
        await eventually(lambda: len(told) == 400)
    assert book.batches == [1, 256, 143]
    assert [event.id for event in told] == [suspected(number=n).id for n in range(400)]


async def test_a_database_that_is_away_for_a_while_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    book = Book()
    book.failures = [OSError("no space"), OSError("no space"), OSError("no space")]
    with caplog.at_level(logging.INFO):
        async with journal(book) as (opened, told, metrics):
            opened.put(suspected(), told.append)
            await eventually(lambda: book.kept)
            assert lost(metrics) == 0
    assert [r.message for r in caplog.records].count("events cannot be kept: no space; it is tried again") == 1
    assert "events are kept again" in caplog.text


async def test_what_an_earlier_try_wrote_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 3600.0)

    class Known(Book):
        async def record(self, seen: Sequence[Event], now: float) -> list[Event | None]:
            return [None for _ in await super().record(seen, now)]

    async with journal(Known()) as (opened, told, _):
        opened.put(suspected(), told.append)
        await eventually(lambda: told)
    assert len(told) == 1


async def test_a_guard_sees_the_alarm_though_the_disk_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    book = Book()
    book.open.clear()
    async with journal(book) as (opened, told, _):
        opened.put(suspected(), told.append)
        opened.put(confirmed(suspected()), told.append)
        await eventually(lambda: len(told) == 2)
        assert [event.revision for event in told] == [1, 2], "as they came"
        book.open.set()
        await eventually(lambda: len(book.kept) == 2)
    assert len(told) == 2, "told once"


async def test_those_who_else_listen_hear_of_what_is_overdue_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    book, heard, told = Book(), list[Event](), list[Event]()
    book.open.clear()
    async with Journal(book, Metrics(), heard.append) as opened:
        opened.put(confirmed(suspected()), told.append)
        await eventually(lambda: heard)
        book.open.set()
        await eventually(lambda: book.kept)
        opened.put(suspected(number=1), told.append)
        await eventually(lambda: len(told) == 2)
    assert len(heard) == 1, "what is kept in time is not overdue"


async def test_the_end_of_a_suspicion_stays_longer_than_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept without its end it would be open for ever."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    book = Book()
    book.open.clear()
    async with journal(book) as (opened, told, _):
        opened.put(suspected(number=9), told.append)
        await eventually(lambda: book.tries)
        opened.put(ended(suspected(number=1)), told.append)
        opened.put(suspected(number=2), told.append)
        opened.put(suspected(number=3), told.append)
        book.open.set()
        await eventually(lambda: len(book.kept) == 3)
    assert [event.id for event in book.kept] == [suspected(number=n).id for n in (9, 1, 3)]


async def test_what_can_never_be_kept_goes_alone(caplog: pytest.LogCaptureFixture) -> None:
    book = Book()
    bad = suspected(number=1)
    book.poison = {bad.id}
    book.open.clear()
    async with journal(book) as (opened, told, metrics):
        for number in range(3):
            opened.put(suspected(number=number), told.append)
        book.open.set()
        await eventually(lambda: len(told) == 3)
        assert lost(metrics) == 1
    assert [event.id for event in book.kept] == [suspected(number=0).id, suspected(number=2).id]
    assert f"event {bad.id} cannot be kept" in caplog.text


async def test_too_many_waiting_give_way_and_confirmed_ones_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    book = Book()
    book.open.clear()
    async with journal(book) as (opened, told, metrics):
        opened.put(suspected(number=9), told.append)
        await eventually(lambda: book.tries)
        opened.put(confirmed(suspected(number=0)), told.append)
        opened.put(suspected(number=1), told.append)
        opened.put(confirmed(suspected(number=2)), told.append)
        opened.put(confirmed(suspected(number=3)), told.append)
        assert lost(metrics) == 1
        book.open.set()
        await eventually(lambda: len(book.kept) == 4)
    assert [event.id for event in book.kept] == [suspected(number=n).id for n in (9, 0, 2, 3)]


async def test_the_end_waits_until_all_is_kept() -> None:
    book = Book()
    async with journal(book) as (opened, told, _):
        for number in range(10):
            opened.put(suspected(number=number), told.append)
    assert len(book.kept) == 10


async def test_the_end_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LAST_CHANCE_S", 0.05)
    book = Book()
    book.open.clear()
    async with journal(book) as (opened, told, metrics):
        opened.put(suspected(), told.append)
    assert lost(metrics) == 1
    assert "1 changes of events could not be kept before the end" in caplog.text
