"""The cameras that were added or changed by API, kept on disk. Passwords are in a file of their own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .config import CameraSettings, ConfigError

CAMERAS, CREDENTIALS = "cameras.json", "camera-credentials.json"
SECRETS = {"username", "password"}
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A camera as it is kept. ``camera`` None: one of the settings that was removed by API.

    ``over`` is the mark of the camera in the settings that this one stands over, or None when there is none.
    """

    camera: CameraSettings | None
    over: str | None = None


class Catalogue:
    """What the API did to the cameras, in the data folder. What the API changes stays, until the settings say something
    new about that very camera: then they are right."""

    def __init__(self, folder: Path, declared: Sequence[CameraSettings]) -> None:
        self._folder = folder
        self._marks = {camera.name: mark_of(camera) for camera in declared}
        self._declared = {camera.name: camera for camera in declared}
        self._writing = asyncio.Lock()
        self._saving = threading.Lock()
        self._entries = self._read()

    def cameras(self) -> list[tuple[CameraSettings, bool]]:
        """All cameras to open, and whether each is just as the settings have it."""
        cameras: list[tuple[CameraSettings, bool]] = []
        for name, camera in self._declared.items():
            entry = self._entries.get(name)
            if entry is None:
                cameras.append((camera, True))
            elif entry.camera:
                cameras.append((entry.camera, False))
        names = set(self._declared)
        cameras += [(e.camera, False) for name, e in self._entries.items() if e.camera and name not in names]
        return cameras

    async def keep(self, camera: CameraSettings) -> None:
        """Keep a camera as it is now. Raises OSError."""
        await self._write(camera.name, Entry(camera, self._marks.get(camera.name)))

    async def forget(self, name: str) -> None:
        """Keep in mind that a camera was removed. Raises OSError."""
        await self._write(name, Entry(None, self._marks[name]) if name in self._marks else None)

    def _read(self) -> dict[str, Entry]:
        try:
            kept = _load(self._folder / CAMERAS)
            if kept.get("version", VERSION) != VERSION:
                raise ValueError("written by another version")
            secrets = _load(self._folder / CREDENTIALS)
            entries = {
                name: Entry(
                    CameraSettings(**{**fields["camera"], **secrets.get(name, {})}) if fields["camera"] else None,
                    fields["over"],
                )
                for name, fields in kept.get("cameras", {}).items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ValidationError) as error:
            raise ConfigError(
                f"The cameras kept in {self._folder / CAMERAS} cannot be read ({type(error).__name__}). Mend the file, "
                "or move it and camera-credentials.json away to begin without them."
            ) from error
        # What stands over something that the settings no longer say has had its time.
        return {name: entry for name, entry in entries.items() if entry.over == self._marks.get(name)}

    async def _write(self, name: str, entry: Entry | None) -> None:
        """Give a name another entry, or none."""
        async with self._writing:  # also the reading: of two changes at once none undoes the other
            entries = {**self._entries, name: entry or Entry(None)}
            if entry is None:
                del entries[name]
            await asyncio.to_thread(self._save, entries)
            self._entries = entries

    def _save(self, entries: dict[str, Entry]) -> None:
        with self._saving:  # whoever is cancelled leaves this running behind
            self._replace(entries)

    def _replace(self, entries: dict[str, Entry]) -> None:
        secrets = {name: _secrets(entry.camera) for name, entry in entries.items() if entry.camera}
        cameras = {
            name: {
                "camera": entry.camera.model_dump(mode="json", exclude=SECRETS) if entry.camera else None,
                "over": entry.over,
            }
            for name, entry in entries.items()
        }
        written: list[Path] = []
        try:
            # First the passwords: a camera whose password is missing would be worse than one too many. But neither
            # takes the place of the old one before both are on the disk, for that may be full.
            for name, content in (
                (CREDENTIALS, {name: kept for name, kept in secrets.items() if kept}),
                (CAMERAS, {"version": VERSION, "cameras": cameras}),
            ):
                written.append(self._folder / f"{name}.new")
                _write_new(written[-1], content)
            for new in written:
                new.replace(new.with_suffix(""))
        except OSError:
            for new in written:
                with suppress(OSError):
                    new.unlink()
            raise


def mark_of(camera: CameraSettings) -> str:
    """What tells whether a camera of the settings was changed there."""
    # Without what is as usual: a setting that a later version has besides must not make every camera a changed one.
    fields = {**camera.model_dump(mode="json", exclude=SECRETS, exclude_defaults=True), **_secrets(camera)}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _secrets(camera: CameraSettings) -> dict[str, str]:
    kept: dict[str, str] = {}
    if camera.username is not None:
        kept["username"] = camera.username
    if camera.password is not None:
        kept["password"] = camera.password.get_secret_value()
    return kept


def _load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict):
        raise TypeError("not an object")
    return content


def _write_new(path: Path, content: dict[str, Any]) -> None:
    """Write a file that only its owner can read, to the disk itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # one that was left behind may be open to others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
