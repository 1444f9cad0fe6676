"""The seams: what a source, a backend and an alert channel must do, and how one is found by its name."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .core.frame import Picture


class PluginError(Exception):
    """A kind that does not exist or whose library is not installed; the message says what to do."""


class SourceLost(Exception):
    """A source cannot be opened or broke off; the message says why, without passwords."""


class ModelError(Exception):
    """A model file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model is. ``size``: longer side of its input in pixels; ``stride``: what both sides divide by.

    ``sha256`` is of the file that was named, ``precision`` of what runs: ``int8`` may come from a file beside it.
    ``asked`` is the device of the settings; ``fallback`` is why it is not the one in use.
    """

    name: str
    labels: tuple[str, ...]
    backend: str
    device: str
    size: int = 640
    stride: int = 32
    precision: str = "fp32"
    version: str = ""
    sha256: str = ""
    asked: str = ""
    fallback: str | None = None


class Backend(Protocol):
    """A loaded model. A module in ``inference/`` has
    ``open_model(path, *, workers, cache_dir=None, device="", precision="fp32") -> Backend``.

    It raises :class:`ModelError` for a file it cannot use and a device it does not know. A device that is not there is
    replaced by the CPU, and ``info`` says so. ``precision``: ``int8`` where that is faster and there is a file for it.
    """

    info: ModelInfo

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (h, w, 3) uint8, sides multiples of the stride -> (4 + classes, anchors) float32 as YOLOv8 has it.

        Called by as many threads at once as there are workers; blocks the caller.
        """
        ...

    def prepare(self, height: int, width: int) -> None:
        """Inputs of these sides will come often: do now what makes them fast. Blocks the caller."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """A decoded picture and its timestamp in ticks of the 90 kHz media clock, growing from picture to picture.

    ``tape_time``: its time on the tape that its packets went to (:class:`PacketTap`), where that is known.
    """

    picture: Picture
    timestamp: int
    tape_time: int | None = None


class PacketTap(Protocol):
    """Who keeps the packets of a source besides, as they are coded. All calls come from the source's thread."""

    def begin(self, codec: str, extradata: bytes) -> bool:
        """A stream begins; ``codec`` as FFmpeg names it, ``extradata`` as its container has it. Whether its packets are
        wanted."""
        ...

    def packet(self, data: bytes, pts: int | None, dts: int | None, is_key: bool) -> int | None:
        """The next packet, its times in ticks of 90 kHz. Returns the time of its picture on the tape, or None when it
        is not kept."""
        ...

    def shown(self, tape_time: int, captured_at: float) -> None:
        """The picture of this time on the tape was captured ``captured_at`` (monotonic s)."""
        ...

    def end(self) -> None:
        """No more packets come."""
        ...


class Stop:
    """Told to a source from another thread: end soon. What blocks can be called back by it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._calls: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def set(self) -> None:
        """End now. A second time does nothing."""
        with self._lock:
            self._event.set()
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def is_set(self) -> bool:
        """Whether the end was told."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long at the most; whether the end was told."""
        return self._event.wait(max(seconds, 0))

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Inside the block, the end is told by this call too, from another thread."""
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._calls.append(call)
        if late:
            call()
        try:
            yield
        finally:
            with self._lock:
                if call in self._calls:
                    self._calls.remove(call)


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What to open and how. ``url`` has no user and no password in it: those are apart.

    ``resolve`` gives the address of a host and port that may be connected to, or raises :class:`SourceLost`;
    ``redirects``: the camera may lead to any other address by itself; ``stop`` lets the source end, also while it is
    being opened; ``tap`` gets what is sent as it is coded.
    """

    url: str
    stop: Stop
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: str = "tcp"
    loop: bool = False
    resolve: Callable[[str, int], str] | None = None
    redirects: bool = False
    tap: PacketTap | None = None


class Source(Protocol):
    """An open source of video. A module in ``sources/`` has ``open_source(request) -> OpenSource``.

    It raises :class:`SourceLost` when there is nothing to open, and gives up a silent address within
    :data:`PATIENCE_S`. Opening, reading and closing are done by one thread, which may block as long as the
    request's :class:`Stop` can end it.
    """

    codec: str
    """What the video is coded in, as FFmpeg names it: ``h264``."""

    def frames(self) -> Iterator[SourceFrame]:
        """Pictures as they come, in real time; ends when the source does. Raises :class:`SourceLost`."""
        ...


PATIENCE_S = 9.5
"""How long a camera may take to answer, or be silent, before it is given up."""

OpenSource = AbstractContextManager[Source]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told: its address, and the secrets that what it gets is signed with, the newest first."""

    id: str
    url: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Alert:
    """What a receiver is told. ``id`` and ``body`` (JSON) are the same on every try; ``type`` is ``event.confirmed``
    and so on; ``camera`` is None for a test."""

    id: str
    type: str
    body: bytes
    camera: str | None


class Outcome(StrEnum):
    """How a try ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """Not now: it is tried again."""
    REFUSED = "refused"
    """Never like this: the settings forbid this receiver, or its address cannot be used."""
    GONE = "gone"
    """The receiver wants nothing more."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a try ended, and what the receiver said. ``error`` is for people and holds no secret; ``response`` is how the
    answer began; ``retry_after_s`` is how long the receiver wants to be left alone."""

    outcome: Outcome
    status: int | None = None
    error: str | None = None
    response: str | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class CameraCondition:
    """How a camera stands, for channels that show it: its state, and the gravest state of an open event."""

    camera: str
    state: str
    suspicion: str | None
    event: str | None
    """The id of that event."""


class Channel(Protocol):
    """A way to tell people or machines. A module in ``alerts/`` has ``open_channel(settings) -> OpenChannel``, given
    the :class:`server.config.Settings`; it is opened on the event loop, once, and raises :class:`PluginError` when they
    are of no use."""

    async def send(self, receiver: Receiver, alert: Alert) -> Reply:
        """Try once, within the channel's own time limits. Raises nothing but cancellation."""
        ...

    async def show(self, condition: CameraCondition | None, camera: str) -> None:
        """Show how a camera stands, or, with None, that there is none of this name any more. Channels that show nothing
        do nothing. Raises nothing but cancellation."""
        ...


OpenChannel = AbstractAsyncContextManager[Channel]


def kinds(family: str) -> list[str]:
    """The kinds of a family (``alerts``, ``inference``, ``sources``): the names of its modules."""
    folder = Path(__file__).parent / family
    return sorted(module.name for module in pkgutil.iter_modules([str(folder)]))


def load(family: str, kind: str) -> ModuleType:
    """Import the one module of a kind; raises :class:`PluginError` when there is none or its library is missing."""
    known = kinds(family)
    if kind not in known:
        raise PluginError(f"There is no {family} kind {kind!r}. Choose one of: {', '.join(known)}.")
    try:
        return importlib.import_module(f"{__package__}.{family}.{kind}")
    except ModuleNotFoundError as error:
        raise PluginError(
            f"{family} kind {kind!r} needs the Python package {error.name!r}, which is not installed. "
            f"Install it, or choose another kind: {', '.join(k for k in known if k != kind)}."
        ) from error
