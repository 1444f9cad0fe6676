"""The composition root: opens everything in order and closes it in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from aiohttp import web

from .access import Access
from .addresses import AddressRule
from .auditlog import AuditLog
from .background import Background
from .cameras import Cameras
from .catalogue import Catalogue
from .conditions import Conditions
from .config import CameraSettings, ConfigError, Settings, cores
from .core.access import is_loopback_host
from .core.tracking import TrackerSettings
from .detector import Detector
from .edge.access import AccessRoutes
from .edge.api import Api
from .edge.cameras import CameraRoutes
from .edge.doctor import DoctorRoutes
from .edge.encoder import Encoders
from .edge.event_stream import EventStream
from .edge.events import EventRoutes
from .edge.evidence import EvidenceRoutes
from .edge.guard import Guard
from .edge.http import make_app
from .edge.ice import IceRoutes
from .edge.mjpeg import Mjpeg
from .edge.models import ModelRoutes
from .edge.openapi import OpenApi
from .edge.policies import PolicyRoutes
from .edge.readiness import Readiness
from .edge.sessions import SessionPlaces
from .edge.settings import SettingsRoutes
from .edge.stills import Stills
from .edge.stream import Streams
from .edge.webhooks import WebhookRoutes
from .edge.webrtc import WebRtcSessions
from .edge.whep import Whep
from .edge.whip import Whip
from .evidence.keeper import Evidence
from .feed import Rates
from .keeping import Keeping, base_url_of, keeping
from .memory import limit_arenas
from .metrics import Metrics
from .models import Models
from .notices import Notices
from .presence import Presence, presence
from .recordings import EpisodeWriter
from .reloading import Reloaded, Reloader
from .store.audit import AuditRows
from .store.database import Database, DatabaseError
from .tls import Tls, names_of, own_addresses
from .verdicts import Verdicts

log = logging.getLogger(__name__)

LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at ``url``; ``ready`` once its model is warm; ``scheduler`` ends only by an error;
    ``reload`` reads the settings again. ``first_token``: an admin's, where nobody else has access yet and somebody
    needs it."""

    url: str
    ready: asyncio.Event
    scheduler: asyncio.Task[None]
    reload: Callable[[], Awaitable[Reloaded]]
    first_token: str | None = field(default=None, repr=False)


