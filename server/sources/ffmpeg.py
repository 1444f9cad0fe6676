"""All that FFmpeg opens: RTSP, HTTP, files and V4L2 devices, decoded by PyAV."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av

from ..core.frame import CLOCK_RATE
from ..plugins import SourceFrame, SourceLost
from ..video import picture_of

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 10.0
USUAL_STEP = CLOCK_RATE // 30
LONGEST_GAP = 10 * CLOCK_RATE
"""A larger jump between two pictures is a new clock, not a pause."""


class FfmpegSource:
    """One open input. A file plays at its own speed and, with ``loop``, begins again; all else sets its own pace."""

    def __init__(self, container: av.container.InputContainer, *, is_file: bool, loop: bool) -> None:
        if not container.streams.video:
            raise SourceLost("it has no video stream")
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO" if is_file else "SLICE"  # frame threads add their number in frames of delay
        self._is_file = is_file
        self._loop = loop
        self._stopped = threading.Event()

    def frames(self) -> Iterator[SourceFrame]:
        """See :class:`server.plugins.Source`."""
        timestamp, last_pts = 0, None
        begun = time.monotonic()
        for frame in self._decoded():
            pts = (
                None if frame.pts is None or frame.time_base is None else int(frame.pts * frame.time_base * CLOCK_RATE)
            )
            step = USUAL_STEP if pts is None or last_pts is None else pts - last_pts
            last_pts = pts
            timestamp += step if 0 < step < LONGEST_GAP else USUAL_STEP
            if self._is_file and self._stopped.wait(begun + timestamp / CLOCK_RATE - time.monotonic()):
                return
            yield SourceFrame(picture_of(frame), timestamp)

    def stop(self) -> None:
        """See :class:`server.plugins.Source`. A read under way ends within its time limit."""
        self._stopped.set()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        try:
            while True:
                count = 0
                for packet in self._container.demux(self._stream):
                    for frame in self._frames_of(packet):
                        if self._stopped.is_set():
                            return
                        count += 1
                        yield frame
                if not self._is_file:
                    raise SourceLost("the camera ended the stream")
                if not (self._loop and count):
                    return
                self._container.seek(0)
        except av.error.FFmpegError as error:
            raise SourceLost(_reason(error)) from error

    def _frames_of(self, packet: av.Packet[Any]) -> list[av.VideoFrame]:
        """The pictures of a packet. One that cannot be decoded is passed over, as after every loss on a network."""
        try:
            return list(packet.decode())
        except av.error.InvalidDataError:
            return []


@contextmanager
def open_source(url: str, *, loop: bool = False) -> Iterator[FfmpegSource]:
    """Open a URL, a file or a device; raises :class:`SourceLost` with a reason that holds no password."""
    options: dict[str, str] = {}
    form: str | None = None
    scheme = urlsplit(url).scheme
    if scheme in ("rtsp", "rtsps"):
        options = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay"}
    elif url.startswith("/dev/"):
        form = "v4l2"
    is_file = form is None and (scheme in ("", "file") or len(scheme) == 1)
    if is_file and not Path(url.removeprefix("file://")).is_file():
        raise SourceLost("there is no such file")
    arguments: dict[str, Any] = {} if is_file else {"timeout": (OPEN_TIMEOUT_S, READ_TIMEOUT_S)}
    try:
        container = av.open(url, format=form, options=options, **arguments)
    except (av.error.FFmpegError, OSError) as error:
        raise SourceLost(_reason(error)) from error
    with container:
        yield FfmpegSource(container, is_file=is_file, loop=loop)


def _reason(error: Exception) -> str:
    """The words of an error without the URL that FFmpeg puts behind them, for it may hold a password."""
    words = getattr(error, "strerror", None) or type(error).__name__
    return str(words)[0].lower() + str(words)[1:]
