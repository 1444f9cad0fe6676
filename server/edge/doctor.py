"""The doctor by API: what of the running server works and what does not, as the server itself sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from aiohttp import web

from .. import checks
from ..camera import Camera
from ..cameras import Cameras
from ..checks import Broken, Check
from ..config import ConfigError
from ..detector import Detector
from ..feed import FeedState
from ..models import Models
from ..reloading import Reloader
from ..store.database import Database, plain_words
from ..store.subscriptions import Subscriptions
from ..wire import iso
from .problems import Problem
from .rungs import try_websocket, ways

AT_MOST = 8
"""So many names of settings are told; the rest is counted."""


@dataclass(frozen=True, slots=True)
class DoctorRoutes:
    """The handler, over what it looks at. ``base_url`` tells how others reach this server."""

    reloader: Reloader
    models: Models
    detector: Detector
    database: Database
    cameras: Cameras
    subscriptions: Subscriptions
    base_url: Callable[[], str]
    one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def routes(self) -> list[web.RouteDef]:
        """The one there is."""
        return [web.get("/api/v1/doctor", self.examine)]

    async def examine(self, request: web.Request) -> web.Response:
        """``GET /api/v1/doctor``: all findings, in 15 s or less. One at a time, for each knocks at others' doors."""
        if self.one.locked():
            raise Problem("too-busy", 503, "A check is under way. Try again in 15 s.", headers={"Retry-After": "15"})
        async with self.one:
            found = await checks.all_made([check async for check in self._checks()])
        return web.json_response(
            {
                "at": iso(time.time()),
                "works": all(finding.works for finding in found),
                "findings": [{"name": finding.name, **asdict(finding)} for finding in found],
            }
        )

    async def _checks(self) -> AsyncIterator[tuple[str, str, Check]]:
        settings = self.reloader.settings
        yield "settings", "", self._settings
        yield "model", "", self._model
        yield "disk", "", partial(checks.disk, settings.data_dir)
        yield "database", "", self._database
        yield "certificate", "", partial(checks.certificate, settings)
        for camera in self.cameras.all():
            yield "camera", camera.settings.name, partial(_camera, camera)
        try:
            async with asyncio.timeout(checks.LIMIT_S):
                receivers = await self.subscriptions.all()
        except Exception:  # the database has a check of its own
            receivers = []
        for one in receivers:
            if one.channel == "webhook" and one.enabled:
                yield "receiver", one.description or one.id, partial(checks.webhook, one)
        if settings.mqtt.url:
            yield "receiver", "mqtt", partial(checks.broker, settings)
        for way in ways(settings.ice):
            yield way
        yield "WebSocket", "", partial(try_websocket, self.base_url())

    async def _settings(self) -> str:
        try:
            pending = await self.reloader.pending()
        except ConfigError as error:
            raise Broken(f"They are wrong by now, and the next start would fail: {_line(error)}") from error
        if pending.restart:
            raise Broken(f"These changed and wait for a restart: {_some(pending.restart)}.")
        if pending.changed:
            raise Broken(f"These changed and wait to be read again (SIGHUP): {_some(pending.changed)}.")
        return "They are right, and in force."

    async def _model(self) -> str:
        if not self.detector.ready.is_set():
            raise Broken("It is not warmed up yet. Try again in a minute.")
        if self.models.trouble:
            raise Broken(f"{self.models.trouble.rstrip('.')}. See the page Models.")
        return checks.model(self.detector.model)

    async def _database(self) -> str:
        try:
            await self.database.ping()
        except TimeoutError:
            raise
        except Exception as error:  # whatever the driver says
            raise Broken(f"It cannot be used: {plain_words(error)}. Events wait for it. See database.") from error
        return f"{self.database} answers."


async def _camera(camera: Camera) -> str:
    """As it stands: opening it once more would take one of the few connections that most cameras have."""
    seen = camera.feed.stats()
    match seen.state:
        case FeedState.LIVE:
            return f"It sends {seen.width}x{seen.height}, {seen.frames_per_second:.0f} a second."
        case FeedState.STOPPED | FeedState.ENDED:
            return "It is switched off." if seen.state is FeedState.STOPPED else "Its file was played to the end."
        case FeedState.CONNECTING:
            raise Broken("It does not send yet. Try again in some seconds.")
    why = (seen.reason or "it sends no picture").rstrip(".")
    raise Broken(f"There is no picture: {why}. It is tried again by itself. See its url, user and network.")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - AT_MOST} more" if len(names) > AT_MOST else ""
    return ", ".join(names[:AT_MOST]) + more


def _line(error: ConfigError) -> str:
    return " ".join(f"{mistake}." for mistake in error.mistakes[:AT_MOST]) or str(error)
