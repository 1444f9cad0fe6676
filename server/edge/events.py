"""The routes of events: search, one, what a person says of it."""

from __future__ import annotations

import time

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

from ..core.events import State, Verdict
from ..core.links import evidence_path
from ..store.changes import ChangeLog
from ..store.deliveries import Deliveries
from ..store.events import EventStore, UnknownEvent
from ..store.rows import StoredEvent
from ..store.search import NONE, Search
from ..wire import Json, event_body, iso, path_body
from .bodies import read_json, shaped
from .problems import Problem
from .queries import Cursor, Flag, Moment, Text, Texts, is_identifier, limit

LIMIT = limit(50, 200)
CURSOR = Cursor("cursor", "What the page before gave as `next`.")
CAMERAS = Texts("camera", "Only of these cameras.")
KINDS = Texts("kind", "Only of these kinds, such as `gun`.")
STATES = Texts("state", "Only those that stand so.", tuple(State))
VERDICTS = Texts("verdict", "Only those judged so; `none`: those not judged yet.", (*Verdict, NONE))
CONFIRMED = Flag("confirmed", "1: only those that were ever confirmed.")
SINCE = Moment("since", "First seen then or later.")
UNTIL = Moment("until", "First seen before then.")
WORDS = Text("q", "A text in camera, label, kind or note.")
MOST_NOTE = 2000

NOTE = Problem("invalid-verdict", 422, f"The note is a text of at most {MOST_NOTE} signs.")
WRONG_VERDICT = {
    "verdict": Problem("invalid-verdict", 422, f"The verdict is one of: {', '.join(Verdict)}."),
    "note": NOTE,
}
WRONG_HOLD = {"held": Problem("invalid-hold", 422, 'Send {"held": true} or {"held": false}.')}


class VerdictBody(BaseModel):
    """What a person says of an event."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict = Field(description="`false` takes a confirmed event back.")
    note: str | None = Field(None, max_length=MOST_NOTE, description="A text to go with it; null takes it away.")

    @field_validator("note")
    @classmethod
    def _can_be_kept(cls, note: str | None) -> str | None:
        if note is not None and "\0" in note:
            raise ValueError(NOTE.detail)
        return note


class Hold(BaseModel):
    """Whether the evidence of an event is kept for good."""

    model_config = ConfigDict(extra="forbid")

    held: StrictBool


class EventRoutes:
    """The handlers, over the store."""

    def __init__(self, store: EventStore, changes: ChangeLog, deliveries: Deliveries) -> None:
        self._store = store
        self._changes = changes
        self._deliveries = deliveries

    def routes(self) -> list[web.RouteDef]:
        """All of them but the stream and the evidence."""
        return [
            web.get("/api/v1/events", self.list),
            web.get("/api/v1/events/{id}", self.show),
            web.post("/api/v1/events/{id}/verdict", self.judge),
            web.post("/api/v1/events/{id}/hold", self.hold),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """``GET /api/v1/events``: the newest first, a page at a time."""
        page = await self._store.search(
            Search(
                limit=LIMIT.of(request),
                after=CURSOR.of(request),
                cameras=CAMERAS.of(request),
                kinds=KINDS.of(request),
                states=STATES.of(request),
                verdicts=VERDICTS.of(request),
                confirmed=CONFIRMED.of(request),
                since=SINCE.of(request),
                until=UNTIL.of(request),
                text=WORDS.of(request),
            )
        )
        return web.json_response({"events": [stored_body(stored) for stored in page.events], "next": page.next})

    async def show(self, request: web.Request) -> web.Response:
        """``GET /api/v1/events/{id}``: one, with its path, its history and who was told."""
        return web.json_response(await self._whole(event_id(request)))

    async def judge(self, request: web.Request) -> web.Response:
        """``POST /api/v1/events/{id}/verdict``: what a person says of it."""
        known = event_id(request)
        body = shaped(VerdictBody, await read_json(request, "A verdict"), WRONG_VERDICT)
        try:
            await self._store.judge(known, body.verdict, (body.note or "").strip() or None, time.time())
        except UnknownEvent:
            raise unknown(known) from None
        return web.json_response(await self._whole(known))

    async def hold(self, request: web.Request) -> web.Response:
        """``POST /api/v1/events/{id}/hold``: keep its evidence for good, or no longer."""
        known = event_id(request)
        body = shaped(Hold, await read_json(request, "A hold"), WRONG_HOLD)
        try:
            await self._store.hold(known, body.held)
        except UnknownEvent:
            raise unknown(known) from None
        return web.json_response(await self._whole(known))

    async def _whole(self, known: str) -> Json:
        try:
            stored = await self._store.get(known)
        except UnknownEvent:
            raise unknown(known) from None
        history = await self._changes.of_event(known)
        return {
            **stored_body(stored),
            "path": path_body(stored.event),
            "history": [{"revision": c.revision, "type": c.type, "at": iso(c.at)} for c in history],
            "deliveries": await self._deliveries.of_event(known),
        }


def event_id(request: web.Request) -> str:
    """The id in the path; raises :class:`Problem` for one that no event can have."""
    value = request.match_info["id"]
    if not is_identifier(value):
        raise unknown(value)
    return value


def unknown(value: str) -> Problem:
    """There is no such event."""
    return Problem("unknown-event", 404, f"There is no event {value[:80]!r}; it may have been removed by age.")


def stored_body(stored: StoredEvent) -> Json:
    """An event with its evidence, as lists have it."""
    return {**event_body(stored.event), "evidence": evidence_body(stored)}


def evidence_body(stored: StoredEvent) -> Json | None:
    """What there is of an event's evidence."""
    if stored.evidence is None:
        return None
    return {
        "state": stored.evidence,
        "held": stored.held,
        "files": [
            {
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "url": evidence_path(stored.event.id, file.name),
            }
            for file in stored.files
        ],
    }
