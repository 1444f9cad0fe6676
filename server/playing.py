"""Plays an open PyAV container: decodes, keeps time, ends when told. What the kinds of sources share."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import av.container.core

from .core.frame import CLOCK_RATE
from .core.mediaclock import MediaClock
from .plugins import PATIENCE_S, PacketTap, SourceFrame, SourceLost, SourceRequest, Stop
from .urls import address_of, for_ffmpeg, knock
from .video import picture_of

USUAL_STEP = CLOCK_RATE // 30
MOST_LATE_S = 1.0
"""A paced source that is later than this plays on from now: what was missed is not made up for."""

MOST_BROKEN = 300
"""Packets in a row that give no picture: past this it is no video, not a loss on the way."""

MOST_INSIDE = 256
"""Packets whose pictures a decoder may still hold back."""

REASONS = {
    "HTTPUnauthorizedError": "it refused the user name or the password",
    "HTTPForbiddenError": "it refused access: the user may not see this stream",
    "HTTPNotFoundError": "it has no stream at this path",
    "HTTPBadRequestError": "it did not understand the request for this path",
    "HTTPServerError": "it answered with an error of its own",
    "HTTPOtherClientError": "it refused the request for this path",
    "ConnectionRefusedError": "nothing listens at this address and port",
    "HostUnreachableError": "there is no way to this address",
    "NetworkUnreachableError": "there is no way to this address",
    "ConnectionResetError": "it closed the connection",
    "BrokenPipeError": "it closed the connection",
    "EOFError": "it ended the stream",
    "TimeoutError": "it did not answer in time",
    "ExitError": "it did not answer in time",
    "InvalidDataError": "what it sends is not video that can be read",
    "ProtocolNotFoundError": "it asks for a protocol that is not allowed",
    "FileNotFoundError": "there is no such file or device",
    "PermissionError": "this file or device may not be read",
    "OptionNotFoundError": "it sends in a way that is not supported",
}


READ_LIMIT_S = PATIENCE_S + 2.0
"""More than the reader's patience: at a time limit of its own FFmpeg first hands out the picture it still holds back,
and a camera that has long been silent would look alive once more."""

VAGUE = (REASONS["InvalidDataError"], REASONS["TimeoutError"])
KNOCK_S = 2.0


class Playback:
    """The pictures of a container's first video stream.

    ``paced``: pictures come faster than they are to be shown, as from a file or in the pieces of HLS, and wait for
    their time. ``own_clock``: the stream has timestamps worth believing; without, the arrival counts. ``tap`` gets
    every packet.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stop: Stop,
        *,
        paced: bool = False,
        loop: bool = False,
        endless: bool = True,
        own_clock: bool = True,
        tap: PacketTap | None = None,
    ) -> None:
        if not container.streams.video:
            raise SourceLost("it sends no video" + (", only sound" if container.streams.audio else ""))
        self._container = container
        self._stop = stop
        self._stream = container.streams.video[0]
        # Threads by frame add their number in frames of delay, which is nothing to what is paced anyway.
        self._stream.thread_type = "AUTO" if paced else "SLICE"
        self._paced, self._loop, self._endless, self._own_clock = paced, loop, endless, own_clock
        self.codec = self._stream.codec_context.name
        wanted = tap is not None and tap.begin(self.codec, self._stream.codec_context.extradata or b"")
        self._tap = tap if wanted else None
        self._tape_times: dict[int, int] = {}

    def frames(self) -> Iterator[SourceFrame]:
        """See :class:`server.plugins.Source`."""
        with interruptible(self._stop):
            yield from self._paced_frames() if self._paced else self._live_frames()

    def _live_frames(self) -> Iterator[SourceFrame]:
        clock = MediaClock()
        for frame in self._decoded():
            pts = _pts(frame) if self._own_clock else None
            yield SourceFrame(picture_of(frame), clock.at(pts, time.monotonic()), self._tape_time(frame))

    def _paced_frames(self) -> Iterator[SourceFrame]:
        timestamp, last = 0, None
        begun = time.monotonic()
        for frame in self._decoded():
            pts = _pts(frame)
            step = USUAL_STEP if pts is None or last is None else pts - last
            last = pts
            timestamp += step if 0 < step < 10 * CLOCK_RATE else USUAL_STEP
            wait = begun + timestamp / CLOCK_RATE - time.monotonic()
            if wait < -MOST_LATE_S:
                begun -= wait
            if self._stop.wait(wait):
                return
            yield SourceFrame(picture_of(frame), timestamp, self._tape_time(frame))

    def _decoded(self) -> Iterator[av.VideoFrame]:
        try:
            while True:
                count = broken = 0
                for packet in self._container.demux(self._stream):
                    frames = self._frames_of(packet)
                    broken = 0 if frames else broken + 1
                    if broken > MOST_BROKEN:
                        raise SourceLost("what it sends cannot be decoded")
                    for frame in frames:
                        if self._stop.is_set():
                            return
                        count += 1
                        yield frame
                if self._stop.is_set():
                    return
                if self._endless:
                    raise SourceLost("it ended the stream")
                if not (self._loop and count):
                    return
                self._container.seek(0)
        except (av.error.FFmpegError, OSError) as error:
            if not self._stop.is_set():
                raise SourceLost(reason_of(error)) from error

    def _frames_of(self, packet: av.Packet[Any]) -> list[av.VideoFrame]:
        """The pictures of a packet. One that cannot be decoded is passed over, as after every loss on a network."""
        if self._tap:
            self._keep(self._tap, packet)
        try:
            return list(packet.decode())
        except av.error.InvalidDataError:
            return []

    def _keep(self, tap: PacketTap, packet: av.Packet[Any]) -> None:
        if not packet.size:  # what lets a decoder give out its last pictures
            return
        pts, dts = (_ticks(value, packet.time_base) for value in (packet.pts, packet.dts))
        tape_time = tap.packet(bytes(packet), pts, dts, packet.is_keyframe)
        if pts is None or tape_time is None:
            return
        if len(self._tape_times) >= MOST_INSIDE:
            del self._tape_times[next(iter(self._tape_times))]
        self._tape_times[pts] = tape_time

    def _tape_time(self, frame: av.VideoFrame) -> int | None:
        pts = _pts(frame)
        return None if pts is None else self._tape_times.pop(pts, None)


