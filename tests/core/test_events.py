"""The life of an event."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.events import MOST_POINTS, Event, EventLog, PathPoint, State, Verdict, thin
from server.core.policy import ConfirmationPolicy

from .builders import event_log, track_of

ORDER = list(State)
UNIX = 1_700_000_000.0


def look(log: EventLog, at: float, *ids: int, score: float = 0.8) -> list[Event]:
    """One look at which the tracks ``ids`` are seen."""
    return log.observe([track_of(number, at, score) for number in ids], at, UNIX + at, 640, 480)


def test_a_first_sighting_is_told_as_suspected() -> None:
    log = event_log()
    (event,) = look(log, 0.0, 7)
    assert event == Event(
        id="e1",
        revision=1,
        state=State.SUSPECTED,
        feed="door",
        label="gun",
        kind="gun",
        track_id=7,
        first_seen=UNIX,
        last_seen=UNIX,
        confirmed_at=None,
        ended_at=None,
        best_score=0.8,
        looks=1,
        hits=1,
        box=(10, 10, 40, 30),
        width=640,
        height=480,
        path=(PathPoint(0.0, (10 / 640, 10 / 480, 40 / 640, 30 / 480), 0.8),),
        model="yolo",
        policy=ConfirmationPolicy().version,
    )
    assert look(log, 0.1, 7) == []
    assert log.state_of(7) is State.SUSPECTED
    assert log.state_of(8) is None


def test_it_is_confirmed_once_and_ends_once() -> None:
    log = event_log()
    told = [event for n in range(10) for event in look(log, n / 10, 7)]
    assert [(event.state, event.revision) for event in told] == [(State.SUSPECTED, 1), (State.CONFIRMED, 2)]
    assert told[1].confirmed_at == UNIX + 0.2
    assert log.state_of(7) is State.CONFIRMED
    assert look(log, 2.85) == []
    (ended,) = look(log, 2.95)
    assert (ended.state, ended.revision) == (State.ENDED, 3)
    assert (ended.last_seen, ended.ended_at) == (UNIX + 0.9, UNIX + 2.95)
    assert ended.hits == 10
    assert log.open == ()
    assert look(log, 3.0) == []


def test_the_best_score_brings_its_box() -> None:
    log = event_log()
    for n, score in enumerate((0.5, 0.9, 0.6)):
        track = track_of(1, n / 10, score, (n, n, n + 10, n + 10))
        log.observe([track], n / 10, UNIX, 640, 480)
    (event,) = log.open
    assert (event.best_score, event.box) == (0.9, (1, 1, 11, 11))


def test_a_flash_of_one_frame_is_suspected_and_ends_unconfirmed() -> None:
    log = event_log()
    told = look(log, 0.0, 1, score=1.0)
    for n in range(1, 40):
        told += look(log, n / 10)
    assert [event.state for event in told] == [State.SUSPECTED, State.ENDED]
    assert told[-1].confirmed_at is None
    assert told[-1].hits == 1


@pytest.mark.parametrize("looks_per_second", [4, 10, 15])
@pytest.mark.parametrize("missed", [None, 0, 1, 2])
def test_a_gun_in_sight_for_one_second_is_confirmed(looks_per_second: int, missed: int | None) -> None:
    """At a score of 0.5, even when one look of every four is a miss."""
    log = event_log()
    told: list[Event] = []
    for n in range(looks_per_second):
        seen = n % 4 != missed
        told += look(log, n / looks_per_second, *([1] if seen else []), score=0.5)
    assert [event.state for event in told] == [State.SUSPECTED, State.CONFIRMED]


@given(st.lists(st.sampled_from([1, 2, 3, None]), max_size=60), st.floats(0.05, 0.5))
def test_looks_at_different_tracks_never_add_up(shown: list[int | None], step: float) -> None:
    """Whenever no track of its own has what the policy asks for, nothing is confirmed."""
    policy = ConfirmationPolicy(hits=3, of=5, span_s=0, window_s=100)
    log = event_log(policy)
    hits: dict[int, list[int]] = defaultdict(list)
    for n, track_id in enumerate(shown):
        if track_id is not None:
            hits[track_id].append(n)
        told = look(log, n * step, *([track_id] if track_id else []))
        confirmed = [event.track_id for event in told if event.state is State.CONFIRMED]
        assert all(sum(n - 5 < hit for hit in hits[number]) >= 3 for number in confirmed)


def test_three_tracks_of_one_look_each_confirm_nothing() -> None:
    log = event_log()
    told = [event for n in range(3) for event in look(log, n / 10, n + 1, score=1.0)]
    assert [event.state for event in told] == [State.SUSPECTED] * 3


def test_a_confirmed_event_goes_on_when_its_object_gets_another_track() -> None:
    log = event_log()
    told = [event for n in range(5) for event in look(log, n / 10, 1, score=0.6)]
    told += [event for n in range(5, 10) for event in look(log, n / 10, 2, score=0.9)]
    assert [(event.id, event.state) for event in told] == [
        ("e1", State.SUSPECTED),
        ("e1", State.CONFIRMED),
        ("e2", State.SUSPECTED),
        ("e2", State.ENDED),
    ]
    assert told[-1].confirmed_at is None
    (event,) = log.open
    assert (event.id, event.track_id, event.state) == ("e1", 2, State.CONFIRMED)
    assert event.last_seen == UNIX + 0.9
    assert log.state_of(2) is State.CONFIRMED
    assert log.state_of(1) is None


def test_what_the_other_track_showed_goes_into_the_event() -> None:
    log = event_log()
    for n in range(5):
        look(log, n / 10, 1, score=0.6)
    for n in range(5, 10):
        look(log, n / 10, 2, score=0.9)
    (event,) = log.open
    assert (event.looks, event.hits, event.best_score) == (10, 10, 0.9)


def test_two_guns_in_sight_together_are_two_events() -> None:
    """Though the first is missed in the very look that confirms the second."""
    log = event_log()
    told = [event for n in range(5) for event in look(log, n / 10, 1)]
    told += look(log, 0.5, 1, 2)
    told += look(log, 0.6, 1, 2)
    told += look(log, 0.7, 2)
    told += look(log, 0.8, 1, 2)
    assert [event.id for event in told if event.state is State.CONFIRMED] == ["e1", "e2"]
    assert not [event for event in told if event.state is State.ENDED]
    assert {event.id: event.track_id for event in log.open} == {"e1": 1, "e2": 2}


def test_an_event_of_another_label_is_not_gone_on_with() -> None:
    log = EventLog("door", ("gun", "knife"), ConfirmationPolicy(), lambda unix: f"{unix}")
    for n in range(5):
        look(log, n / 10, 1)
    for n in range(5, 10):
        log.observe([replace(track_of(2, n / 10), class_id=1)], n / 10, UNIX, 640, 480)
    assert [(event.label, event.state) for event in log.open] == [("gun", State.CONFIRMED), ("knife", State.CONFIRMED)]


def test_close_ends_everything() -> None:
    log = event_log()
    look(log, 0.0, 1, 2)
    ended = log.close(UNIX + 5)
    assert [(event.id, event.state, event.ended_at) for event in ended] == [
        ("e1", State.ENDED, UNIX + 5),
        ("e2", State.ENDED, UNIX + 5),
    ]
    assert log.close(UNIX + 6) == []


def test_an_event_does_not_end_before_it_was_last_seen() -> None:
    """The wall clock may be set back."""
    log = event_log()
    look(log, 0.0, 1)
    assert log.close(UNIX - 3600)[0].ended_at == UNIX


def test_a_class_without_a_label_goes_by_its_number() -> None:
    log = event_log()
    (event,) = log.observe([replace(track_of(1, 0.0), class_id=3)], 0.0, UNIX, 640, 480)
    assert event.label == "3"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sets(st.integers(1, 5)), st.floats(0.01, 1.5), st.floats(0.1, 1)), max_size=50), st.booleans()
)
def test_revisions_grow_and_states_go_forward_whatever_is_seen(
    looks: list[tuple[set[int], float, float]], expire: bool
) -> None:
    log = event_log()
    history: dict[str, list[Event]] = defaultdict(list)
    now = 0.0
    for ids, step, score in looks:
        now += step
        if expire:
            for event in log.expire(now - step / 2, UNIX + now - step / 2):
                history[event.id].append(event)
        for event in look(log, now, *ids, score=score):
            history[event.id].append(event)
        for event in log.open:
            told = history[event.id][-1]
            assert event.revision == told.revision
            assert event.state is told.state
            assert event.hits <= event.looks
    for event in log.close(UNIX + now):
        history[event.id].append(event)
    for events in history.values():
        assert events[0].revision == 1
        assert events[0].state is State.SUSPECTED
        assert events[-1].state is State.ENDED
        for before, after in pairwise(events):
            assert after.revision == before.revision + 1
            assert ORDER.index(after.state) > ORDER.index(before.state)
            assert after.looks >= before.looks
            assert after.hits >= before.hits
            assert after.best_score >= before.best_score
            assert after.last_seen >= before.last_seen
            assert after.first_seen == before.first_seen


def test_a_path_is_told_with_each_change() -> None:
    log = event_log()
    told = [event for n in range(10) for event in look(log, n / 10, 7, score=0.5 + n / 100)]
    assert [len(event.path) for event in told] == [1, 3]
    (event,) = log.open
    assert [point.at for point in event.path] == pytest.approx([n / 10 for n in range(10)])
    assert event.path[-1] == PathPoint(0.9, (10 / 640, 10 / 480, 40 / 640, 30 / 480), 0.59)
    assert len(log.close(UNIX + 1)[0].path) == 10


def test_a_path_goes_on_with_the_other_track() -> None:
    log = event_log()
    for n in range(10):
        look(log, 1 + n / 10, 1 if n < 5 else 2)
    (event,) = log.open
    assert [point.at for point in event.path] == pytest.approx([n / 10 for n in range(10)])


@given(st.lists(st.tuples(st.floats(0.01, 2), st.floats(0, 1)), min_size=1, max_size=600))
@settings(deadline=None, max_examples=30)
def test_a_long_path_is_thinned_but_keeps_its_ends_and_its_best(steps: list[tuple[float, float]]) -> None:
    path: list[PathPoint] = []
    best, at = PathPoint(0, (0, 0, 1, 1), -1), 0.0
    first = None
    for step, score in steps:
        at += step
        path.append(PathPoint(at, (0, 0, 1, 1), score))
        first = first or path[0]
        best = max(best, path[-1], key=lambda point: point.score)
        thin(path)
    assert len(path) == min(len(steps), MOST_POINTS)
    assert (path[0], path[-1].at) == (first, at)
    assert best in path
    assert path == sorted(path, key=lambda point: point.at)


def test_a_long_path_stays_even() -> None:
    """Ten minutes at ten looks a second: no part of them is told in more or fewer points than another."""
    path: list[PathPoint] = []
    for n in range(6000):
        path.append(PathPoint(n / 10, (0, 0, 1, 1), 0.5))
        thin(path)
    steps = [after.at - before.at for before, after in pairwise(path)]
    assert max(steps) <= 3 * 600 / MOST_POINTS


def test_an_event_that_a_person_dismissed_raises_no_alarm_until_it_ends() -> None:
    log = event_log()
    told = [event for n in range(4) for event in look(log, n / 10, 1)]
    log.judge("e1", Verdict.FALSE)
    assert (log.state_of(1), log.states) == (State.RETRACTED, {State.RETRACTED})
    assert [event for n in range(4, 20) for event in look(log, n / 10, 1)] == []
    (ended,) = look(log, 4.0)
    assert (ended.id, ended.state, ended.revision) == ("e1", State.ENDED, told[-1].revision + 1)
    assert ended.hits == 20


def test_a_suspicion_that_a_person_dismissed_is_not_confirmed() -> None:
    log = event_log()
    look(log, 0.0, 1)
    log.judge("e1", Verdict.FALSE)
    assert [event for n in range(1, 20) for event in look(log, n / 10, 1)] == []
    assert log.states == {State.RETRACTED}


@pytest.mark.parametrize("verdict", [Verdict.REAL, Verdict.UNSURE])
def test_a_dismissal_can_be_taken_back(verdict: Verdict) -> None:
    log = event_log()
    look(log, 0.0, 1, 2)
    for n in range(1, 4):
        look(log, n / 10, 1)
    log.judge("e1", Verdict.FALSE)
    log.judge("e2", Verdict.FALSE)
    log.judge("e1", verdict)
    log.judge("e2", verdict)
    assert (log.state_of(1), log.state_of(2)) == (State.CONFIRMED, State.SUSPECTED)
    told = [event for n in range(4, 9) for event in look(log, n / 10, 1, 2)]
    assert [(event.id, event.state) for event in told] == [("e2", State.CONFIRMED)]


def test_a_later_track_is_an_event_of_its_own_and_not_the_dismissed_one() -> None:
    log = event_log()
    for n in range(5):
        look(log, n / 10, 1)
    log.judge("e1", Verdict.FALSE)
    told = [event for n in range(5, 10) for event in look(log, n / 10, 2)]
    assert [(event.id, event.state) for event in told] == [("e2", State.SUSPECTED), ("e2", State.CONFIRMED)]
    assert (log.state_of(1), log.state_of(2)) == (State.RETRACTED, State.CONFIRMED)


def test_a_dismissed_event_stays_so_on_the_track_that_it_went_on_with() -> None:
    log = event_log()
    for n in range(10):
        look(log, n / 10, 1 if n < 5 else 2)
    log.judge("e1", Verdict.FALSE)
    assert log.state_of(2) is State.RETRACTED


def test_a_verdict_on_what_is_not_open_does_nothing() -> None:
    log = event_log()
    look(log, 0.0, 1)
    log.judge("e7", Verdict.FALSE)
    assert log.states == {State.SUSPECTED}


def test_the_wall_clock_may_be_set_back_but_an_event_does_not() -> None:
    log = event_log()
    told: list[Event] = []
    for n in range(5):
        unix = UNIX + n / 10 - (3600 if n > 1 else 0)
        told += log.observe([track_of(1, n / 10)], n / 10, unix, 640, 480)
    told += log.expire(10, UNIX - 3500)
    suspected, confirmed, ended = told
    assert suspected.first_seen == UNIX
    assert confirmed.confirmed_at == confirmed.last_seen == ended.last_seen == ended.ended_at == UNIX + 0.1
    assert [point.at for point in ended.path] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_open_sightings_go_on_under_another_policy() -> None:
    strict, lax = ConfirmationPolicy(hits=20, of=20, window_s=60), ConfirmationPolicy(hits=2, of=5, span_s=0)
    log = event_log(strict)
    assert [event.state for n in range(6) for event in look(log, n / 10, 1)] == [State.SUSPECTED]
    log.policy = lax
    (confirmed,) = look(log, 0.6, 1)
    assert (confirmed.state, confirmed.policy) == (State.CONFIRMED, lax.version)
    log.policy = strict
    assert log.policy is strict
    look(log, 0.7, 1, 2)
    assert log.state_of(1) is State.CONFIRMED, "what is confirmed stays so"
    assert [event.policy for event in log.close(UNIX + 1)] == [lax.version, strict.version]


def test_a_policy_with_zones_and_a_dwell_decides_over_an_event() -> None:
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    log = event_log(ConfirmationPolicy(zones=(left,), dwell_s=1.0))
    told: list[Event] = []
    for n in range(40):
        x = 500.0 if n < 20 else 100.0
        told += log.observe([track_of(1, n / 10, box=(x, 100, x + 40, 130))], n / 10, UNIX + n / 10, 640, 480)
    assert [event.state for event in told] == [State.SUSPECTED, State.CONFIRMED]
    assert told[1].confirmed_at == pytest.approx(UNIX + 3.0)
