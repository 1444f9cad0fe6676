"""Cameras of this machine: Video4Linux devices such as ``/dev/video0``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..playing import Playback, opened
from ..plugins import SourceRequest


@contextmanager
def open_source(request: SourceRequest) -> Iterator[Playback]:
    """Open a device; see :class:`server.plugins.Source`."""
    with opened(request, request.url.removeprefix("v4l2:"), format="v4l2") as container:
        yield Playback(container, request.stop, tap=request.tap)