@asynccontextmanager
async def running(
    settings: Settings, sources: Sequence[CameraSettings] = (), reread: Callable[[], Settings] | None = None
) -> AsyncIterator[Running]:
    """A whole server for as long as the block runs; ``sources``: cameras of the command line, which are kept nowhere;
    ``reread`` reads the settings again, from where these came.

    Raises ConfigError, PluginError, ModelError or OSError.
    """
    limit_arenas()
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        database = await _database(stack, settings)
        own = _presence(stack, settings.data_dir)
        tls = await _tls(stack, settings)
        kept = await stack.enter_async_context(keeping(database, settings, own, metrics))
        access = await stack.enter_async_context(Access(database, settings.access))
        audit = AuditLog(AuditRows(database, settings.access.audit_most), settings.access.audit_days)
        await stack.enter_async_context(audit)
        guard = Guard(access, audit, settings.access, settings.cors_origins, kept.links.key)
        models = _models(settings, metrics)
        detector = await stack.enter_async_context(_detector(settings, models, metrics))
        episodes = await stack.enter_async_context(
            EpisodeWriter(kept.episodes, lambda: detector.model.name, detector.labels)
        )
        notices = Notices(kept.journal)
        await stack.enter_async_context(models.attach(detector, notices.model))
        evidence = await _evidence(stack, settings, kept, detector, metrics, notices)
        policy, tracker = settings.policy.policy(), _tracker(settings)
        rates = Rates(settings.detector.look_rate, settings.detector.suspicious_rate)
        cameras = await stack.enter_async_context(
            Cameras(
                detector,
                kept.journal,
                metrics,
                policy,
                tracker,
                rates,
                Catalogue(settings.data_dir, settings.cameras),
                settings.fleet,
                _rule(settings),
                _whip_token(settings),
                lambda name, kind: (episodes.keeper(name), *evidence.witnesses(name, kind)),
            )
        )
        await stack.enter_async_context(Verdicts(cameras, kept.store, kept.changes))
        await stack.enter_async_context(Conditions(cameras, kept.outbox.conditions))
        pool = stack.enter_context(ThreadPoolExecutor(max(2, cores()), thread_name_prefix="edge"))
        places = SessionPlaces(settings.limits.sessions, metrics)
        webrtc = WebRtcSessions(cameras, Encoders(pool, metrics), places, pool, settings.limits.idle_s, settings.ice)
        streams = Streams(cameras, places, settings.limits, pool, metrics)
        readiness = Readiness(detector, database, settings.data_dir)
        reloader = Reloader(settings, reread or (lambda: settings))
        api = Api(
            detector,
            models,
            cameras,
            metrics,
            lambda: reloader.settings.limits,
            settings.detector.confidence,
            webrtc,
            streams,
            pool,
            readiness,
        )
        readers, downloads = (SessionPlaces(settings.limits.listeners, metrics) for _ in range(2))
        policies = PolicyRoutes(cameras, policy, tracker, kept.episodes)
        mjpeg = Mjpeg(cameras, places, Stills(pool, metrics))
        camera_routes = CameraRoutes(cameras, lambda name: webrtc.viewers(name) + mjpeg.viewers(name), pool)
        parts = (
            api,
            camera_routes,
            mjpeg,
            Whep(cameras, webrtc),
            Whip(webrtc, _whip_token(settings)),
            EventStream(kept.changes, readers),
            EventRoutes(kept.store, kept.changes, kept.deliveries),
            EvidenceRoutes(evidence, kept.links.key, downloads),
            WebhookRoutes(kept.subscriptions, kept.deliveries, kept.outbox, settings.webhooks),
            policies,
            ModelRoutes(models, detector),
            OpenApi(),
            AccessRoutes(access, guard),
            IceRoutes(lambda: reloader.settings.ice),
            SettingsRoutes(reloader),
            DoctorRoutes(
                reloader, models, detector, database, cameras, kept.subscriptions, lambda: kept.links.base_url
            ),
        )

        def take(new: Settings) -> None:
            logging.getLogger().setLevel(new.log_level)
            cameras.use_policy(new.policy.policy())
            policies.usual = new.policy.policy()
            rates.usual, rates.suspicious = new.detector.look_rate, new.detector.suspicious_rate
            places.most, readers.most, downloads.most = new.limits.sessions, *(2 * (new.limits.listeners,))
            webrtc.idle_s, webrtc.ice, streams.limits = new.limits.idle_s, new.ice, new.limits
            kept.subscriptions.most, kept.outbox.at_a_time = new.webhooks.most, new.webhooks.at_a_time

        reloader.tell(take)
        app = make_app([route for part in parts for route in part.routes()], settings.cors_origins, guard)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.grace_s / 2)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        stack.push_async_callback(webrtc.close_all, "the server stops")
        stack.callback(streams.close_all, "the server stops")
        stack.callback(mjpeg.close_all)
        stack.callback(kept.changes.live.close, "the server stops")
        stack.callback(readiness.stop)
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls.context if tls else None)
        await site.start()
        port = runner.addresses[0][1]
        kept.links.base_url = base_url_of(settings, port)
        cameras.open_all(sources)
        first_token = None if _for_this_machine(settings) else await access.first_token()
        url = f"{'https' if tls else 'http'}://{_host(settings)}:{port}"
        yield Running(url, detector.ready, detector.scheduler, reloader.reload, first_token)
        log.info("stopping")


async def _database(stack: AsyncExitStack, settings: Settings) -> Database:
    """The database of the settings, or a file in the data folder. Raises ConfigError."""
    _use(settings.data_dir)
    url = settings.database.get_secret_value() if settings.database else f"sqlite:///{settings.data_dir / 'vigie.db'}"
    try:
        return await stack.enter_async_context(Database(url))
    except DatabaseError as error:
        raise ConfigError(str(error)) from error


async def _tls(stack: AsyncExitStack, settings: Settings) -> Tls | None:
    if not settings.tls.enabled:
        return None
    tls = await asyncio.to_thread(Tls, settings.tls, settings.data_dir / "tls", names_of(settings))
    return await stack.enter_async_context(tls)


def _for_this_machine(settings: Settings) -> bool:
    """Whether nobody else can reach this server: then a token would be shown for nothing."""
    reached_by_others = settings.public_url or settings.access.proxies
    return settings.access.local and is_loopback_host(_host(settings)) and not reached_by_others


def _host(settings: Settings) -> str:
    return f"[{settings.host}]" if ":" in settings.host else settings.host


