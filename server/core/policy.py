"""When is a sighting believed? One explicit object, so that it can be read, changed and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one track: when (s), its score or None where it was not seen, its box's share of the picture."""

    at: float
    score: float | None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """Confirm when, of the last ``of`` looks not older than ``window_s``, at least ``hits`` saw the track, their median
    score reaches ``median_score``, they span ``span_s``, and the largest box covers ``smallest_share`` of the picture.

    The defaults confirm a gun that is in sight for one second even when load has brought a feed down to four looks
    a second, and never confirm what one frame alone shows.
    """

    hits: int = 3
    of: int = 5
    median_score: float = 0.4
    window_s: float = 2.0
    span_s: float = 0.15
    smallest_share: float = 0.0

    def __post_init__(self) -> None:
        if not 2 <= self.hits <= self.of:
            raise ValueError("a confirmation needs 2 hits or more, and no more than it looks at")

    def confirms(self, looks: Sequence[Look], now: float) -> bool:
        """Whether these looks at one track, oldest first, are enough at time ``now`` (s)."""
        recent = [look for look in looks[-self.of :] if now - look.at <= self.window_s]
        hits = [look for look in recent if look.score is not None]
        return (
            len(hits) >= self.hits
            and median(look.score for look in hits if look.score is not None) >= self.median_score
            and hits[-1].at - hits[0].at >= self.span_s
            and max(look.share for look in hits) >= self.smallest_share
        )
