"""Events: search, one, verdicts, evidence, the stream."""

from __future__ import annotations

from typing_extensions import TypedDict

from .. import events
from ..events import Hold, VerdictBody
from ..queries import Plain
from .route import Answer, JsonBody, Key, Route, ok
from .shapes import Box, Event, Time
from .webhooks import Delivery


class EventPage(TypedDict):
    """The newest first; ``next`` goes on."""

    events: list[Event]
    next: str | None


class Point(TypedDict):
    """Where it was: ``at`` in seconds after first sight."""

    at: float
    box: Box
    score: float


class Change(TypedDict):
    """A revision of an event."""

    revision: int
    type: str
    at: Time


class DeliveryOfEvent(Delivery):
    """Who was told, or was not yet."""

    channel: str
    url: str


class WholeEvent(Event):
    """An event with its path, its history and who was told."""

    path: list[Point]
    history: list[Change]
    deliveries: list[DeliveryOfEvent]


ONE = "/api/v1/events/{id}"
FILE = {
    "ETag": "Its SHA-256.",
    "Accept-Ranges": "`bytes`.",
}
LAST = "The `id` of the last change that was read: what came since comes first."
DIGITS = {"type": "string", "pattern": "^[0-9]{1,18}$"}
ROUTES: dict[Key, Route] = {
    ("GET", "/api/v1/events"): Route(
        "Events",
        "Search events",
        ok(EventPage, "A page, the newest first."),
        query=(
            *(events.LIMIT, events.CURSOR, events.CAMERAS, events.KINDS, events.STATES, events.VERDICTS),
            *(events.CONFIRMED, events.SINCE, events.UNTIL, events.WORDS),
        ),
    ),
    ("GET", ONE): Route("Events", "One event", ok(WholeEvent), problems=("unknown-event",)),
    ("POST", f"{ONE}/verdict"): Route(
        "Events",
        "What a person says of an event",
        ok(WholeEvent),
        body=JsonBody(VerdictBody, {"verdict": "false", "note": "A cordless drill."}),
        problems=("unknown-event", "invalid-verdict"),
        more="`false` retracts a confirmed event: whoever got the alert gets the retraction.",
    ),
    ("POST", f"{ONE}/hold"): Route(
        "Events",
        "Keep its evidence for good, or no longer",
        ok(WholeEvent),
        body=JsonBody(Hold, {"held": True}),
        problems=("unknown-event", "invalid-hold"),
    ),
    ("GET", f"{ONE}/evidence/{{name}}"): Route(
        "Events",
        "A file of its evidence",
        {
            200: Answer("The whole file.", kind="*/*", headers=FILE),
            206: Answer("The range that was asked for.", kind="*/*", headers=FILE),
            304: Answer("It is the one of `If-None-Match`.", headers={"ETag": "Its SHA-256."}),
        },
        query=(
            Plain("download", "1: to be saved, not shown.", {"type": "string"}),
            Plain("expires", "Of a signed link.", {"type": "string"}),
            Plain("signature", "Of a signed link, which opens without a login.", {"type": "string"}),
        ),
        headers=(
            Plain("Range", "Some of its bytes.", {"type": "string", "pattern": r"^bytes=\d*-\d*$"}),
            Plain("If-None-Match", "What is known already.", {"type": "string", "pattern": "^[!-~]*$"}),
        ),
        problems=(
            *("unknown-event", "no-evidence", "evidence-removed", "evidence-not-ready", "evidence-away"),
            *("link-expired", "wrong-signature", "range-not-satisfiable", "too-many-sessions"),
        ),
    ),
    ("GET", "/api/v1/events/stream"): Route(
        "Events",
        "Every change of every event, as it comes",
        {200: Answer("Server-sent events, without an end.", kind="text/event-stream")},
        query=(Plain("last_event_id", LAST, DIGITS),),
        headers=(Plain("Last-Event-ID", LAST, DIGITS),),
        problems=("invalid-parameter", "too-many-sessions"),
        more='`data` of each `event` is `{"type": "event.confirmed", "timestamp": ..., "data": an event}`. '
        "`reset` says that what was missed is no longer kept.",
    ),
}
