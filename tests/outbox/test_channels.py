"""Channels: opened when needed, entered and left by one task, opened again when that failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from server.outbox.channels import ChannelLost, Channels
from server.plugins import Alert, CameraCondition, OpenChannel, Outcome, PluginError, Receiver, Reply

from ..support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


@dataclass(slots=True)
class Spy:
    """A channel that keeps what it is told."""

    kind: str
    shown: list[tuple[str, CameraCondition | None]] = field(default_factory=list)
    tasks: list[object] = field(default_factory=list)

    async def send(self, receiver: Receiver, alert: Alert) -> Reply:
        return Reply(Outcome.DELIVERED)

    async def show(self, condition: CameraCondition | None, camera: str) -> None:
        self.shown.append((camera, condition))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Spy]:
        self.tasks.append(asyncio.current_task())
        async with asyncio.TaskGroup():
            yield self
        self.tasks.append(asyncio.current_task())


async def test_one_of_each_kind_however_many_ask() -> None:
    opened: list[Spy] = []

    def open_channel(kind: str) -> OpenChannel:
        opened.append(Spy(kind))
        return opened[-1].open()

    channels = Channels(open_channel)
    found = await asyncio.gather(*(channels.get(kind) for kind in ("a", "b", "a", "a")))
    assert [spy.kind for spy in opened] == ["a", "b"]
    assert found[0] is found[2] is found[3]
    await channels.close()
    await channels.close()
    for spy in opened:
        entered, left = spy.tasks
        assert entered is left, "a task group is left by the task that entered it"


@asynccontextmanager
async def _hangs() -> AsyncIterator[Spy]:
    await asyncio.Event().wait()
    yield Spy("never")


@asynccontextmanager
async def _refuses() -> AsyncIterator[Spy]:
    raise PluginError("mqtt.url is missing.")
    yield Spy("never")


@asynccontextmanager
async def _breaks() -> AsyncIterator[Spy]:
    raise RuntimeError("s3cr3t")
    yield Spy("never")


def _is_missing() -> OpenChannel:
    raise PluginError("alerts kind 'x' needs the Python package 'y'.")


@pytest.mark.parametrize(
    ("opening", "words"),
    [
        (_hangs, "it did not open within 0.05 s"),
        (_refuses, "mqtt.url is missing"),
        (_breaks, "RuntimeError"),
        (_is_missing, "needs the Python package 'y'"),
    ],
)
async def test_one_that_cannot_be_opened_is_tried_again_when_it_is_asked_for(
    opening: Callable[[], OpenChannel], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.outbox.channels.OPEN_S", 0.05)
    openings = [opening, opening, Spy("x").open]
    channels = Channels(lambda kind: openings.pop(0)())
    for _ in range(2):
        with pytest.raises(ChannelLost, match=words) as caught:
            await channels.get("x")
        assert "s3cr3t" not in str(caught.value)
    assert isinstance(await channels.get("x"), Spy)
    await channels.close()


async def test_one_that_does_not_close_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.outbox.channels.CLOSE_S", 0.05)

    @asynccontextmanager
    async def stubborn() -> AsyncIterator[Spy]:
        yield Spy("x")
        await asyncio.Event().wait()

    channels = Channels(lambda kind: stubborn())
    await channels.get("x")
    await channels.close()


async def test_who_gives_up_waiting_leaves_it_to_the_others() -> None:
    go = asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[Spy]:
        await go.wait()
        yield Spy("x")

    channels = Channels(lambda kind: slow())
    impatient = asyncio.create_task(channels.get("x"))
    patient = asyncio.create_task(channels.get("x"))
    await eventually(lambda: channels._hosts, "the opening")
    impatient.cancel()
    go.set()
    assert isinstance(await patient, Spy)
    assert impatient.cancelled()
    await channels.close()
