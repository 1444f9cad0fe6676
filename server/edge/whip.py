"""WHIP: a standard publisher, such as OBS or GStreamer, pushes a camera."""

from __future__ import annotations

from aiohttp import web

from ..cameras import PushRefused
from .guard import CHALLENGE, lease_of, principal_of
from .problems import Problem
from .webrtc import WebRtcSessions
from .wish import SDP, SessionRoutes, read_sdp

STATUS = {"unknown-camera": 404, "wrong-token": 401}
CONFLICT = 409


class Whip:
    """The routes of WHIP. Who knows the address of a session may end it; to begin one takes the camera's token, or a
    token of the server's with the permission publish."""

    def __init__(self, webrtc: WebRtcSessions, token: str) -> None:
        """``token``: the one for any name."""
        self._webrtc = webrtc
        self._token = token
        self._sessions = SessionRoutes("whip", webrtc)

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return self._sessions.routes(self.publish)

    async def publish(self, request: web.Request) -> web.Response:
        """``POST /whip/{name}``: an SDP offer in, the answer out."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer" and principal_of(request):
                token = self._token  # the guard has seen that it may publish
            if scheme.lower() != "bearer" or not token.strip():
                raise PushRefused("wrong-token", "Send the camera's token as Authorization: Bearer TOKEN.")
            offer = await read_sdp(request, SDP)
            answer = await self._webrtc.publish(offer, request.match_info["name"], token.strip(), lease_of(request))
        except PushRefused as refused:
            challenge = CHALLENGE if refused.slug == "wrong-token" else None
            raise Problem(
                refused.slug, STATUS.get(refused.slug, CONFLICT), str(refused), headers=challenge
            ) from refused
        return self._sessions.created(request, answer)
