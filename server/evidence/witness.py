"""Watches one feed for evidence: keeps its last seconds and the best picture of each suspicion, and opens cases."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from ..core.analyzer import Observation, SeenTrack
from ..core.drawing import mark_of
from ..core.events import Event, State
from ..core.frame import Frame
from ..core.regions import Polygon
from ..core.replay import look_of
from ..core.watch import WatchSettings
from ..metrics import Metrics
from ..plugins import PacketTap
from .case import LONGEST_DOUBT_S, STEP_S, Case, Means, SeenLook, Shot
from .encoder import TapeEncoder
from .tape import Taping

USUAL_DOUBT_S = 3.0
"""From the first look at an object to its confirmation it takes so long at the most, usually."""

MOST_SHOTS = 16
"""Pictures held for suspicions: each is one frame of the decoder's."""

CAMERA_WIDTH, BROWSER_WIDTH = 1280, 640


@dataclass(slots=True)
class _Best:
    score: float
    frame: Frame
    tracks: tuple[SeenTrack, ...]


class FeedWitness:
    """A :class:`server.feed.Recorder` of one feed. ``open_case`` gets each case to be run."""

    def __init__(
        self, kind: str, means: Means, pool: Executor, metrics: Metrics, open_case: Callable[[Case, FeedWitness], bool]
    ) -> None:
        self._means = means
        self._open_case = open_case
        self._before_s = means.settings.before_s
        self._taping: Taping | None = None
        self._encoder: TapeEncoder | None = None
        if means.settings.clips:
            held = metrics.evidence_tape_bytes.labels(kind)
            self._taping = Taping(self._before_s + USUAL_DOUBT_S, held.inc)
            width = CAMERA_WIDTH if kind == "camera" else BROWSER_WIDTH
            self._encoder = TapeEncoder(self._taping, width, pool, metrics)
        self._masks: tuple[Polygon, ...] = ()
        self._valid_from = float("-inf")
        self._looks: deque[SeenLook] = deque()
        self._looked_at = 0.0
        self._collected_at = 0.0
        self._best: dict[int, _Best] = {}
        self._last: _Best | None = None
        self._suspected: set[str] = set()
        self._cases: dict[str, Case] = {}

    def tap(self) -> PacketTap | None:
        """See :class:`server.feed.Recorder`."""
        return self._taping.tap() if self._taping else None

    def configure(self, watch: WatchSettings) -> None:
        """See :class:`server.feed.Recorder`. With other masks, nothing from before may be shown any more."""
        if watch.masks == self._masks:
            return
        self._masks = watch.masks
        self._valid_from = time.monotonic()
        self._forget_pictures()
        if self._taping:
            self._taping.mask(bool(watch.masks), "the masks of the camera changed")

    def frame(self, frame: Frame) -> None:
        """See :class:`server.feed.Witness`."""
        if self._encoder and self._taping and not self._taping.copies:
            self._encoder.offer(frame)
        if self._cases and frame.captured_at - self._collected_at > STEP_S:
            self._collected_at = frame.captured_at
            for case in self._cases.values():
                case.collect()

    def looked(self, observation: Observation) -> None:
        """See :class:`server.feed.Witness`."""
        at = self._looked_at = observation.frame.captured_at
        seen = SeenLook(look_of(observation, 0.0), self._tape_time(at))
        self._looks.append(seen)
        while self._looks[0].look.at < at - self._before_s - LONGEST_DOUBT_S:
            self._looks.popleft()
        for case in self._cases.values():
            case.looked(seen)
        if at >= self._valid_from:
            self._remember(observation)

    def event(self, event: Event) -> None:
        """See :class:`server.feed.Witness`."""
        if case := self._cases.get(event.id):
            case.changed(event)
        elif event.state is State.CONFIRMED:
            self._begin(event)
        if event.state is State.SUSPECTED:
            self._suspected.add(event.id)
        else:
            self._suspected.discard(event.id)
            self._best.pop(event.track_id, None)
        if self._taping:
            self._taping.reach_s = self._before_s + (LONGEST_DOUBT_S if self._suspected else USUAL_DOUBT_S)

    def close(self, reason: str) -> None:
        """See :class:`server.feed.Witness`."""
        for case in list(self._cases.values()):
            case.close()
        if self._taping:
            self._taping.close(reason)
        self._forget_pictures()

    def done(self, case: Case) -> None:
        """A case has come to its end."""
        self._cases.pop(case.event.id, None)

    def _begin(self, event: Event) -> None:
        best = self._best.get(event.track_id, self._last)
        shot = None
        if best:
            tracks = [replace(t, state=State.CONFIRMED) if t.track.id == event.track_id else t for t in best.tracks]
            shot = Shot(best.frame, tuple(mark_of(seen, best.frame.captured_at) for seen in tracks))
        # By the looks themselves: the wall clock may have been set meanwhile.
        began_at = self._looked_at - (event.path[-1].at if event.path else 0.0)
        case = Case(event, began_at, shot, self._looks, self._taping, self._means)
        if self._open_case(case, self):
            self._cases[event.id] = case

    def _tape_time(self, captured_at: float) -> int | None:
        tape = self._taping.tape if self._taping else None
        if tape is None:
            return None
        exact = tape.time_of(captured_at)
        return tape.time_near(captured_at) if exact is None else exact

    def _forget_pictures(self) -> None:
        self._best.clear()
        self._last = None

    def _remember(self, observation: Observation) -> None:
        """Keep the frame in which each suspected object was seen best."""
        self._last = _Best(0.0, observation.frame, observation.tracks)
        for seen, score in zip(observation.tracks, observation.detections.scores.tolist(), strict=True):
            if seen.state is not State.SUSPECTED and seen.track.id not in self._best:
                continue
            known = self._best.get(seen.track.id)
            if known is None or score > known.score:
                self._best[seen.track.id] = _Best(score, observation.frame, observation.tracks)
        while len(self._best) > MOST_SHOTS:
            del self._best[min(self._best, key=lambda track: self._best[track].score)]
