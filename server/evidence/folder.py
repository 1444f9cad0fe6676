"""Evidence on this machine's disk: whole files or none, and a place for what is not finished."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from ..core.evidence import MEDIA_TYPES, folder_of
from ..store.rows import EvidenceFile

WORK = "work"
PART = ".part"
CHUNK = 1 << 20


class EvidenceFolder:
    """``YYYY/MM/DD/EVENTID/NAME`` for what is finished, ``work/EVENTID`` for what is not. Everything blocks and may
    raise OSError; any thread may call."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._work = root / WORK
        self._lock: IO[str] | None = None
        self.is_ours = False
        """Whether no other process uses it: what is unfinished there is nobody's."""

    def prepare(self) -> None:
        """Make the folder, for its owner alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._work.mkdir(mode=0o700, exist_ok=True)
        self._lock = (self._work / "lock").open("w")
        with suppress(BlockingIOError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_ours = True

    def close(self) -> None:
        """Use it no more."""
        if self._lock:
            self._lock.close()

    def path(self, event_id: str, name: str) -> Path:
        """Where a finished file is."""
        return self.root / folder_of(event_id) / name

    def open(self, event_id: str, name: str) -> BinaryIO:
        """A finished file, to be read."""
        return self.path(event_id, name).open("rb")

    def work(self, event_id: str) -> Path:
        """The place for what is not finished of an event, made where it is missing."""
        path = self._work / event_id
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def finished(self) -> list[str]:
        """The events that have finished files here, oldest first."""
        return sorted(path.name for path in self.root.glob("????/??/??/*") if path.is_dir())

    def unfinished(self) -> list[str]:
        """The events that have such a place."""
        return sorted(entry.name for entry in self._work.iterdir() if entry.is_dir())

    def finish(self, event_id: str) -> None:
        """Nothing is unfinished of this event any more."""
        shutil.rmtree(self._work / event_id, ignore_errors=True)

    def tidy(self, event_id: str) -> None:
        """Let go of what an end of the server left half written beside the finished files of an event."""
        for part in (self.root / folder_of(event_id)).glob(f"*{PART}"):
            part.unlink(missing_ok=True)

    def discard(self, event_id: str) -> int:
        """Let go of all there is of an event; returns the bytes of what was finished."""
        self.finish(event_id)
        return self.remove(event_id)

    def write(self, event_id: str, name: str, data: bytes) -> EvidenceFile:
        """A finished file of this content."""
        with self._new(event_id, name) as part:
            part.write_bytes(data)
        return EvidenceFile(name, MEDIA_TYPES[name], len(data), hashlib.sha256(data).hexdigest())

    def adopt(self, event_id: str, name: str, source: Path) -> EvidenceFile:
        """Make a file of the work place a finished one."""
        with self._new(event_id, name) as part:
            source.replace(part)
        return self.known(event_id, name)

    def known(self, event_id: str, name: str) -> EvidenceFile:
        """What is to be known of a finished file."""
        path = self.path(event_id, name)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return EvidenceFile(name, MEDIA_TYPES[name], path.stat().st_size, digest.hexdigest())

    def has(self, event_id: str) -> bool:
        """Whether anything finished of this event is here."""
        try:
            return (self.root / folder_of(event_id)).is_dir()
        except ValueError:
            return False

    def remove(self, event_id: str) -> int:
        """Let go of all that is finished of an event, and of folders of days that are empty then; returns its bytes."""
        folder = self.root / folder_of(event_id)
        size = sum(entry.stat().st_size for entry in folder.iterdir()) if folder.is_dir() else 0
        shutil.rmtree(folder, ignore_errors=True)  # as much of it as can be
        if folder.exists():
            raise OSError(errno.ENOTEMPTY, "The folder cannot be removed", str(folder))
        for parent in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
            with suppress(OSError):  # another event is there
                parent.rmdir()
        return size

    def size(self) -> int:
        """Bytes of all files, finished or not."""
        total = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def free(self) -> int:
        """Bytes that the disk has left."""
        return shutil.disk_usage(self.root).free

    @contextmanager
    def _new(self, event_id: str, name: str) -> Iterator[Path]:
        """A path to write to; with the block's end what is there is on the disk and has its name, or nothing is."""
        path = self.path(event_id, name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(name + PART)
        try:
            yield part
            _sync(part)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