def ready_line(server: Running, settings: Settings) -> str:
    """What is printed once all is ready: the address, and on the first start the link that opens it."""
    if not server.first_token:
        return f"Vigie is ready: {server.url.replace('0.0.0.0', 'localhost').replace('127.0.0.1', 'localhost')}"
    url = settings.public_url or server.url
    if settings.public_url is None and settings.host in ("0.0.0.0", "::"):
        address = next(iter(own_addresses()), "localhost")
        host = f"[{address}]" if ":" in address else address
        url = url.replace("[::]", host).replace("0.0.0.0", host)
    link = f"{url.rstrip('/')}/#token={server.first_token}"
    return f"Vigie is ready: {link}\nWhoever opens this link is admin. It is shown this once; keep it to yourself."


def _presence(stack: AsyncExitStack, folder: Path) -> Presence:
    try:
        return stack.enter_context(presence(folder))
    except OSError as error:
        raise ConfigError(f"The data folder {folder} cannot be used: {error.strerror}.") from error


async def _evidence(
    stack: AsyncExitStack, settings: Settings, kept: Keeping, detector: Detector, metrics: Metrics, notices: Notices
) -> Evidence:
    try:
        return await stack.enter_async_context(
            Evidence(
                settings.evidence,
                settings.data_dir,
                kept.database,
                detector.labels,
                metrics,
                notices.evidence,
            )
        )
    except OSError as error:
        raise ConfigError(f"The folder for evidence cannot be used: {error.strerror}.") from error


def _tracker(settings: Settings) -> TrackerSettings:
    return TrackerSettings(settings.detector.confidence, settings.detector.weak_confidence)


def _use(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The data folder {folder} cannot be used: {error.strerror}.") from error


def _models(settings: Settings, metrics: Metrics) -> Models:
    _use(settings.data_dir / "cache")
    return Models(settings.detector, settings.models, settings.data_dir, metrics)


def _detector(settings: Settings, models: Models, metrics: Metrics) -> Detector:
    options = settings.detector
    return Detector(models.open_first(), options.workers, options.weak_confidence, options.nms_iou, metrics)


def _rule(settings: Settings) -> AddressRule:
    """Where cameras of the API may be. Where only this machine reaches Vigie, whoever does is on it already."""
    return AddressRule(tuple(ip_network(text) for text in settings.fleet.networks), _for_this_machine(settings))


def _whip_token(settings: Settings) -> str:
    """The token for pushing video under any name: that of the settings, or one made on the first start."""
    if settings.whip_token:
        return settings.whip_token.get_secret_value()
    return kept_text(settings.data_dir / "whip-token", lambda: secrets.token_urlsafe(24), LEAST_TOKEN)


def kept_text(path: Path, make: Callable[[], str], least: int) -> str:
    """What a file holds, made on the first start, of ``least`` signs at least. Raises ConfigError."""
    try:
        if not path.exists():
            new = path.with_name(f"{path.name}.{os.getpid()}")  # whole or not at all, however the start breaks off
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(make() + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        text = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"The file {path} cannot be used: {getattr(error, 'strerror', 'it is no text')}.") from error
    if len(text) < least:
        raise ConfigError(f"The file {path} has no text of {least} signs or more. Remove it to have one made.")
    return text


async def serve(
    settings: Settings, sources: Sequence[CameraSettings] = (), reread: Callable[[], Settings] | None = None
) -> None:
    """Run until SIGINT or SIGTERM; on SIGHUP read the settings again.

    A server whose scheduler broke would look alive and see nothing: that raises.
    """
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    async with running(settings, sources, reread) as server, _Reloading(server, again):
        await _unless_broken(server, server.ready)
        print(ready_line(server, settings), flush=True)
        await _unless_broken(server, stop)


class _Reloading(Background):
    """Reads the settings again whenever it is asked to."""

    def __init__(self, server: Running, asked: asyncio.Event) -> None:
        super().__init__("reloading")
        self._server = server
        self._asked = asked

    async def work(self) -> None:
        """See :class:`server.background.Background`."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            with suppress(ConfigError):  # which the log tells
                await self._server.reload()


async def _unless_broken(server: Running, event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((waiting, server.scheduler), return_when=asyncio.FIRST_COMPLETED)
        if server.scheduler.done():
            server.scheduler.result()
    finally:
        waiting.cancel()
