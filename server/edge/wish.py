"""What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common: SDP in, a session with an address of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from .bodies import read_text
from .ice import links_of
from .peer import Session
from .problems import Problem
from .webrtc import Answer, WebRtcSessions

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"


@dataclass(frozen=True, slots=True)
class Fragment:
    """What comes after an offer (RFC 8840, section 9): candidates, whether there are no more, and whose they are."""

    username: str | None
    candidates: list[RTCIceCandidate]
    complete: bool


class SessionRoutes:
    """The routes that are the same for both: ``kind`` is ``whip`` or ``whep``."""

    def __init__(self, kind: str, webrtc: WebRtcSessions) -> None:
        self._kind = kind
        self._webrtc = webrtc

    def routes(self, post: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> list[web.RouteDef]:
        """The routes, with the one that takes an offer."""
        endpoint, session = f"/{self._kind}/{{name}}", f"/{self._kind}/{{name}}/{{session}}"
        return [
            web.post(endpoint, post),
            web.options(endpoint, self.options),
            web.get(endpoint, self.nothing),
            web.patch(session, self.patch),
            web.delete(session, self.delete),
            web.options(session, self.options),
            web.get(session, self.nothing),
        ]

    async def options(self, request: web.Request) -> web.Response:
        """``OPTIONS``: what may be posted here."""
        answer = web.Response(headers={"Accept-Post": SDP})
        self._add_links(answer)
        return answer

    async def nothing(self, request: web.Request) -> web.Response:
        """``GET``: the standard has no representation of an endpoint or a session, and wants success for asking."""
        if "session" in request.match_info:
            self._session(request)
        return web.Response(status=204)

    async def patch(self, request: web.Request) -> web.Response:
        """``PATCH``: candidates that came up after the offer."""
        session = self._session(request)
        text = await read_sdp(request, FRAGMENT)
        # Where ICE is never restarted there is one tag for ever, and the standard leaves the matching open. A client
        # that names another is refused; one that names none, as the standard's own player, is served.
        tags = [tag.strip() for tag in request.headers.get("If-Match", "*").split(",")]
        if "*" not in tags and session.tag not in tags:
            raise Problem("precondition-failed", 412, "If-Match names another ICE session than the one there is.")
        fragment = parse_fragment(text)
        if not await session.trickle(fragment.username, fragment.candidates, complete=fragment.complete):
            raise Problem("ice-restart-unsupported", 422, "ICE is not restarted here. End the session and begin anew.")
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        """``DELETE``: the end."""
        await self._webrtc.close(self._session(request).id, "the other side ended it")
        return web.Response()

    def created(self, request: web.Request, answer: Answer) -> web.Response:
        """The answer to an offer."""
        location = f"/{self._kind}/{request.match_info['name']}/{answer.session.id}"
        headers = {"Location": location, "ETag": answer.session.tag}
        response = web.Response(status=201, text=answer.sdp, content_type=SDP, headers=headers)
        self._add_links(response)
        return response

    def _add_links(self, response: web.Response) -> None:
        for link in links_of(self._webrtc.ice, time.time()):
            response.headers.add("Link", link)

    def _session(self, request: web.Request) -> Session:
        session = self._webrtc.get(request.match_info["session"], self._kind)
        if session is None or session.answered.result()[1] != request.match_info["name"]:
            raise Problem("not-found", 404, "There is no such session; it may have ended.")
        return session


async def read_sdp(request: web.Request, kind: str) -> str:
    """The body, which must be of this content type. Raises :class:`Problem`."""
    if request.content_type != kind:
        raise Problem("unsupported-content-type", 415, f"Send the content type {kind}.")
    try:
        return (await read_text(request, "A body")).decode()
    except UnicodeDecodeError as error:
        raise Problem("malformed-sdp", 400, "The body is not UTF-8 text.") from error


def parse_fragment(text: str) -> Fragment:
    """The ICE part of an SDP fragment. Raises :class:`Problem`."""
    username: str | None = None
    middle: str | None = None
    candidates: list[RTCIceCandidate] = []
    complete = False
    for line in filter(None, re.split(r"[\r\n]+", text)):
        name, _, value = line.partition(":")
        if not re.match(r"[a-z]=", line):
            raise Problem("malformed-sdp", 400, "The SDP fragment cannot be read.")
        if name == "a=ice-ufrag":
            username = value
        elif name == "a=mid":
            middle = value
        elif name == "a=end-of-candidates":
            complete = True
        elif name == "a=candidate":
            try:
                candidate = candidate_from_sdp(value)
            except (ValueError, IndexError, AssertionError) as error:
                raise Problem("malformed-sdp", 400, "The SDP fragment has a candidate that cannot be read.") from error
            candidate.sdpMid, candidate.sdpMLineIndex = middle, None if middle is not None else 0
            candidates.append(candidate)
    if username is None and not candidates and not complete:
        raise Problem("malformed-sdp", 400, "The SDP fragment has no candidate in it.")
    return Fragment(username, candidates, complete)
