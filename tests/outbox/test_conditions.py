"""How cameras stand: shown on the channels in use, the newest alone, all of it to a channel that comes late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.outbox.channels import Channels
from server.outbox.conditions import Conditions
from server.plugins import CameraCondition, PluginError

from ..support.post_office import PostOffice
from ..support.waiting import eventually
from .test_channels import Spy

pytestmark = pytest.mark.usefixtures("nothing_left")


def condition(camera: str = "gate", state: str = "live", suspicion: str | None = None) -> CameraCondition:
    return CameraCondition(camera, state, suspicion, "e1" if suspicion else None)


@asynccontextmanager
async def showing(channels: Channels) -> AsyncIterator[Conditions]:
    conditions = Conditions(channels)
    task = asyncio.create_task(conditions.run())
    try:
        yield conditions
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await channels.close()


async def test_what_changes_is_shown_in_order() -> None:
    spy = Spy("mqtt")
    async with showing(Channels(lambda kind: spy.open())) as conditions:
        conditions.show_on({"mqtt"})
        steps = [("gate", condition()), ("gate", condition(suspicion="confirmed")), ("gate", None)]
        for number, (camera, step) in enumerate(steps):
            conditions.put(camera, step)
            conditions.put(camera, step)
            await eventually(lambda count=number + 1: len(spy.shown) == count, "one more")  # type: ignore[misc]
    assert spy.shown == steps


async def test_the_newest_wins() -> None:
    go, spy = asyncio.Event(), Spy("mqtt")

    class Slow(Spy):
        async def show(self, condition: CameraCondition | None, camera: str) -> None:
            await go.wait()
            spy.shown.append((camera, condition))

    async with showing(Channels(lambda kind: Slow(kind).open())) as conditions:
        conditions.show_on({"mqtt"})
        conditions.put("first", condition("first"))
        await asyncio.sleep(0)
        for number in range(100):
            conditions.put("gate", condition(state=str(number)))
        go.set()
        await eventually(lambda: ("gate", condition(state="99")) in spy.shown, "the newest")
    assert len(spy.shown) <= 3


async def test_a_channel_that_comes_late_is_shown_all() -> None:
    spies: dict[str, Spy] = {}

    async with showing(Channels(lambda kind: spies.setdefault(kind, Spy(kind)).open())) as conditions:
        conditions.put("gate", condition())
        conditions.put("yard", condition("yard", "retrying"))
        conditions.put("old", condition("old"))
        conditions.put("old", None)
        conditions.show_on({"mqtt"})
        await eventually(lambda: len(spies["mqtt"].shown) == 2 if spies else False, "both cameras")
        conditions.show_on({"mqtt", "page"})
        await eventually(lambda: len(spies["page"].shown) == 2 if "page" in spies else False, "both cameras")
        conditions.show_on({"page"})
        conditions.put("gate", None)
        await eventually(lambda: len(spies["page"].shown) == 3, "the end of one")
    assert spies["mqtt"].shown == spies["page"].shown[:2]
    assert spies["page"].shown[2] == ("gate", None)


async def test_a_channel_that_cannot_be_opened_is_shown_the_newest_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.outbox.conditions.AGAIN_S", 0.02)
    spy, failures = Spy("mqtt"), 3

    def open_channel(kind: str):  # type: ignore[no-untyped-def]
        nonlocal failures
        failures -= 1
        if failures > 0:
            raise PluginError("not yet.")
        return spy.open()

    async with showing(Channels(open_channel)) as conditions:
        conditions.show_on({"mqtt"})
        conditions.put("gate", condition())
        await eventually(lambda: spy.shown == [("gate", condition())], "the condition")


async def test_a_fault_of_a_channel_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    spy = Spy("mqtt")

    class Faulty(Spy):
        async def show(self, condition: CameraCondition | None, camera: str) -> None:
            if camera == "bad":
                raise RuntimeError("a fault")
            await spy.show(condition, camera)

    async with showing(Channels(lambda kind: Faulty(kind).open())) as conditions:
        conditions.show_on({"mqtt"})
        conditions.put("bad", condition("bad"))
        conditions.put("gate", condition())
        await eventually(lambda: spy.shown, "the other camera")
    assert "cannot show how camera bad stands" in caplog.text


async def test_the_outbox_shows_on_channels_that_have_a_receiver(office: PostOffice) -> None:
    spies: dict[str, Spy] = {}
    await office.subscribe(channel="mqtt")
    await office.subscribe(channel="off", enabled=False)
    async with office.sending(open_channel=lambda kind: spies.setdefault(kind, Spy(kind)).open()) as outbox:
        outbox.conditions("gate", condition())
        await eventually(lambda: spies and spies["mqtt"].shown == [("gate", condition())], "the condition")
    assert set(spies) == {"mqtt"}
