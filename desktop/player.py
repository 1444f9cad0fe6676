"""Plays a video file on a screen: decodes in a thread of its own, keeps time, goes where it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av

from server.core.frame import Picture
from server.plugins import Stop
from server.video import picture_of

MOST_LATE_S = 1.0
LATE_S = 0.1
"""A picture that is later than this is not shown, so that the ones behind it are in time ..."""
STARVED_S = 0.25
"""... unless none was shown for so long."""


class Player:
    """What a video file shows. ``show`` is called with each picture and its time (s); ``stopped`` when it stands still
    at its end. Both come from the thread of :meth:`run`; all else is for any thread."""

    def __init__(self, file: Path, show: Callable[[Picture, float], None], stopped: Callable[[], None]) -> None:
        self._file = file
        self._show = show
        self._stopped = stopped
        self._changed = threading.Condition()
        self._target: float | None = 0.0
        self._playing = False
        self._position = 0.0
        self._last_shown = 0.0
        self._begun = 0.0
        self._rebase = False

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._playing

    @property
    def position(self) -> float:
        """The time of the picture shown last (s)."""
        return self._position

    def play(self, playing: bool) -> None:
        """Play on, or stand still."""
        with self._changed:
            self._rebase = self._rebase or (playing and not self._playing)
            self._playing = playing
            self._changed.notify()

    def seek(self, at: float) -> None:
        """Go to this time. Of several places asked for at once only the last is gone to."""
        with self._changed:
            self._target = max(at, 0.0)
            self._changed.notify()

    def run(self, stop: Stop) -> None:
        """Play until it is told to stop. Raises what FFmpeg raises."""
        with (
            stop.calling(self._wake),
            av.open(f"file:{self._file}", options={"protocol_whitelist": "file,crypto,data"}) as container,
        ):
            tape = _Tape(container)
            while not stop.is_set():
                target = self._asked(stop)
                if target is not None:
                    self._go_to(tape, target, stop)
                elif self._playing:
                    self._next(tape, stop)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _asked(self, stop: Stop) -> float | None:
        """Where to go, once there is something to do."""
        with self._changed:
            while self._target is None and not self._playing and not stop.is_set():
                self._changed.wait()
            target, self._target = self._target, None
            return target

    def _go_to(self, tape: _Tape, target: float, stop: Stop) -> None:
        tape.seek(target)
        last: tuple[float, av.VideoFrame] | None = None
        for at, frame in tape:
            last = at, frame
            if self._target is not None or stop.is_set():
                return  # somewhere else by now
            if at >= target - tape.step / 2:
                break
        if last:
            self._tell(picture_of(last[1]), last[0])
            self._begun = time.monotonic() - last[0]

    def _next(self, tape: _Tape, stop: Stop) -> None:
        found = next(tape, None)
        if found is None:
            with self._changed:
                self._playing = False
            self._stopped()
            return
        at, frame = found
        now = time.monotonic()
        late = now - self._begun - at
        if self._rebase or late > MOST_LATE_S:  # after standing still, or where decoding is slower than time
            self._begun, self._rebase = now - at, False
        elif late > LATE_S and now - self._last_shown < STARVED_S:
            return
        due = self._begun + at
        with self._changed:
            self._changed.wait_for(
                lambda: self._target is not None or not self._playing or stop.is_set(), max(due - time.monotonic(), 0)
            )
            if self._target is not None or stop.is_set():
                return
        self._tell(picture_of(frame), at)

    def _tell(self, picture: Picture, at: float) -> None:
        self._position = at
        self._last_shown = time.monotonic()
        self._show(picture, at)


class _Tape(Iterator[tuple[float, av.VideoFrame]]):
    """The frames of a container's video with their times since the first, as :func:`server.replaying.pictures_of` has
    them, from wherever one wants."""

    def __init__(self, container: av.container.InputContainer) -> None:
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.step = 1 / float(self._stream.average_rate or 30)
        first = next(container.decode(self._stream), None)
        self._first = first.time if first is not None and first.time is not None else 0.0
        self._at = -self.step
        self._frames: Iterator[av.VideoFrame] = iter(())

    def seek(self, at: float) -> None:
        """Go on from the key frame before this time."""
        base = self._stream.time_base
        offset = round((self._first + at) / float(base)) if base else 0
        try:
            self._container.seek(offset, stream=self._stream)
        except av.error.FFmpegError:  # past the end, or without an index: the way there is decoded
            with suppress(av.error.FFmpegError):
                self._container.seek(0)
        self._frames = self._container.decode(self._stream)
        self._at = -self.step

    def __next__(self) -> tuple[float, av.VideoFrame]:
        frame = next(self._frames)
        self._at = frame.time - self._first if frame.time is not None else self._at + self.step
        return self._at, frame
