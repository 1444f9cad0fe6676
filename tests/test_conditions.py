"""How cameras stand is told when it is news, and only then."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from server import conditions as module
from server.conditions import Conditions
from server.core.events import Event
from server.feed import FeedState
from server.plugins import CameraCondition

from .support.events import confirmed, suspected
from .support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


@dataclass
class FakeFeed:
    name: str
    state: FeedState = FeedState.LIVE
    gravest: Event | None = None


@dataclass
class FakeCameras:
    """Cameras that stand as the test says."""

    feeds: list[FakeFeed]
    shown: list[tuple[str, CameraCondition | None]] = field(default_factory=list)

    def cameras(self) -> list[FakeFeed]:
        return self.feeds

    def show(self, name: str, condition: CameraCondition | None) -> None:
        self.shown.append((name, condition))

    def news(self) -> list[tuple[str, CameraCondition | None]]:
        """What was shown since this was asked for the last time."""
        shown, self.shown = self.shown, []
        return shown


def watched(*feeds: FakeFeed) -> tuple[FakeCameras, Conditions]:
    cameras = FakeCameras(list(feeds))
    return cameras, Conditions(cameras, cameras.show)  # type: ignore[arg-type]


def condition(name: str, state: str = "live", event: Event | None = None) -> tuple[str, CameraCondition]:
    return name, CameraCondition(name, state, event.state.value if event else None, event.id if event else None)


def test_what_is_not_news_is_not_told() -> None:
    gate, hall = FakeFeed("gate"), FakeFeed("hall", FeedState.CONNECTING)
    cameras, conditions = watched(gate, hall)
    conditions.look()
    assert cameras.news() == [condition("gate"), condition("hall", "connecting")]
    conditions.look()
    assert cameras.news() == []
    hall.state = FeedState.LIVE
    conditions.look()
    assert cameras.news() == [condition("hall")]


def test_the_life_of_an_event() -> None:
    gate = FakeFeed("gate")
    cameras, conditions = watched(gate)
    event = suspected()
    for gravest in (None, event, confirmed(event), suspected(number=1), None):
        gate.gravest = gravest
        conditions.look()
        assert cameras.news() == [condition("gate", event=gravest)]


def test_one_that_is_removed_and_one_that_takes_its_name() -> None:
    gate, hall = FakeFeed("gate"), FakeFeed("hall")
    cameras, conditions = watched(gate, hall)
    conditions.look()
    cameras.news()
    cameras.feeds = [hall]
    conditions.look()
    assert cameras.news() == [("gate", None)]
    conditions.look()
    assert cameras.news() == []
    cameras.feeds = [hall, FakeFeed("gate", FeedState.STALLED)]
    conditions.look()
    assert cameras.news() == [condition("gate", "stalled")]


async def test_it_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    gate = FakeFeed("gate")
    cameras, conditions = watched(gate)
    async with conditions:
        await eventually(lambda: cameras.shown == [condition("gate")])
        gate.state = FeedState.RETRYING
        await eventually(lambda: cameras.shown == [condition("gate"), condition("gate", "retrying")])
