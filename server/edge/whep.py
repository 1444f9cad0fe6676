"""WHEP: a standard player watches a camera."""

from __future__ import annotations

from aiohttp import web

from ..cameras import Cameras
from .guard import lease_of
from .problems import Problem
from .queries import Choice
from .webrtc import MODES, SIZES, WebRtcSessions
from .wish import SDP, SessionRoutes, read_sdp

MODE = Choice("mode", "`overlay` leaves the boxes out.", MODES, MODES[0])
SIZE = Choice("size", "`small` is at most 640 pixels wide.", SIZES, SIZES[0])


class Whep:
    """The routes of WHEP."""

    def __init__(self, cameras: Cameras, webrtc: WebRtcSessions) -> None:
        self._cameras = cameras
        self._webrtc = webrtc
        self._sessions = SessionRoutes("whep", webrtc)

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return self._sessions.routes(self.watch)

    async def watch(self, request: web.Request) -> web.Response:
        """``POST /whep/{name}``: an SDP offer in, the answer out."""
        name = request.match_info["name"]
        feed = self._cameras.get(name)
        if feed is None:
            raise Problem("unknown-camera", 404, f"There is no camera named {name[:80]!r}.")
        mode, size = MODE.of(request), SIZE.of(request)
        offer = await read_sdp(request, SDP)
        answer = await self._webrtc.watch(offer, feed, mode, size, lease_of(request), "whep")
        return self._sessions.created(request, answer)
