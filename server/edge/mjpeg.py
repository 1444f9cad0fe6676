"""A camera for whatever shows JPEGs and nothing else: a stream of them, or the newest one."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter

from aiohttp import web

from ..broadcast import Closed
from ..cameras import Cameras
from ..feed import Feed
from .problems import Problem
from .queries import Flag, Number
from .sessions import SessionPlaces
from .stills import Follower, Stills

log = logging.getLogger(__name__)

BOUNDARY = "picture"
SEND_TIMEOUT_S = 10.0
LOOK_ROUND_S = 1.0
"""So often it is seen that a viewer has left or the server stops while the camera has no picture."""

MOST_UNSENT = 128 * 1024
"""Bytes that the kernel takes ahead of the network: more would be old pictures for a viewer on a slow line."""

STALE_S = 10.0
BOXES = Flag("boxes", "0: without the boxes of what is seen.", usual=True)
RATE = Number("rate", "Pictures a second at the most.", 60, 0.01, 60)


class Mjpeg:
    """The routes for JPEGs of cameras, and who follows them."""

    def __init__(self, cameras: Cameras, places: SessionPlaces, stills: Stills) -> None:
        self._cameras = cameras
        self._places = places
        self._stills = stills
        self._watching: Counter[str] = Counter()
        self._stopping = False

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get("/api/v1/cameras/{name}/snapshot.jpg", self.snapshot),
            web.get("/api/v1/cameras/{name}/mjpeg", self.stream, allow_head=False),
        ]

    def viewers(self, feed: str) -> int:
        """How many follow a camera."""
        return self._watching[feed]

    def close_all(self) -> None:
        """Let all streams end."""
        self._stopping = True

    async def snapshot(self, request: web.Request) -> web.Response:
        """``GET /api/v1/cameras/{name}/snapshot.jpg``: the newest picture."""
        feed, drawn = self._asked(request)
        frame = feed.newest
        if frame is None or time.monotonic() - frame.captured_at > STALE_S:
            raise Problem(
                "no-picture", 503, f"The camera {feed.name} has had no picture for {STALE_S:g} s: it is {feed.state}."
            )
        return web.Response(body=await self._stills.still(feed, frame, drawn), content_type="image/jpeg")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/v1/cameras/{name}/mjpeg``: pictures as they come, until the viewer leaves or the camera goes."""
        feed, drawn = self._asked(request)
        interval = 1 / RATE.of(request)
        with self._places.take("mjpeg"):
            response = web.StreamResponse()
            response.headers["Content-Type"] = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
            await response.prepare(request)
            _keep_short(request)
            self._watching[feed.name] += 1
            try:
                async with self._stills.video(feed, drawn) as video:
                    with video.follow() as follower:
                        await self._serve(request, response, follower, interval)
            finally:
                self._watching[feed.name] -= 1
                if not self._watching[feed.name]:
                    del self._watching[feed.name]
        return response

    async def _serve(
        self, request: web.Request, response: web.StreamResponse, follower: Follower, interval: float
    ) -> None:
        due = time.monotonic()
        try:
            await response.write(f"--{BOUNDARY}\r\n".encode())
            while request.transport and not self._stopping:
                try:
                    async with asyncio.timeout(LOOK_ROUND_S):
                        picture = await follower.next(due)
                except TimeoutError:
                    continue
                due = max(due + interval, time.monotonic() - interval)
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await response.write(_part(picture))
        except (Closed, ConnectionError):
            pass
        except TimeoutError:
            log.info("a viewer of %s was cut off: it read nothing for %g s", request.path, SEND_TIMEOUT_S)
            if request.transport:
                request.transport.abort()

    def _asked(self, request: web.Request) -> tuple[Feed, bool]:
        name, boxes = request.match_info["name"], BOXES.of(request)
        feed = self._cameras.get(name)
        if feed is None:
            raise Problem("unknown-camera", 404, f"There is no camera named {name[:80]!r}.")
        return feed, boxes


def _part(jpeg: bytes) -> bytes:
    """One picture. The boundary comes right behind it: a browser shows a picture when it sees where it ends."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


def _keep_short(request: web.Request) -> None:
    if request.transport and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)
