"""One feed's memory: from detections to events, replayed look by look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.analyzer import Analyzer, Observation
from server.core.detections import Detections
from server.core.events import Event, State, Verdict
from server.core.policy import ConfirmationPolicy

from .builders import box_around, detections_of, frame_at, random_picture

PICTURE = random_picture(640, 480)


def analyzer() -> Analyzer:
    numbers = iter(range(1, 1_000_000))
    return Analyzer("door", ("gun",), lambda unix: f"e{next(numbers)}", model="yolo")


def observe(feed: Analyzer, at: float, seen: Detections) -> Observation:
    return feed.observe(frame_at(at, picture=PICTURE), seen, at)


def gun(at: float, score: float = 0.5) -> Detections:
    """A gun in a hand that moves to and fro."""
    return detections_of(box_around(320 + 80 * np.sin(3 * at), 240), scores=score)


@pytest.mark.parametrize("looks_per_second", [4, 10, 15])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("missed", [None, 1, 2])
def test_a_gun_in_sight_for_one_second_is_confirmed(looks_per_second: int, phase: float, missed: int | None) -> None:
    """Seen from 2 s to 3 s at a score of 0.5, one look of four missed, the looks falling anywhere in the period."""
    feed = analyzer()
    told: list[Event] = []
    looks_at_gun = 0
    for n in range(6 * looks_per_second):
        at = (n + phase) / looks_per_second
        visible = 2 <= at < 3
        looks_at_gun += visible
        seen = gun(at) if visible and looks_at_gun % 4 != missed else Detections.none()
        told += observe(feed, at, seen).events
    assert [event.state for event in told] == [State.SUSPECTED, State.CONFIRMED, State.ENDED]
    assert len({event.id for event in told}) == 1
    assert told[1].confirmed_at is not None
    assert told[1].confirmed_at - told[0].first_seen <= 1.0


@given(st.sampled_from([4, 10, 15]), st.integers(0, 50), st.floats(0.25, 1))
@settings(deadline=None, max_examples=40)
def test_a_flash_of_one_look_is_never_confirmed(looks_per_second: int, when: int, score: float) -> None:
    feed = analyzer()
    told: list[Event] = []
    for n in range(60):
        at = n / looks_per_second
        told += observe(feed, at, gun(at, score) if n == when else Detections.none()).events
    assert State.CONFIRMED not in {event.state for event in told}


def test_flashes_in_different_places_do_not_add_up() -> None:
    feed = analyzer()
    places = [(60, 60), (560, 420), (60, 420), (560, 60), (320, 240)] * 3
    told = [
        event
        for n, place in enumerate(places)
        for event in observe(feed, n / 10, detections_of(box_around(*place))).events
    ]
    confirmed = [event for event in told if event.state is State.CONFIRMED]
    assert not confirmed


def test_an_observation_has_a_track_for_each_detection() -> None:
    feed = analyzer()
    observe(feed, 0.0, detections_of(box_around(100, 100), box_around(500, 300), scores=[0.9, 0.6]))
    seen = detections_of(box_around(500, 300), box_around(100, 100), box_around(300, 50), scores=[0.8, 0.7, 0.1])
    observation = observe(feed, 0.1, seen)
    assert observation.detections.track_ids.tolist() == [2, 1]
    assert [seen.track.id for seen in observation.tracks] == [2, 1]
    assert [(seen.label, seen.state) for seen in observation.tracks] == [("gun", State.SUSPECTED)] * 2
    assert [seen.track.score for seen in observation.tracks] == pytest.approx([0.8, 0.7])
    assert observation.frame.captured_at == 0.1


def test_a_track_takes_on_the_state_of_its_event() -> None:
    feed = analyzer()
    states = [observe(feed, n / 10, gun(n / 10)).tracks[0].state for n in range(4)]
    assert states == [State.SUSPECTED, State.SUSPECTED, State.CONFIRMED, State.CONFIRMED]
    (shown,) = feed.visible(0.35)
    assert shown.state is State.CONFIRMED


def test_suspicious_is_while_an_event_is_open() -> None:
    feed = analyzer()
    assert feed.suspicion is None
    observe(feed, 0.0, gun(0.0))
    assert feed.suspicion is State.SUSPECTED
    (ended,) = feed.expire(2.1, 1_700_000_002.1)
    assert ended.state is State.ENDED
    assert feed.suspicion is None


def test_a_box_stays_through_one_missed_look_and_through_slow_looks_but_not_for_ever() -> None:
    feed = analyzer()
    observe(feed, 0.0, gun(0.0))
    assert len(feed.visible(1.5)) == 1, "the next look is slow to come"
    assert not feed.visible(2.1), "no look came for two seconds"
    observe(feed, 2.2, Detections.none())
    assert not feed.visible(2.3), "the newest look did not see it, and the one before is long ago"
    observe(feed, 2.4, gun(2.4))
    observe(feed, 2.5, Detections.none())
    assert len(feed.visible(2.55)) == 1, "one missed look"
    observe(feed, 2.9, Detections.none())
    assert not feed.visible(2.9)


def test_a_frame_older_than_the_last_look_is_shown_with_what_is_known() -> None:
    """The screen may be a frame behind the detector."""
    feed = analyzer()
    observe(feed, 1.0, gun(1.0))
    assert len(feed.visible(0.9)) == 1


def test_what_has_its_centre_outside_of_all_zones_is_left_out() -> None:
    feed = analyzer()
    feed.zones = (((0, 0), (0.5, 0), (0.5, 1), (0, 1)),)
    seen = detections_of(box_around(500, 300), box_around(100, 100), box_around(325, 50), scores=[0.9, 0.8, 0.7])
    observation = observe(feed, 0.0, seen)
    assert observation.detections.boxes.tolist() == [list(box_around(100, 100))]
    assert len(observation.tracks) == len(observation.events) == 1
    feed.zones = ()
    assert len(observe(feed, 0.1, seen).detections) == 3


def test_suspicion_is_that_of_the_gravest_event() -> None:
    feed = analyzer()
    for n in range(3):
        observe(feed, n / 10, detections_of(box_around(100, 100)))
    assert feed.suspicion is State.CONFIRMED
    observe(feed, 0.3, detections_of(box_around(100, 100), box_around(500, 300)))
    assert {event.state for event in feed._log.open} == {State.CONFIRMED, State.SUSPECTED}
    assert feed.suspicion is State.CONFIRMED


def test_what_a_person_dismissed_is_still_shown_but_no_suspicion() -> None:
    feed = analyzer()
    for n in range(3):
        observe(feed, n / 10, gun(n / 10))
    feed.judge("e1", Verdict.FALSE)
    assert feed.suspicion is None
    assert [seen.state for seen in observe(feed, 0.3, gun(0.3)).tracks] == [State.RETRACTED]
    assert [seen.state for seen in feed.visible(0.35)] == [State.RETRACTED]
    feed.judge("e1", Verdict.REAL)
    assert feed.suspicion is State.CONFIRMED


def test_the_policy_may_change_while_something_is_open() -> None:
    feed = analyzer()
    assert feed.policy == ConfirmationPolicy()
    feed.policy = ConfirmationPolicy(hits=5, of=5)
    states = [observe(feed, n / 10, gun(n / 10)).tracks[0].state for n in range(3)]
    feed.policy = ConfirmationPolicy()
    states.append(observe(feed, 0.3, gun(0.3)).tracks[0].state)
    assert states == [*[State.SUSPECTED] * 3, State.CONFIRMED]
    (event,) = feed.close(1_700_000_001.0)
    assert (event.model, event.policy) == ("yolo", ConfirmationPolicy().version)


def test_close_ends_what_is_open() -> None:
    feed = analyzer()
    observe(feed, 0.0, gun(0.0))
    assert [event.state for event in feed.close(1_700_000_001.0)] == [State.ENDED]
    assert feed.close(1_700_000_001.0) == []


def test_times_of_an_event_are_those_of_its_frames() -> None:
    feed = analyzer()
    told = [event for n in range(3) for event in observe(feed, n / 10, gun(n / 10)).events]
    assert told[0].first_seen == 1_700_000_000.0
    assert told[1].confirmed_at == pytest.approx(1_700_000_000.2)
    assert (told[1].width, told[1].height) == (640, 480)


@given(st.lists(st.tuples(st.integers(0, 640), st.integers(0, 480)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=40)
def test_the_box_of_an_event_lies_within_the_picture(path: list[tuple[int, int]]) -> None:
    feed = analyzer()
    for n, (x, y) in enumerate(path):
        left, top, right, bottom = box_around(x, y)
        row = (max(left, 0), max(top, 0), min(right, 640), min(bottom, 480))
        for event in observe(feed, n / 10, detections_of(row, scores=0.3 + 0.02 * n)).events + tuple(feed._log.open):
            x1, y1, x2, y2 = event.box
            assert 0 <= x1 <= x2 <= 640
            assert 0 <= y1 <= y2 <= 480
