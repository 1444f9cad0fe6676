"""Events about the server itself: told to everybody whom alarms are told to."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from .core.events import Event, State
from .core.identifiers import uuid7
from .journal import Journal

EVIDENCE_STOPPED = "evidence-stopped"
MODEL_FAILED = "model-failed"


class Notices:
    """Begins and ends such events, each kind once at a time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open: dict[str, Event] = {}

    def evidence(self, reason: str | None) -> None:
        """Why no evidence is kept any more; None when it is again."""
        if reason is not None:
            self._begin(EVIDENCE_STOPPED, reason)
        else:
            self._end(EVIDENCE_STOPPED)

    def model(self, reason: str | None) -> None:
        """Why the model that was chosen is not the one that looks; None when one that was chosen does."""
        if reason is not None:
            self._begin(MODEL_FAILED, reason)
        else:
            self._end(MODEL_FAILED)

    def _begin(self, kind: str, reason: str) -> None:
        if kind in self._open:
            return
        now = time.time()
        event = self._open[kind] = Event(
            id=uuid7(now, os.urandom(10)),
            revision=1,
            state=State.CONFIRMED,
            feed="",
            label=kind,
            kind=kind,
            track_id=0,
            first_seen=now,
            last_seen=now,
            confirmed_at=now,
            ended_at=None,
            best_score=1.0,
            looks=0,
            hits=0,
            box=(0.0, 0.0, 0.0, 0.0),
            width=0,
            height=0,
            note=reason,
        )
        self._journal.put(event, _nobody)

    def _end(self, kind: str) -> None:
        if event := self._open.pop(kind, None):
            now = max(time.time(), event.first_seen)
            self._journal.put(replace(event, revision=2, state=State.ENDED, last_seen=now, ended_at=now), _nobody)


def _nobody(_: Event) -> None:
    """No feed shows it: who listens to changes hears of it."""
