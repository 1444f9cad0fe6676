"""Events about the server itself."""

from __future__ import annotations

from server.core.events import State
from server.notices import EVIDENCE_STOPPED, MODEL_FAILED, Notices

from .support.journal import FakeJournal


def test_evidence_that_stops_is_one_event_until_it_goes_on() -> None:
    journal = FakeJournal()
    notices = Notices(journal)
    notices.evidence("the disk is full")
    notices.evidence("the disk is still full")
    (event,) = journal.newest()
    assert (event.kind, event.feed, event.state, event.note) == (
        EVIDENCE_STOPPED,
        "",
        State.CONFIRMED,
        "the disk is full",
    )
    notices.evidence(None)
    notices.evidence(None)
    (event,) = journal.newest()
    assert (event.state, event.revision, event.ended_at is not None) == (State.ENDED, 2, True)
    notices.evidence("full again")
    assert len(journal.newest()) == 2


def test_a_model_that_failed_is_an_event_of_its_own() -> None:
    journal = FakeJournal()
    notices = Notices(journal)
    notices.evidence("the disk is full")
    notices.model("it gave what is no number")
    notices.model(None)
    told = {event.kind: (event.state, event.note) for event in journal.newest()}
    assert told == {
        EVIDENCE_STOPPED: (State.CONFIRMED, "the disk is full"),
        MODEL_FAILED: (State.ENDED, "it gave what is no number"),
    }
