"""Server-sent events: every change of every event, from where the reader stopped."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from ..broadcast import Closed, Overflow, Reader
from ..store.changes import PAGE, UNKEPT, Change, ChangeLog
from ..store.database import is_away, plain_words
from .problems import Problem
from .sessions import SessionPlaces

log = logging.getLogger(__name__)

WAITING = 2000
SIGN_OF_LIFE_S = 15.0
LOOK_ROUND_S = 1.0
"""So often it is seen that a reader has left while there is nothing to tell."""

SEND_TIMEOUT_S = 10.0
RETRY_MS = 2000
RESET = b"event: reset\ndata: {}\n\n"


class EventStream:
    """All who read the stream. Each is served by its request's own task."""

    def __init__(self, changes: ChangeLog, places: SessionPlaces) -> None:
        self._changes = changes
        self._places = places

    def routes(self) -> list[web.RouteDef]:
        """The one route."""
        return [web.get("/api/v1/events/stream", self.serve, allow_head=False)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/v1/events/stream``, in the form of the HTML standard, section 9.2.

        Whoever comes with a ``Last-Event-ID`` first gets what came since. The reader is there before the log is read,
        so that nothing falls between the two, and what both have is told once.
        """
        last = _position(request)
        with self._places.take("events"), self._changes.live.read(WAITING, Overflow.CLOSE) as live:
            response = web.StreamResponse()
            response.headers.update({"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
            response.headers["X-Accel-Buffering"] = "no"  # nginx would hold back what it takes for a page
            await response.prepare(request)
            try:
                newest = await self._changes.newest()
                # An id alone tells nothing, but a reader who loses the line before the first change has a place.
                await _send(response, f"retry: {RETRY_MS}\nid: {newest if last is None else last}\n\n".encode())
                last = newest if last is None else await self._catch_up(response, last, newest)
                await self._follow(request, response, live, last)
            except (ConnectionError, TimeoutError, Closed):
                pass
            except Exception as error:
                if not is_away(error):
                    raise
                # The answer has begun: no other can be given. The reader comes back to where it was.
                log.warning("the event stream of a reader ends: %s", plain_words(error))
            if request.transport and request.transport.get_write_buffer_size():
                request.transport.abort()  # he reads no more: a polite close would wait for him
        return response

    async def _catch_up(self, response: web.StreamResponse, last: int, newest: int) -> int:
        """Send what the log has behind ``last``; the number of the last change sent."""
        if last > newest or last + 1 < await self._changes.oldest():
            await _send(response, f"id: {newest}\n".encode() + RESET)
            return newest
        while page := await self._changes.after(last):
            await _send(response, b"".join(map(text_of, page)))
            last = page[-1].seq
            if len(page) < PAGE:
                break
        return last

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, live: Reader[Change], last: int
    ) -> None:
        silent_s = 0.0
        while request.transport and not request.transport.is_closing():
            try:
                async with asyncio.timeout(LOOK_ROUND_S):
                    change = await live.next()
            except TimeoutError:
                silent_s += LOOK_ROUND_S
                if silent_s >= SIGN_OF_LIFE_S:
                    await _send(response, b": alive\n\n")
                    silent_s = 0.0
                continue
            if change.seq > last or change.seq == UNKEPT:
                await _send(response, text_of(change))
                last, silent_s = max(last, change.seq), 0.0


def text_of(change: Change) -> bytes:
    """A change as a server-sent event."""
    place = f"id: {change.seq}\n" if change.seq != UNKEPT else ""
    return f"{place}event: event\ndata: {change.body}\n\n".encode()


async def _send(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await response.write(data)


def _position(request: web.Request) -> int | None:
    """Where the reader stopped: the header, or the query for readers that cannot set one."""
    text = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem("invalid-parameter", 400, "Last-Event-ID is a number that this stream gave.")
    return int(text)
