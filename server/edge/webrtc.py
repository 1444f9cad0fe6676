"""All peer connections: who is watching, whose own camera is looked at, who pushes a camera."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..cameras import Cameras
from ..config import IceSettings
from ..core.frame import Picture
from ..feed import Feed
from .encoder import Encoders, Look
from .guard import Lease
from .peer import Opened, Role, Session, check_offer
from .sessions import SessionPlaces

log = logging.getLogger(__name__)

DRAWN, CLEAN = MODES = ("burned_in", "overlay")
CLOSE_S = 4.0
"""A TURN server that has gone keeps aioice waiting for 40 s when its place there is to be given back."""

FULL, SMALL = SIZES = ("full", "small")

NO_RIGHT = "the login or token it was opened with has ended"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an offer was answered with, and the name of the feed that is shown or fed."""

    session: Session
    sdp: str
    feed: str


class WebRtcSessions:
    """All WebRTC sessions: each one is a task that this owns."""

    def __init__(
        self,
        cameras: Cameras,
        encoders: Encoders,
        places: SessionPlaces,
        pool: ThreadPoolExecutor,
        idle_s: float,
        ice: IceSettings,
    ) -> None:
        self._cameras = cameras
        self._encoders = encoders
        self._places = places
        self._pool = pool
        self.idle_s = idle_s
        self.ice = ice
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._watching: Counter[str] = Counter()

    def viewers(self, feed: str) -> int:
        """How many peers watch a camera."""
        return self._watching[feed]

    async def own(self, sdp: str, mode: str, lease: Lease) -> Answer:
        """A browser's own camera is looked at, until the lease ends. This and the next two raise :class:`Problem`."""
        look = Look(drawn=True) if mode == DRAWN else None
        return await self._open(Role("webrtc", self._visit, mode, look, receives=True), sdp, lease)

    async def watch(self, sdp: str, feed: Feed, mode: str, size: str, lease: Lease, kind: str = "webrtc") -> Answer:
        """Somebody watches a camera; ``kind`` says by which protocol he came."""
        look = Look(drawn=mode == DRAWN, small=size == SMALL)
        return await self._open(Role(kind, lambda: self._watch(feed), mode, look, receives=False), sdp, lease)

    async def publish(self, sdp: str, name: str, token: str, lease: Lease) -> Answer:
        """Somebody pushes a camera; raises :class:`server.cameras.PushRefused` too."""
        return await self._open(Role("whip", lambda: self._push(name, token), None, None, receives=True), sdp, lease)

    def get(self, session_id: str, kind: str) -> Session | None:
        """The session of this id, if it came by this protocol."""
        session, _ = self._sessions.get(session_id, (None, None))
        return session if session and session.role.kind == kind and session.answered.done() else None

    async def close(self, session_id: str, reason: str) -> bool:
        """End a session and wait for it, but not for ever; whether there was one."""
        if session_id not in self._sessions:
            return False
        session, task = self._sessions[session_id]
        session.end(reason)
        await asyncio.wait((task,), timeout=CLOSE_S)
        return True

    async def close_all(self, reason: str) -> None:
        """End all sessions."""
        tasks = [task for _, task in self._sessions.values()]
        await asyncio.gather(*(self.close(session_id, reason) for session_id in list(self._sessions)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def _visit(self) -> AsyncIterator[Opened]:
        async with self._cameras.session("webcam") as feed:

            async def take(picture: Picture, timestamp: int) -> None:
                feed.publish(picture, timestamp, time.monotonic())

            yield Opened(feed, take)

    @asynccontextmanager
    async def _watch(self, feed: Feed) -> AsyncIterator[Opened]:
        self._watching[feed.name] += 1
        try:
            yield Opened(feed)
        finally:
            self._watching[feed.name] -= 1
            if not self._watching[feed.name]:
                del self._watching[feed.name]

    @asynccontextmanager
    async def _push(self, name: str, token: str) -> AsyncIterator[Opened]:
        loop = asyncio.get_running_loop()
        async with self._cameras.push(name, token) as push:
            feed = push.feed

            async def take(picture: Picture, timestamp: int) -> None:
                at = time.monotonic()
                prepared = await loop.run_in_executor(self._pool, feed.prepare, picture, at)
                feed.publish_prepared(prepared, push.timestamp(timestamp), at)

            yield Opened(feed, take, push.over)

    async def _open(self, role: Role, sdp: str, lease: Lease) -> Answer:
        check_offer(sdp, receives=role.receives)
        session = Session(role, self._encoders, self._cameras.detector.model, self.idle_s, self.ice)
        task = asyncio.create_task(self._run(session, sdp, lease), name=f"{role.kind} {session.id}")
        self._sessions[session.id] = (session, task)
        try:
            answer, feed = await asyncio.shield(session.answered)
        except asyncio.CancelledError:
            session.end("the browser did not wait for the answer")
            raise
        return Answer(session, answer, feed)

    async def _run(self, session: Session, sdp: str, lease: Lease) -> None:
        try:
            with self._places.take(session.role.kind), lease(lambda: session.end(NO_RIGHT)):
                await session.run(sdp)
        except Exception as error:
            if session.answered.done():
                log.exception("session %s broke", session.id)
            else:
                session.answered.set_exception(error)
        finally:
            del self._sessions[session.id]
            session.answered.cancel()
