"""The last seconds of a feed as they were coded: what a clip of something that has just happened begins with."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.frame import CLOCK_RATE
from ..core.nal import CODECS, Form, annex_b, form_of, parameter_sets, sequence_sets

log = logging.getLogger(__name__)

MOST_BYTES = 32_000_000
"""Of one tape. A camera of 8 Mb/s fills 20 s and its longest group of pictures with it."""

LONGEST_STEP = 10 * CLOCK_RATE
"""A larger jump between two packets is a new clock, not a pause."""

AFTERWARDS_S = 2.0
"""A source that broke off is mostly back soon, and its tape goes on: its last picture must not begin another."""

MOST_SHOWN = 2048
"""Pictures whose times are known both on the tape and on this machine's clock."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One coded picture in Annex B. ``number`` counts them from 0; ``pts`` is ticks of 90 kHz on its tape; ``at`` is
    when it came (monotonic s)."""

    number: int
    pts: int
    is_key: bool
    data: bytes
    at: float


class Tape:
    """What came of one stream that is coded in one form throughout. Made by a :class:`Taping`; any thread may read."""

    def __init__(self, codec: str, sets: Sequence[bytes], lock: threading.Lock) -> None:
        self.codec = codec
        self.sets = tuple(sets)
        """The parameter sets it begins with."""
        self.ended: str | None = None
        """Why nothing more comes, once that is so."""
        self._lock = lock
        self._coded: deque[Coded] = deque()
        self._shown: dict[float, int] = {}
        self.size = 0
        """Bytes held."""

    def since(self, number: int) -> list[Coded]:
        """What is there from this number on."""
        with self._lock:
            if not self._coded or self._coded[-1].number < number:
                return []
            first = self._coded[0].number
            return [coded for coded in self._coded if coded.number >= number] if number > first else list(self._coded)

    def time_of(self, captured_at: float) -> int | None:
        """The time on the tape of the very picture that was captured then (monotonic s)."""
        with self._lock:
            return self._shown.get(captured_at)

    def time_near(self, at: float) -> int:
        """The time on the tape that it was ``at`` (monotonic s)."""
        with self._lock:
            # Pictures held back by a decoder came before they are shown: what was shown tells better.
            pairs = tuple(self._shown.items()) or tuple((coded.at, coded.pts) for coded in self._coded) or ((0.0, 0),)
        known, pts = next((pair for pair in reversed(pairs) if pair[0] <= at), pairs[0])
        return pts + round((at - known) * CLOCK_RATE)

    # --- by its Taping, which holds the lock ---

    def add(self, coded: Coded, reach_s: float) -> None:
        """One more; what is older than ``reach_s`` goes, up to the last key frame before."""
        if coded.is_key:
            keys = [other.number for other in self._coded if other.is_key and other.at <= coded.at - reach_s]
            while keys and self._coded[0].number < keys[-1]:
                self._drop()
        self._coded.append(coded)
        self.size += len(coded.data)
        while self.size > MOST_BYTES and self._coded:
            self._drop()
            while self._coded and not self._coded[0].is_key:
                self._drop()

    def show(self, pts: int, captured_at: float) -> None:
        """The picture of this time was captured then."""
        self._shown[captured_at] = pts
        if len(self._shown) > MOST_SHOWN:
            del self._shown[next(iter(self._shown))]

    def clear(self) -> None:
        """Let go of all."""
        self._coded.clear()
        self._shown.clear()
        self.size = 0

    def _drop(self) -> None:
        self.size -= len(self._coded.popleft().data)


class Taping:
    """The tape of one feed: whatever comes is put on it, and a new one is begun when it comes in another form.

    Packets of a source come by a :class:`SourceTap` in that source's thread, or pictures coded here by :meth:`coded`.
    ``reach_s`` is how far back the tape goes at the least; ``changed`` gets the bytes that it holds more or less.
    """

    def __init__(self, reach_s: float, changed: Callable[[int], object] = lambda _: None) -> None:
        self.reach_s = reach_s
        self.tape: Tape | None = None
        self.epoch = 0
        """Counts the changes of what is to be seen: see :meth:`mask`."""
        self._lock = threading.Lock()
        self._changed = changed
        self._held = 0
        self._masked = False
        self._source: SourceTap | None = None
        self._numbers = 0
        self._newest = 0
        self._over = False

    @property
    def copies(self) -> bool:
        """Whether packets of the source itself are kept, so that nothing is coded here."""
        source = self._source
        if source is None or self._masked or not source.gives:
            return False
        return source.ended_at is None or time.monotonic() - source.ended_at < AFTERWARDS_S

    @property
    def newest(self) -> int:
        """The latest time on the tape."""
        return self._newest

    def tap(self) -> SourceTap:
        """For one more reading of the source; from now on it is the only one."""
        with self._lock:
            self._source = SourceTap(self)
            return self._source

    def mask(self, masked: bool, reason: str) -> None:
        """What is to be seen changes: let go of all at once. Packets of the source have no ``masked`` part hidden, so
        none are kept then."""
        with self._lock:
            self._masked = masked
            self.epoch += 1
            self._end(reason)

    def close(self, reason: str) -> None:
        """Nothing more comes. What a clip is still to be made of stays with the tape."""
        with self._lock:
            self._over = True
            if self.tape:
                self.tape.ended = self.tape.ended or reason
            self.tape = None
            self._tell(-self._held)

    def coded(self, data: bytes, is_key: bool, captured_at: float, epoch: int) -> None:
        """A picture that was coded here, as H.264 with its parameter sets before each key frame. ``epoch``: the one
        that it was captured in."""
        with self._lock:
            if self.copies or self._over or epoch != self.epoch:
                return
            pts = round(captured_at * CLOCK_RATE)
            if self._put("h264", (), data, pts, is_key, captured_at) and self.tape:
                self.tape.show(pts, captured_at)

    # --- by the tap of the source, which is the current one ---

    def packet(self, source: SourceTap, sets: Sequence[bytes], data: bytes, pts: int, is_key: bool, now: float) -> bool:
        """Whether it was kept."""
        with self._lock:
            if source is not self._source or self._masked or self._over:
                return False
            return self._put(source.codec, sets, data, pts, is_key, now)

    def shown(self, source: SourceTap, pts: int, captured_at: float) -> None:
        """See :class:`server.plugins.PacketTap`."""
        with self._lock:
            if source is self._source and self.tape and not self._masked:
                self.tape.show(pts, captured_at)

    def _put(self, codec: str, sets: Sequence[bytes], data: bytes, pts: int, is_key: bool, now: float) -> bool:
        if is_key:
            sets = parameter_sets(codec, data) or sets
            form = sequence_sets(codec, sets)
            if self.tape and (codec, form) != (self.tape.codec, sequence_sets(codec, self.tape.sets)):
                self._end("the video changed its form")
            if not self.tape and form:
                self.tape = Tape(codec, sets, self._lock)
        if not self.tape or self.tape.codec != codec:
            return False
        self.tape.add(Coded(self._numbers, pts, is_key, data, now), self.reach_s)
        self._numbers += 1
        self._newest = max(self._newest, pts)
        self._tell(self.tape.size - self._held)
        return True

    def _end(self, reason: str) -> None:
        if self.tape:
            self.tape.ended = reason
            self.tape.clear()
            self.tape = None
            self._tell(-self._held)

    def _tell(self, more: int) -> None:
        self._held += more
        self._changed(more)


class SourceTap:
    """A :class:`server.plugins.PacketTap` for one reading of one source. Keeps the tape's clock: it only grows, by the
    time that really passed where the stream's own jumps, goes back or begins anew."""

    def __init__(self, taping: Taping) -> None:
        self._taping = taping
        self._form = Form(0, ())
        self._waits_for_key = True
        self._previous: int | None = None
        self._came = 0.0
        self._shift = 0
        self.codec = ""
        self.gives = False
        """Whether it brings what can be put on a tape."""
        self.ended_at: float | None = None

    def begin(self, codec: str, extradata: bytes) -> bool:
        """See :class:`server.plugins.PacketTap`."""
        self.codec = codec
        if codec not in CODECS:
            return False
        try:
            self._form = form_of(codec, extradata)
        except ValueError as error:
            log.info("a stream is not copied but coded again for clips: %s", error)
            return False
        self.gives = True
        return True

    def packet(self, data: bytes, pts: int | None, dts: int | None, is_key: bool) -> int | None:
        """See :class:`server.plugins.PacketTap`."""
        if not self.gives:
            return None
        now = time.monotonic()
        self._waits_for_key = self._waits_for_key and not is_key
        tape_time = self._time(pts, dts if dts is not None else pts, now)
        if self._waits_for_key:
            return None
        try:
            data = annex_b(data, self._form.length_size)
        except ValueError:  # broken on its way
            return None
        return tape_time if self._taping.packet(self, self._form.sets, data, tape_time, is_key, now) else None

    def shown(self, tape_time: int, captured_at: float) -> None:
        """See :class:`server.plugins.PacketTap`."""
        self._taping.shown(self, tape_time, captured_at)

    def end(self) -> None:
        """See :class:`server.plugins.PacketTap`."""
        self.ended_at = time.monotonic()

    def _time(self, pts: int | None, dts: int | None, now: float) -> int:
        arrived = round(now * CLOCK_RATE)
        if pts is None or dts is None:
            return arrived
        if self._previous is None:
            self._shift = max(arrived, self._taping.newest + 1) - dts
        elif not -1 <= dts - self._previous <= LONGEST_STEP:
            passed = max(round((now - self._came) * CLOCK_RATE), 1)
            self._shift += self._previous + passed - dts
        self._previous, self._came = dts, now
        return pts + self._shift
