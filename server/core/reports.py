"""What changes of an event say, and how what its feed sees and what people say of it become one event."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from .events import Event, State, Verdict


class Report(StrEnum):
    """What a change says: the ``type`` of what is told."""

    SUSPECTED = "event.suspected"
    CONFIRMED = "event.confirmed"
    ENDED = "event.ended"
    RETRACTED = "event.retracted"
    """It was confirmed, and a person judged it false."""
    REINSTATED = "event.reinstated"
    """It was retracted, and a person judged it anew."""
    JUDGED = "event.judged"
    """A person judged it, and that took nothing back."""


def merged(kept: Event | None, seen: Event) -> tuple[Event, Report]:
    """What is kept of an event with what its feed tells of it now. What people said of it stays, and so does a
    retraction; the revision is the next one, which may be more than the feed knows of."""
    if kept is None:
        return seen, report_of(seen)
    event = replace(
        seen,
        revision=max(seen.revision, kept.revision + 1),
        verdict=kept.verdict,
        note=kept.note,
        verdict_at=kept.verdict_at,
        retracted_at=kept.retracted_at,
    )
    if kept.verdict is not Verdict.FALSE or event.confirmed_at is None:
        return event, report_of(seen)
    # A confirmation that was on its way while a person said that it is nothing alarms nobody.
    report = Report.ENDED if event.ended_at is not None else Report.JUDGED
    return replace(event, state=State.RETRACTED, retracted_at=kept.retracted_at or kept.verdict_at), report


def judged(event: Event, verdict: Verdict, note: str | None, at: float) -> tuple[Event, Report] | None:
    """The event once a person has judged it at ``at`` (unix s); None when that says nothing new."""
    if (event.verdict, event.note) == (verdict, note):
        return None
    told = replace(event, revision=event.revision + 1, verdict=verdict, note=note, verdict_at=at)
    if verdict is Verdict.FALSE:
        if event.confirmed_at is None or event.state is State.RETRACTED:
            return told, Report.JUDGED
        return replace(told, state=State.RETRACTED, retracted_at=at), Report.RETRACTED
    if event.state is not State.RETRACTED:
        return told, Report.JUDGED
    state = State.CONFIRMED if event.ended_at is None else State.ENDED
    return replace(told, state=state, retracted_at=None), Report.REINSTATED


def ended(event: Event, at: float) -> tuple[Event, Report]:
    """An event whose feed can no longer tell of its end. ``at``: unix seconds."""
    state = event.state if event.state is State.RETRACTED else State.ENDED
    return replace(event, revision=event.revision + 1, state=state, ended_at=max(at, event.last_seen)), Report.ENDED


def time_of(event: Event, report: Report) -> float:
    """When what a report tells of happened, in unix seconds."""
    happened = {
        Report.SUSPECTED: event.first_seen,
        Report.CONFIRMED: event.confirmed_at,
        Report.ENDED: event.ended_at,
    }
    return happened.get(report, event.verdict_at) or event.last_seen


def report_of(seen: Event) -> Report:
    """What an event says as its feed tells it."""
    return {State.SUSPECTED: Report.SUSPECTED, State.CONFIRMED: Report.CONFIRMED}.get(seen.state, Report.ENDED)
