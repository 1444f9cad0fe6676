"""The seams: what a source and a backend must do, and how one is found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
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
    """What a loaded model is. ``size``: longer side of its input in pixels; ``stride``: what both sides divide by."""

    name: str
    labels: tuple[str, ...]
    backend: str
    device: str
    size: int = 640
    stride: int = 32


class Backend(Protocol):
    """A loaded model. A module in ``inference/`` has ``open_model(path, *, workers, cache_dir) -> Backend``.

    It raises :class:`ModelError` for a file it cannot use.
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
    """A decoded picture and its timestamp in ticks of the 90 kHz media clock, growing from picture to picture."""

    picture: Picture
    timestamp: int


class Source(Protocol):
    """An open source of video. A module in ``sources/`` has ``open_source(url, *, loop) -> OpenSource``."""

    def frames(self) -> Iterator[SourceFrame]:
        """Pictures as they come, in real time; ends when the source does. Raises :class:`SourceLost`.

        Runs in a thread of its own; another thread may :meth:`stop` it.
        """
        ...

    def stop(self) -> None:
        """Let :meth:`frames` end soon."""
        ...


OpenSource = AbstractContextManager[Source]


def kinds(family: str) -> list[str]:
    """The kinds of a family (``inference``, ``sources``): the names of its modules."""
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
