"""The composition root: opens everything in order and closes it in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from aiohttp import web

from .addresses import AddressRule
from .cameras import Cameras
from .catalogue import Catalogue
from .config import CameraSettings, ConfigError, Settings, cores
from .core.policy import ConfirmationPolicy
from .core.tracking import TrackerSettings
from .detector import Detector
from .edge.api import Api
from .edge.cameras import CameraRoutes
from .edge.encoder import Encoders
from .edge.http import make_app
from .edge.mjpeg import Mjpeg
from .edge.sessions import SessionPlaces
from .edge.stills import Stills
from .edge.stream import Streams
from .edge.webrtc import WebRtcSessions
from .edge.whep import Whep
from .edge.whip import Whip
from .feed import Rates
from .memory import limit_arenas
from .metrics import Metrics
from .plugins import ModelError, load
from .store import EventStore

log = logging.getLogger(__name__)

LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at ``url``; ``ready`` once its model is warm; ``scheduler`` ends only by an error."""

    url: str
    ready: asyncio.Event
    scheduler: asyncio.Task[None]


@asynccontextmanager
async def running(settings: Settings, sources: Sequence[CameraSettings] = ()) -> AsyncIterator[Running]:
    """A whole server for as long as the block runs; ``sources``: cameras of the command line, which are kept nowhere.

    Raises ConfigError, PluginError, ModelError or OSError.
    """
    limit_arenas()
    async with AsyncExitStack() as stack:
        metrics, store = Metrics(), EventStore()
        detector = await stack.enter_async_context(_detector(settings, metrics))
        cameras = await stack.enter_async_context(
            Cameras(
                detector,
                store,
                metrics,
                ConfirmationPolicy(**settings.policy.model_dump()),
                TrackerSettings(settings.detector.confidence, settings.detector.weak_confidence),
                Rates(settings.detector.look_rate, settings.detector.suspicious_rate),
                Catalogue(settings.data_dir, settings.cameras),
                settings.fleet,
                _rule(settings),
                _whip_token(settings),
            )
        )
        pool = stack.enter_context(ThreadPoolExecutor(max(2, cores()), thread_name_prefix="edge"))
        places = SessionPlaces(settings.limits.sessions, metrics)
        webrtc = WebRtcSessions(cameras, Encoders(pool, metrics), places, pool, settings.limits.idle_s)
        streams = Streams(cameras, places, settings.limits, pool, metrics)
        api = Api(detector, cameras, store, metrics, settings.limits, webrtc, streams, pool)
        mjpeg = Mjpeg(cameras, places, Stills(pool, metrics))
        camera_routes = CameraRoutes(cameras, lambda name: webrtc.viewers(name) + mjpeg.viewers(name), pool)
        parts = (api, camera_routes, mjpeg, Whep(cameras, webrtc), Whip(webrtc))
        app = make_app([route for part in parts for route in part.routes()], settings.cors_origins)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        stack.push_async_callback(webrtc.close_all, "the server stops")
        stack.callback(streams.close_all, "the server stops")
        stack.callback(mjpeg.close_all)
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        cameras.open_all(sources)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield Running(f"http://{host}:{runner.addresses[0][1]}", detector.ready, detector.scheduler)
        log.info("stopping")


def _detector(settings: Settings, metrics: Metrics) -> Detector:
    options = settings.detector
    if not options.model.is_file():
        raise ModelError(f"There is no model file {options.model}.")
    cache = settings.data_dir / "cache"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The data folder {settings.data_dir} cannot be used: {error.strerror}.") from error
    backend = load("inference", options.backend).open_model(options.model, workers=options.workers, cache_dir=cache)
    return Detector(backend, options.workers, options.weak_confidence, options.nms_iou, metrics)


def _rule(settings: Settings) -> AddressRule:
    """Where cameras of the API may be. Whoever reaches a Vigie on loopback is on this machine already."""
    networks = tuple(ip_network(text) for text in settings.fleet.networks)
    try:
        loopback = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    return AddressRule(networks, loopback)


def _whip_token(settings: Settings) -> str:
    """The token for pushing video under any name: that of the settings, or one made on the first start."""
    if settings.whip_token:
        return settings.whip_token.get_secret_value()
    path = settings.data_dir / "whip-token"
    try:
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24) + "\n")
        token = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"The file {path} cannot be used: {getattr(error, 'strerror', 'it is no text')}.") from error
    if len(token) < LEAST_TOKEN:  # a start that broke off, on a full disk say, leaves it empty
        raise ConfigError(f"The file {path} has no token of {LEAST_TOKEN} signs or more. Remove it to have one made.")
    return token


async def serve(settings: Settings, sources: Sequence[CameraSettings] = ()) -> None:
    """Run until SIGINT or SIGTERM. A server whose scheduler broke would look alive and see nothing: that raises."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with running(settings, sources) as server:
        await _unless_broken(server, server.ready)
        print(
            f"Vigie is ready: {server.url.replace('0.0.0.0', 'localhost').replace('127.0.0.1', 'localhost')}",
            flush=True,
        )
        await _unless_broken(server, stop)


async def _unless_broken(server: Running, event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((waiting, server.scheduler), return_when=asyncio.FIRST_COMPLETED)
        if server.scheduler.done():
            server.scheduler.result()
    finally:
        waiting.cancel()
