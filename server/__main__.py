"""The command line: ``python -m server``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from . import accounts, configuring, detecting, doctor, logs, replaying
from .app import serve
from .config import CameraSettings, ConfigError, Loaded, read_settings, settings_file
from .core.replay import RecordingError
from .plugins import ModelError, PluginError
from .urls import redacted

log = logging.getLogger(__name__)

COMMANDS: dict[str, Callable[[Sequence[str]], int | None]] = {
    "replay": replaying.run,
    "detect": detecting.run,
    "config": configuring.run,
    "doctor": doctor.run,
    "token": lambda rest: accounts.run(["token", *rest]),
    "user": lambda rest: accounts.run(["user", *rest]),
}
"""Each takes what follows its name and gives an exit code, or nothing."""


def parser() -> argparse.ArgumentParser:
    """The options. Those not given come from the environment or the settings file."""
    options = argparse.ArgumentParser(
        prog="python -m server",
        description="Vigie: a real-time video server that watches cameras for firearms.",
        epilog="python -m server detect --help: look for guns in pictures and videos. "
        "python -m server replay --help: try a confirmation policy on recordings. "
        "python -m server token --help, user --help: give access, also when locked out. "
        "python -m server config --help: the settings in force, and what is wrong with them. "
        "python -m server doctor: what works here and what does not.",
    )
    options.add_argument("--host", help="address to listen on; the default, 127.0.0.1, is this machine only")
    options.add_argument("--port", type=int, help="port to listen on; default 5000, 0 picks a free one")
    options.add_argument("--data-dir", type=Path, help="folder for what Vigie writes; default ./data")
    options.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    options.add_argument("--model", type=Path, help="ONNX file to use in place of the bundled gun detector")
    options.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="URL",
        help="a camera to watch: rtsp://..., http://..., a device such as /dev/video0, or a video file, "
        "which is played in a loop; NAME=URL gives it a name; may be given several times",
    )
    return options


def loaded_by(arguments: argparse.Namespace) -> Loaded:
    """The settings with the command line laid over them. Raises ConfigError."""
    names = ("host", "port", "data_dir")
    given: dict[str, Any] = {n: getattr(arguments, n) for n in names if getattr(arguments, n) is not None}
    if arguments.model:
        given["detector"] = {"model": arguments.model}
    return read_settings(settings_file(arguments.config), given)


def sources_of(arguments: argparse.Namespace, cameras: Iterable[CameraSettings]) -> list[CameraSettings]:
    """The cameras of the command line, under names that those of the settings have not. Raises ConfigError."""
    taken = {camera.name for camera in cameras}
    sources: list[CameraSettings] = []
    for source in arguments.source:
        sources.append(_camera(source, taken))
        taken.add(sources[-1].name)
    return sources


def _camera(source: str, taken: set[str]) -> CameraSettings:
    """A camera from ``URL`` or ``NAME=URL``; without a name it takes one from the URL."""
    given = re.match(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,62})=(.+)$", source)
    url = given[2] if given else source
    try:
        parts = urlsplit(url)
        stem = given[1] if given else (parts.hostname or Path(parts.path or url).stem)
    except ValueError as error:
        raise ConfigError(f"The source {redacted(url)} cannot be a camera: its URL cannot be read.") from error
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-._")[:56] or "camera"
    number = 2
    while name in taken:
        name, number = f"{re.sub(r'-[0-9]+$', '', name)}-{number}", number + 1
    try:
        return CameraSettings(name=name, url=url, loop=True)
    except ValidationError as error:
        reasons = "; ".join(str(mistake["msg"]).removeprefix("Value error, ") for mistake in error.errors())
        raise ConfigError(f"The source {redacted(url)} cannot be a camera: {reasons}.") from error


def main() -> None:
    """Start the server, or run a command; or say in one sentence why not."""
    try:
        if command := COMMANDS.get(sys.argv[1] if sys.argv[1:] else ""):
            sys.exit(command(sys.argv[2:]))
        arguments = parser().parse_args()
        loaded = loaded_by(arguments)
        settings, sources = loaded.settings, sources_of(arguments, loaded.settings.cameras)
        logs.set_up(settings.log_format, settings.log_level)
        for stranger in loaded.strangers:
            log.warning("%s", stranger)
        asyncio.run(serve(settings, sources, lambda: loaded_by(arguments).settings))
    except (ConfigError, PluginError, ModelError, RecordingError) as error:
        sys.exit(f"vigie: {error}")
    except BrokenPipeError:  # who read what was printed reads no more, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is the rest flushed at the end
        sys.exit(1)
    except OSError as error:
        sys.exit(f"vigie: {error.strerror or error}: is another program using the port? Choose one with --port.")


if __name__ == "__main__":
    main()
