"""What changes say, and what people say, put together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.events import Event, State, Verdict
from server.core.reports import Report, judged, merged, time_of
from server.core.reports import ended as end_lost
from tests.support.events import FIRST, confirmed, ended, suspected

NEW = suspected()
SURE = confirmed(NEW)
OVER = ended(SURE)


def say(event: Event, verdict: Verdict, note: str | None = None, at: float = FIRST + 60) -> tuple[Event, Report]:
    told = judged(event, verdict, note, at)
    assert told
    return told


def test_what_a_feed_tells_is_kept_as_it_is() -> None:
    assert merged(None, NEW) == (NEW, Report.SUSPECTED)
    assert merged(NEW, SURE) == (SURE, Report.CONFIRMED)
    assert merged(SURE, OVER) == (OVER, Report.ENDED)


def test_a_false_alarm_is_retracted_and_stays_so_when_it_ends() -> None:
    retracted, report = say(SURE, Verdict.FALSE, "an umbrella")
    assert report is Report.RETRACTED
    assert (retracted.state, retracted.revision) == (State.RETRACTED, 3)
    assert (retracted.retracted_at, retracted.verdict_at, retracted.note) == (FIRST + 60, FIRST + 60, "an umbrella")
    event, report = merged(retracted, OVER)
    assert report is Report.ENDED
    assert (event.state, event.revision, event.ended_at) == (State.RETRACTED, 4, OVER.ended_at)
    assert (event.verdict, event.note, event.retracted_at) == (Verdict.FALSE, "an umbrella", FIRST + 60)


@pytest.mark.parametrize(("event", "back"), [(SURE, State.CONFIRMED), (OVER, State.ENDED)])
def test_a_retraction_can_be_taken_back(event: Event, back: State) -> None:
    retracted, _ = say(event, Verdict.FALSE)
    told, report = say(retracted, Verdict.REAL)
    assert (told.state, told.retracted_at, told.verdict, report) == (back, None, Verdict.REAL, Report.REINSTATED)
    assert say(told, Verdict.FALSE)[1] is Report.RETRACTED


@pytest.mark.parametrize("verdict", [Verdict.REAL, Verdict.UNSURE])
def test_other_verdicts_take_nothing_back(verdict: Verdict) -> None:
    told, report = say(SURE, verdict)
    assert (told.state, told.retracted_at, report) == (State.CONFIRMED, None, Report.JUDGED)


def test_what_was_never_confirmed_is_not_retracted() -> None:
    told, report = say(ended(NEW), Verdict.FALSE)
    assert (told.state, told.retracted_at, report) == (State.ENDED, None, Report.JUDGED)


def test_the_same_verdict_again_is_no_news_but_another_note_is() -> None:
    told, _ = say(SURE, Verdict.FALSE, "a toy")
    assert judged(told, Verdict.FALSE, "a toy", FIRST + 70) is None
    again, report = say(told, Verdict.FALSE, "a drill", at=FIRST + 70)
    assert (again.state, report, again.retracted_at) == (State.RETRACTED, Report.JUDGED, FIRST + 60)


def test_a_confirmation_on_its_way_during_the_verdict_alarms_nobody() -> None:
    doubted, _ = say(NEW, Verdict.FALSE)
    event, report = merged(doubted, SURE)
    assert (event.state, report, event.retracted_at) == (State.RETRACTED, Report.JUDGED, FIRST + 60)
    assert merged(event, OVER)[1] is Report.ENDED


def test_an_event_whose_feed_is_gone_ends_when_it_was_last_seen() -> None:
    event, report = end_lost(SURE, FIRST)
    assert (event.state, event.ended_at, event.revision, report) == (State.ENDED, SURE.last_seen, 3, Report.ENDED)
    retracted, _ = say(SURE, Verdict.FALSE)
    assert end_lost(retracted, FIRST + 9)[0].state is State.RETRACTED


def test_the_time_of_a_report_is_when_it_happened() -> None:
    retracted, report = say(OVER, Verdict.FALSE)
    times = [time_of(NEW, Report.SUSPECTED), time_of(SURE, Report.CONFIRMED), time_of(OVER, Report.ENDED)]
    assert [*times, time_of(retracted, report)] == [FIRST, SURE.confirmed_at, OVER.ended_at, FIRST + 60]


steps = st.lists(st.sampled_from(["suspected", "confirmed", "ended", *Verdict]), max_size=12)


@given(steps)
def test_revisions_only_grow_and_a_retracted_event_was_confirmed_and_judged_false(path: list[str]) -> None:
    """Whatever people say between what the feed tells."""
    kept, seen = NEW, NEW
    for step in path:
        before = kept
        if step in tuple(Verdict):
            told = judged(kept, Verdict(step), None, FIRST + 60)
            kept = told[0] if told else kept
            assert told or kept == before
        else:
            order = {"suspected": seen, "confirmed": confirmed(seen), "ended": ended(seen)}
            if seen.state is State.ENDED or (step == "confirmed" and seen.state is not State.SUSPECTED):
                continue
            if step == "suspected":
                continue
            seen = order[step]
            kept, _ = merged(kept, seen)
        assert kept == before or kept.revision > before.revision
        assert (kept.state is State.RETRACTED) == (kept.confirmed_at is not None and kept.verdict is Verdict.FALSE)
        assert (kept.retracted_at is not None) == (kept.state is State.RETRACTED)
        assert replace(kept, **{name: getattr(seen, name) for name in ("ended_at", "confirmed_at")}) == kept
