"""The proof finds what it is there to find."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from server.store.subscriptions import Subscription

from ..support.receiver import Got, Receiver
from .process import Told
from .proof import Kept, mistakes

LIFE = (("event.suspected", "suspected"), ("event.confirmed", "confirmed"), ("event.retracted", "retracted"))
ALARMS = Subscription("alarms", "webhook", "http://127.0.0.1/", 0.0, "alarms", states=("confirmed",))


def body(number: int) -> str:
    """A revision of the event as it is told."""
    kind, state = LIFE[number - 1]
    confirmed_at = None if number == 1 else "2026-11-25T10:00:00.000Z"
    data = {"id": "e", "revision": number, "state": state, "camera": "gate", "kind": "gun"}
    return json.dumps({"type": kind, "data": {**data, "confirmed_at": confirmed_at}})


class Story:
    """One event that was suspected, confirmed, retracted, and told to one receiver; all of it as it should be."""

    def __init__(self) -> None:
        self.event: dict[str, Any] = {"id": "e", "revision": 3, "state": "retracted", "ended_at": 5.0}
        self.changes = [
            {"seq": n, "event_id": "e", "revision": n, "type": LIFE[n - 1][0], "body": body(n)} for n in (1, 2, 3)
        ]
        self.deliveries = [{"subscription_id": "alarms", "state": "delivered"} for _ in range(2)]
        self.got = [Got(f"msg_{n}", {}, body(n).encode(), 0.0, 1) for n in (2, 2, 3)]
        self.told = [Told("e", 1, "suspected"), Told("e", 3, "retracted")]
        self.complaints: list[str] = []

    def mistakes(self) -> list[str]:
        rows: list[Any] = [{"e": self.event}, self.changes, self.deliveries]
        kept = Kept(rows[0], rows[1], rows[2], [ALARMS], self.complaints)
        return mistakes(kept, {"alarms": Receiver(0, got=self.got)}, self.told)


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert Story().mistakes() == []


def altered(story: Story) -> None:
    story.got[1] = replace(story.got[1], body=body(3).encode())


def another_id(story: Story) -> None:
    story.got[1] = replace(story.got[1], id="msg_9")


FAULTS: dict[str, Callable[[Story], object]] = {
    "integrity_check": lambda story: story.complaints.append("integrity_check: page 5 is lost"),
    "lost": lambda story: story.told.append(Told("e", 4, "ended")),
    "was kept otherwise": lambda story: story.told.append(Told("e", 2, "suspected")),
    "the revisions of e": lambda story: story.changes.pop(1),
    "is not as it was last told": lambda story: story.event.update(state="ended"),
    "is still open": lambda story: story.event.update(ended_at=None),
    "not of the same": lambda story: story.changes.append({**story.changes[0], "event_id": "f"}),
    "not delivered": lambda story: story.got.pop(),
    "not asked for": lambda story: story.got.insert(0, Got("msg_1", {}, body(1).encode(), 0.0, 1)),
    "came after": lambda story: story.got.reverse(),
    "changed": altered,
    "came under two ids": another_id,
    "its deliveries are": lambda story: story.deliveries[0].update(state="dead"),
}


@pytest.mark.parametrize("words", FAULTS)
def test_each_fault_is_found(words: str) -> None:
    story = Story()
    FAULTS[words](story)
    assert any(words in found for found in story.mistakes()), story.mistakes()


def test_a_delivery_of_two_receivers_is_found() -> None:
    got = Story().got
    kept = Kept({}, [], [], [], [])
    found = mistakes(kept, {"one": Receiver(0, got=got), "other": Receiver(1, got=got)}, [])
    assert any("went to two receivers" in words for words in found)
