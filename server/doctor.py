"""``python -m server doctor``: what works here and what does not, why, and what to do. It changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from . import checks
from .addresses import ANYWHERE
from .aside import aside
from .catalogue import Catalogue
from .checks import Broken, Check, Finding
from .config import CameraSettings, ConfigError, Loaded, Settings, read_settings, settings_file
from .edge.rungs import try_websocket, ways
from .keeping import base_url_of
from .plugins import ModelError, PluginError, SourceLost, load
from .probe import probe
from .store.database import Database, DatabaseError, plain_words
from .store.subscriptions import Subscription, all_of
from .urls import PUSHED


def run(arguments: Sequence[str]) -> None:
    """The command: exit code 0 when all works, 1 when something does not."""
    asked = _parser().parse_args(arguments)
    try:
        loaded = read_settings(settings_file(asked.config), {})
    except ConfigError as error:
        findings = [Finding("settings", "", False, str(error))]
    else:
        findings = asyncio.run(examine(loaded))
    if asked.json:
        print(json.dumps([{"name": finding.name, **asdict(finding)} for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.works else 'FAIL'}  {finding.name}: {finding.detail}")
    sys.exit(0 if all(finding.works for finding in findings) else 1)


async def examine(loaded: Loaded) -> list[Finding]:
    """All checks, side by side."""
    hooks = [("receiver", hook.id, partial(checks.webhook, hook)) for hook in await _webhooks(loaded.settings)]
    return await checks.all_made((*_checks(loaded), *hooks))


def _checks(loaded: Loaded) -> Iterator[tuple[str, str, Check]]:
    """Each check: what it looks at, and which one."""
    settings = loaded.settings
    yield "settings", "", partial(_settings, loaded)
    yield "model", "", partial(_model, settings)
    yield "disk", "", partial(checks.disk, settings.data_dir)
    yield "database", "", partial(_database, settings)
    yield "certificate", "", partial(checks.certificate, settings)
    for camera, _ in Catalogue(settings.data_dir, settings.cameras).cameras():
        yield "camera", camera.name, partial(_camera, camera)
    if settings.mqtt.url:
        yield "receiver", "mqtt", partial(checks.broker, settings)
    yield from ways(settings.ice)
    if settings.port:
        yield "WebSocket", "", partial(try_websocket, base_url_of(settings, settings.port))


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
        found.close()
        return checks.model(found.info)

    try:
        return await aside(open_it, "model")
    except (ModelError, PluginError) as error:
        raise Broken(str(error)) from error


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
        async with asyncio.timeout(checks.LIMIT_S), Database(url or "").peek() as connection:
            return [one for one in await all_of(connection) if one.channel == "webhook" and one.enabled]
    return []


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


def _parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m server doctor",
        description="Say what works and what does not, why, and what to do. The exit code is 1 when something fails.",
    )
    options.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    options.add_argument("--json", action="store_true", help="print it as JSON")
    return options
