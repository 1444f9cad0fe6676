"""``python -m server doctor``: what works here and what does not, why, and what to do. It changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from .addresses import ANYWHERE
from .aside import aside
from .catalogue import Catalogue
from .config import CameraSettings, ConfigError, Loaded, Settings, read_settings, settings_file
from .edge.rungs import RungBroken, try_stun, try_turn, try_udp, try_websocket
from .keeping import base_url_of
from .plugins import ModelError, PluginError, SourceLost, load
from .probe import probe
from .store.database import Database, DatabaseError, plain_words
from .store.subscriptions import Subscription, all_of
from .urls import PUSHED, address_of, knock

LIMIT_S = 15.0
LEAST_FREE_BYTES = 20_000_000

Check = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``detail`` says what works, or why it does not and what to do."""

    name: str
    works: bool
    detail: str


class Broken(Exception):
    """What is checked does not work; the message says why and what to do."""


def run(arguments: Sequence[str]) -> None:
    """The command: exit code 0 when all works, 1 when something does not."""
    asked = _parser().parse_args(arguments)
    try:
        loaded = read_settings(settings_file(asked.config), {})
    except ConfigError as error:
        findings = [Finding("settings", False, str(error))]
    else:
        findings = asyncio.run(examine(loaded))
    if asked.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.works else 'FAIL'}  {finding.name}: {finding.detail}")
    sys.exit(0 if all(finding.works for finding in findings) else 1)


async def examine(loaded: Loaded) -> list[Finding]:
    """All checks, side by side, each in :data:`LIMIT_S` or less."""
    hooks: list[tuple[str, Check]] = [
        (f"receiver {hook.id}", partial(_webhook, hook)) for hook in await _webhooks(loaded.settings)
    ]
    return list(await asyncio.gather(*(_made(name, check) for name, check in (*checks(loaded), *hooks))))


def checks(loaded: Loaded) -> Iterator[tuple[str, Check]]:
    """Each check by its name."""
    settings = loaded.settings
    yield "settings", partial(_settings, loaded)
    yield "model", partial(_model, settings)
    yield "disk", partial(_disk, settings.data_dir)
    yield "database", partial(_database, settings)
    for camera, _ in Catalogue(settings.data_dir, settings.cameras).cameras():
        yield f"camera {camera.name}", partial(_camera, camera)
    if settings.mqtt.url:
        yield "receiver mqtt", partial(_broker, settings)
    yield "UDP", partial(try_udp, settings.ice)
    for url in settings.ice.stun:
        yield f"STUN {url}", partial(try_stun, url)
    for url in settings.ice.turn:
        yield f"TURN {url}", partial(try_turn, url, settings.ice)
    if settings.port:
        yield "WebSocket", partial(try_websocket, base_url_of(settings, settings.port))


async def _made(name: str, check: Check) -> Finding:
    try:
        async with asyncio.timeout(LIMIT_S):
            return Finding(name, True, await check())
    except TimeoutError:
        return Finding(name, False, f"There was no answer within {LIMIT_S:g} s.")
    except (Broken, RungBroken) as error:
        return Finding(name, False, str(error))


async def _settings(loaded: Loaded) -> str:
    if loaded.strangers:
        raise Broken(" ".join(f"{stranger}." for stranger in loaded.strangers))
    return "They are right."


async def _model(settings: Settings) -> str:
    options = settings.detector
    if not options.model.is_file():
        raise Broken(f"There is no model file {options.model}. See detector.model.")

    def open_it() -> str:
        found = load("inference", options.backend).open_model(
            options.model, workers=1, device=options.device, precision=options.precision
        )
        info = found.info
        found.close()
        if info.fallback:
            raise Broken(f"{info.name} runs on {info.device}, for {info.fallback}. See detector.device.")
        return f"{info.name} is run by {info.backend} on {info.device}, {info.precision}."

    try:
        return await aside(open_it, "model")
    except (ModelError, PluginError) as error:
        raise Broken(str(error)) from error


async def _disk(folder: Path) -> str:
    return await asyncio.to_thread(_room, folder)


def _room(folder: Path) -> str:
    place = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE_BYTES:
        raise Broken(f"{free / 1e6:.0f} MB are free at {place}. Make room, or see data_dir.")
    return f"{free / 1e9:.1f} GB are free at {place}."


async def _database(settings: Settings) -> str:
    url = _database_url(settings)
    if url is None:
        return "It is made on the first start."
    try:
        database = Database(url)
        async with database.peek() as connection:
            await all_of(connection)
    except DatabaseError as error:
        raise Broken(str(error)) from error
    except TimeoutError:
        raise
    except Exception as error:  # whatever the driver says
        raise Broken(f"It cannot be used: {plain_words(error)}. See database.") from error
    return f"{database} answers."


def _database_url(settings: Settings) -> str | None:
    """None: there is none yet."""
    file = settings.data_dir / "vigie.db"
    if settings.database:
        return settings.database.get_secret_value()
    return f"sqlite:///{file}" if file.exists() else None


async def _webhooks(settings: Settings) -> list[Subscription]:
    """Those that are switched on; none where the database cannot be read, which has a check of its own."""
    url = _database_url(settings)
    with suppress(Exception):
        async with asyncio.timeout(LIMIT_S), Database(url or "").peek() as connection:
            return [one for one in await all_of(connection) if one.channel == "webhook" and one.enabled]
    return []


async def _webhook(subscription: Subscription) -> str:
    host, port = address_of(subscription.url, {"http": 80, "https": 443})
    try:
        await aside(lambda: knock(host, port, 5), "knock")
    except SourceLost as lost:
        raise Broken(f"{str(lost).capitalize()} ({host}). Alerts wait for it. See the page Alerts.") from lost
    if (subscription.last_failure_at or 0) > (subscription.last_success_at or 0):
        raise Broken(f"Its last delivery failed: {subscription.last_failure_error}. See the page Alerts.")
    return f"Somebody listens at {host}:{port}."


async def _camera(camera: CameraSettings) -> str:
    if not camera.enabled:
        return "It is switched off."
    if camera.kind == PUSHED:
        return "It is pushed, and cannot be asked."
    try:
        found = await probe(camera, ANYWHERE)
    except SourceLost as lost:
        raise Broken(f"There is no picture: {lost}. See its url, user and network.") from lost
    return (
        f"It sends {found.picture.width}x{found.picture.height}, {found.codec}, {found.frames_per_second:.0f} a second."
    )


async def _broker(settings: Settings) -> str:
    host, port = settings.mqtt.address
    try:
        await aside(lambda: knock(host, port, 5), "knock")
    except SourceLost as lost:
        raise Broken(f"{str(lost).capitalize()}. See mqtt.url.") from lost
    return f"Somebody listens at {host}:{port}."


def _parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m server doctor",
        description="Say what works and what does not, why, and what to do. The exit code is 1 when something fails.",
    )
    options.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    options.add_argument("--json", action="store_true", help="print it as JSON")
    return options
