"""The routes of events: search, one, what a person says of it."""

from __future__ import annotations

import time

from aiohttp import web

from ..core.events import State, Verdict
from ..core.links import evidence_path
from ..store.changes import ChangeLog
from ..store.deliveries import Deliveries
from ..store.events import EventStore, UnknownEvent
from ..store.rows import StoredEvent
from ..store.search import NONE, Search
from ..wire import Json, event_body, iso, path_body
from .bodies import read_json
from .problems import Problem
from .queries import flag, identifier, is_identifier, moment, number, text, texts

MOST_EVENTS = 200
MOST_NOTE = 2000


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
                limit=int(number(request, "limit", 50, 1, MOST_EVENTS)),
                after=identifier(request, "cursor"),
                cameras=texts(request, "camera"),
                kinds=texts(request, "kind"),
                states=texts(request, "state", tuple(State)),
                verdicts=texts(request, "verdict", (*Verdict, NONE)),
                confirmed=flag(request, "confirmed"),
                since=moment(request, "since"),
                until=moment(request, "until"),
                text=text(request, "q"),
            )
        )
        return web.json_response({"events": [stored_body(stored) for stored in page.events], "next": page.next})

    async def show(self, request: web.Request) -> web.Response:
        """``GET /api/v1/events/{id}``: one, with its path, its history and who was told."""
        return web.json_response(await self._whole(event_id(request)))

    async def judge(self, request: web.Request) -> web.Response:
        """``POST /api/v1/events/{id}/verdict``: what a person says of it."""
        known = event_id(request)
        body = await read_json(request, "A verdict")
        verdict, note = _verdict(body), _note(body)
        try:
            await self._store.judge(known, verdict, note, time.time())
        except UnknownEvent:
            raise unknown(known) from None
        return web.json_response(await self._whole(known))

    async def hold(self, request: web.Request) -> web.Response:
        """``POST /api/v1/events/{id}/hold``: keep its evidence for good, or no longer."""
        known = event_id(request)
        body = await read_json(request, "A hold")
        if set(body) != {"held"} or not isinstance(body["held"], bool):
            raise Problem("invalid-hold", 422, 'Send {"held": true} or {"held": false}.')
        try:
            await self._store.hold(known, body["held"])
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


def _verdict(body: Json) -> Verdict:
    if unknown_fields := set(body) - {"verdict", "note"}:
        names = ", ".join(sorted(unknown_fields))[:200]
        raise Problem("invalid-verdict", 422, f"There is no such field: {names}.")
    try:
        return Verdict(str(body.get("verdict")))
    except ValueError:
        raise Problem("invalid-verdict", 422, f"The verdict is one of: {', '.join(Verdict)}.") from None


def _is_text(words: str) -> bool:
    """Whether a database takes it: no null, and no half of a surrogate pair."""
    try:
        return b"\0" not in words.encode()
    except UnicodeEncodeError:
        return False


def _note(body: Json) -> str | None:
    note = body.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MOST_NOTE or not _is_text(note)):
        raise Problem("invalid-verdict", 422, f"The note is a text of at most {MOST_NOTE} signs.")
    return (note or "").strip() or None