def _pts(frame: av.VideoFrame) -> int | None:
    return _ticks(frame.pts, frame.time_base)


def _ticks(value: int | None, time_base: Fraction | None) -> int | None:
    """A time of FFmpeg's in ticks of 90 kHz."""
    return None if value is None or time_base is None else int(value * time_base * CLOCK_RATE)


@contextmanager
def opened(
    request: SourceRequest,
    file: Any,
    *,
    format: str | None = None,
    options: dict[str, str] | None = None,
    io_open: Callable[..., Any] | None = None,
) -> Iterator[av.container.InputContainer]:
    """A container, as ``av.open`` has it; raises :class:`SourceLost` with a reason that holds no password."""
    begun = time.monotonic()
    with interruptible(request.stop):
        try:
            container = av.open(
                file, format=format, options=options or {}, timeout=(PATIENCE_S, READ_LIMIT_S), io_open=io_open
            )
        except (av.error.FFmpegError, OSError) as error:
            # RTSP calls it invalid data, too, when nothing comes.
            late = time.monotonic() - begun >= PATIENCE_S
            raise SourceLost(REASONS["TimeoutError"] if late else reason_of(error)) from error
    with container:
        yield container


@contextmanager
def opened_at(
    request: SourceRequest, ports: Mapping[str, int], options: dict[str, str]
) -> Iterator[av.container.InputContainer]:
    """A container behind a host and port; ``ports``: the usual port of each scheme. Raises :class:`SourceLost`."""
    url = for_ffmpeg(request, ports)
    try:
        with opened(request, url, options=options) as container:
            yield container
    except SourceLost as lost:
        # FFmpeg has one error for many; whether anybody is there at all is worth knowing.
        if str(lost) in VAGUE and not request.stop.is_set():
            knock(*address_of(url, ports), KNOCK_S)
        raise


def reason_of(error: Exception) -> str:
    """An error in words, without the URL that FFmpeg puts behind them, for it may hold a password."""
    for kind in type(error).__mro__:
        if kind.__name__ in REASONS:
            return REASONS[kind.__name__]
    words = str(getattr(error, "strerror", None) or type(error).__name__)
    return words[0].lower() + words[1:]


_stops: dict[int, Stop] = {}
_asked = itertools.count(1)
LATE_S = 1e6


def _monotonic() -> float:
    """The time for PyAV's interrupt callback, which FFmpeg asks about ten times a second while it waits: past every
    limit once the thread was told to stop. Each time further, for a wait may also begin only then."""
    stop = _stops.get(threading.get_ident())
    return time.monotonic() + (next(_asked) * LATE_S if stop is not None and stop.is_set() else 0.0)


@contextmanager
def interruptible(stop: Stop) -> Iterator[None]:
    """Inside the block, whatever FFmpeg waits for in this thread ends when ``stop`` is set.

    PyAV has a callback for that but lets it look at the clock alone, so the clock it looks at is ours.
    ``tests/test_playing.py`` fails when a release changes that.
    """
    core: Any = av.container.core
    if core.time is time:
        core.time = SimpleNamespace(monotonic=_monotonic)
    me = threading.get_ident()
    before = _stops.get(me)
    _stops[me] = stop
    try:
        yield
    finally:
        if before is None:
            del _stops[me]
        else:
            _stops[me] = before
