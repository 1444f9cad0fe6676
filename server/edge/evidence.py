"""The files of an event's evidence: whole or in ranges, from the disk or the bucket; opened by signed links, too."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing

from aiohttp import web

from ..core.evidence import MEDIA_TYPES
from ..core.links import Refusal, evidence_path, verify
from ..evidence.bucket import BucketAway
from ..evidence.keeper import Evidence
from ..store.evidence import EvidenceState
from ..store.rows import EvidenceFile
from .events import event_id, unknown
from .problems import Problem
from .sessions import SessionPlaces

log = logging.getLogger(__name__)

RETRY_S = 2
"""How soon to ask again for what is being written."""

AWAY_RETRY_S = 30
SEND_TIMEOUT_S = 60.0
"""For one part of a file. Who reads nothing for so long is cut off; players come back for the rest."""

REFUSED = {
    Refusal.EXPIRED: "This link has expired. Open the event itself for a new one.",
    Refusal.WRONG: "This link is not one that this server made: it may have been cut off or changed.",
}


class EvidenceRoutes:
    """The handlers. ``key``: what links are signed with; ``places``: for how many at a time."""

    def __init__(self, evidence: Evidence, key: bytes, places: SessionPlaces) -> None:
        self._evidence = evidence
        self._key = key
        self._places = places

    def routes(self) -> list[web.RouteDef]:
        """The one route there is."""
        return [web.get("/api/v1/events/{id}/evidence/{name}", self.file)]

    async def file(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/v1/events/{id}/evidence/{name}``: a file, or the range of it that is asked for."""
        known, name = event_id(request), request.match_info["name"]
        self._check(request, known, name)
        file = await self._file(known, name)
        tag = f'"{file.sha256}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"}
        if request.query.get("download"):
            headers["Content-Disposition"] = f'attachment; filename="{known}-{name}"'
        if tag in [etag.strip() for etag in request.headers.get("If-None-Match", "").split(",")]:
            return web.Response(status=304, headers=headers)
        part = _range(request, file.size, tag)
        start, stop = part or (0, file.size)
        answer = web.StreamResponse(status=206 if part else 200, headers=headers)
        if part:
            answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
        answer.content_type = file.media_type
        answer.content_length = stop - start
        if request.method == "HEAD" or not file.size:
            await answer.prepare(request)
            return answer
        with self._places.take("evidence"):
            async with aclosing(self._evidence.read(known, name, start, stop)) as chunks:
                chunk = await _first(chunks)
                await answer.prepare(request)
                try:
                    await _in_time(answer.write(chunk))
                    async for chunk in chunks:
                        await _in_time(answer.write(chunk))
                    await _in_time(answer.write_eof())
                except TimeoutError:
                    log.info("a reader of %s was cut off: it read nothing for %g s", request.path, SEND_TIMEOUT_S)
                    if request.transport:
                        request.transport.abort()
        return answer

    def _check(self, request: web.Request, known: str, name: str) -> None:
        """Whether a link, where one was signed, is right."""
        query = request.query
        if "signature" not in query and "expires" not in query:
            return
        path = evidence_path(known, name)
        refusal = verify(self._key, path, query.get("expires", ""), query.get("signature", ""), time.time())
        if refusal:
            raise Problem(refusal, 403, REFUSED[refusal])

    async def _file(self, known: str, name: str) -> EvidenceFile:
        kept = await self._evidence.find(known)
        writing = self._evidence.is_writing(known) or (kept is not None and kept.state is EvidenceState.WRITING)
        if kept is None and not writing:
            raise unknown(known)
        if kept and kept.state is EvidenceState.REMOVED:
            raise Problem("evidence-removed", 410, "The evidence of this event was removed: it was kept long enough.")
        if kept and name in kept.files:
            return kept.files[name]
        if writing and name in MEDIA_TYPES:
            raise Problem(
                "evidence-not-ready",
                425,
                f"The file {name} is still being written. Try again in some seconds.",
                headers={"Retry-After": str(RETRY_S)},
            )
        raise Problem("no-evidence", 404, f"This event has no file {name[:80]!r}.")


async def _in_time(sending: Awaitable[None]) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await sending


async def _first(chunks: AsyncIterator[bytes]) -> bytes:
    """The first bytes of a file; raises :class:`Problem` when they cannot be had."""
    try:
        return await anext(chunks)
    except (FileNotFoundError, StopAsyncIteration) as error:
        raise Problem("no-evidence", 404, "This file is not where this server keeps evidence.") from error
    except (BucketAway, OSError) as error:
        raise Problem(
            "evidence-away",
            503,
            "The place where evidence is kept does not answer. Try again later.",
            headers={"Retry-After": str(AWAY_RETRY_S)},
        ) from error


def _range(request: web.Request, size: int, tag: str) -> tuple[int, int] | None:
    """The bytes asked for, from and up to; None for all: without a range, with one that is not understood, or with one
    of another version (RFC 9110, sections 13.1.5 and 14.2). Raises :class:`Problem` for one past the end."""
    if "Range" not in request.headers or request.headers.get("If-Range", tag) != tag:
        return None
    try:
        start, stop, _ = request.http_range.indices(size)
    except ValueError:
        return None
    if start >= stop:
        raise Problem(
            "range-not-satisfiable",
            416,
            f"This file has {size} bytes; the range asked for is past them.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop
