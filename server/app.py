"""The composition root: opens everything in order and closes it in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from .cameras import Cameras
from .config import ConfigError, Settings, cores
from .core.policy import ConfirmationPolicy
from .core.tracking import TrackerSettings
from .detector import Detector
from .edge.api import Api
from .edge.encoder import Encoders
from .edge.http import make_app
from .edge.sessions import SessionPlaces
from .edge.stream import Streams
from .edge.webrtc import WebRtcSessions
from .feed import Rates
from .metrics import Metrics
from .plugins import ModelError, load
from .store import EventStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at ``url``; ``ready`` once its model is warm; ``scheduler`` ends only by an error."""

    url: str
    ready: asyncio.Event
    scheduler: asyncio.Task[None]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A whole server for as long as the block runs. Raises PluginError, ModelError or OSError."""
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
            )
        )
        pool = stack.enter_context(ThreadPoolExecutor(max(2, cores()), thread_name_prefix="edge"))
        places = SessionPlaces(settings.limits.sessions, metrics)
        webrtc = WebRtcSessions(cameras, Encoders(pool, metrics), places, settings.limits.idle_s)
        streams = Streams(cameras, places, settings.limits, pool, metrics)
        api = Api(detector, cameras, store, metrics, settings.limits, webrtc, streams, pool)
        runner = web.AppRunner(make_app(api, settings.cors_origins), access_log=None, shutdown_timeout=5)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        stack.push_async_callback(webrtc.close_all, "the server stops")
        stack.callback(streams.close_all, "the server stops")
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        for camera in settings.cameras:
            cameras.add(camera)
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


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. A server whose scheduler broke would look alive and see nothing: that raises."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with running(settings) as server:
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
