"""When is a sighting believed? One explicit object, so that it can be read, changed and replayed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median
from typing import Any

import numpy as np

from .regions import Point, Polygon, winding

LONGEST_S = 1e6


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one track: when (s), its score or None where it was not seen, its box's share of the picture and the
    box's centre (x, y) as fractions of it."""

    at: float
    score: float | None
    share: float = 0.0
    centre: Point = (0.5, 0.5)


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """Confirm when, of the last ``of`` looks not older than ``window_s``, at least ``hits`` saw the track, their median
    score reaches ``median_score``, they span ``span_s``, and the largest box covers ``smallest_share`` of the picture.

    Where looks come so fast that the last ``of`` span less than ``span_s``, more of them count: as many as it takes to
    span that time, and of those the same share must be hits.

    Where there are ``zones`` (polygons of x, y as fractions of the picture), a look counts as a hit only when the
    centre of the box is in one of them. ``dwell_s`` asks for hits over so long a time, without a pause longer than
    ``window_s``, up to the newest of them; 0 asks for none.

    The defaults confirm a gun that is in sight for one second even when load has brought a feed down to four looks
    a second, and never confirm what one frame alone shows.
    """

    hits: int = 3
    of: int = 5
    median_score: float = 0.4
    window_s: float = 2.0
    span_s: float = 0.15
    smallest_share: float = 0.0
    zones: tuple[Polygon, ...] = ()
    dwell_s: float = 0.0
    _inside: Callable[[Point], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Give every value its own type, so that what is equal has the same version."""
        for name in ("hits", "of"):
            if (value := getattr(self, name)) != int(value):
                raise ValueError(f"{name} is a whole number")
            object.__setattr__(self, name, int(value))
        for name in ("median_score", "window_s", "span_s", "smallest_share", "dwell_s"):
            value = float(getattr(self, name))
            if not 0 <= value <= (1 if name in ("median_score", "smallest_share") else LONGEST_S):
                raise ValueError(f"{name} cannot be {value:g}")
            object.__setattr__(self, name, value + 0.0)  # there are two zeros, which are equal
        zones = tuple(tuple((float(x) + 0.0, float(y) + 0.0) for x, y in zone) for zone in self.zones)
        if any(len(zone) < 3 for zone in zones):
            raise ValueError("a zone has at least 3 points")
        object.__setattr__(self, "zones", zones)
        object.__setattr__(self, "_inside", _inside_of(zones))
        if self.hits < 2:
            raise ValueError("a confirmation needs 2 hits or more")
        if self.hits > self.of:
            raise ValueError(f"{self.hits} hits cannot be among the last {self.of} looks")
        if self.span_s > self.window_s:
            raise ValueError(f"{self.span_s:g} s (span_s) never pass within {self.window_s:g} s (window_s)")

    @property
    def version(self) -> str:
        """A name of this very policy: policies that are equal have the same, others another."""
        canonical = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return f"p2-{hashlib.sha256(canonical.encode()).hexdigest()[:10]}"

    def as_dict(self) -> dict[str, Any]:
        """Its values, ready for JSON."""
        return {
            "hits": self.hits,
            "of": self.of,
            "median_score": self.median_score,
            "window_s": self.window_s,
            "span_s": self.span_s,
            "smallest_share": self.smallest_share,
            "zones": [[[x, y] for x, y in zone] for zone in self.zones],
            "dwell_s": self.dwell_s,
        }

    def confirms(self, looks: Sequence[Look], now: float) -> bool:
        """Whether these looks at one track, oldest first, are enough at time ``now`` (s)."""
        begin = self._begin(looks)
        hits = [look for look in looks[begin:] if now - look.at <= self.window_s and self._counts(look)]
        return (
            len(hits) >= math.ceil(self.hits * max(len(looks) - begin, self.of) / self.of)
            and median(look.score for look in hits if look.score is not None) >= self.median_score
            and hits[-1].at - hits[0].at >= self.span_s
            and max(look.share for look in hits) >= self.smallest_share
            and self._dwelt(looks, hits[-1].at)
        )

    def needless(self, looks: Sequence[Look], now: float) -> int:
        """How many of these looks at one track, from the oldest on, can decide nothing any more."""
        spare = self._begin(looks)
        if not self.dwell_s:
            return spare
        # The hit that a dwell is counted from may be just older than the dwell, and the newest hit than now.
        oldest = now - self.dwell_s - 2 * self.window_s
        return next((n for n in range(spare) if looks[n].at >= oldest), spare)

    def _begin(self, looks: Sequence[Look]) -> int:
        """From which of these looks on they count. It never moves back when another look comes."""
        begin = max(len(looks) - self.of, 0)
        while begin > 0 and looks[-1].at - looks[begin].at < self.span_s:
            begin -= 1
        return begin

    def _counts(self, look: Look) -> bool:
        return look.score is not None and (not self.zones or self._inside(look.centre))

    def _dwelt(self, looks: Sequence[Look], newest: float) -> bool:
        since = newest
        for look in reversed(looks):
            if newest - since >= self.dwell_s or since - look.at > self.window_s:
                break
            if self._counts(look):
                since = look.at
        return newest - since >= self.dwell_s


def _inside_of(zones: tuple[Polygon, ...]) -> Callable[[Point], bool]:
    """Whether a point is in one of the zones. It is asked again at each look for each hit that still counts."""
    corners = [np.array(zone, np.float64) for zone in zones]

    @lru_cache(maxsize=4096)
    def inside(point: Point) -> bool:
        return any(winding(zone, np.array([point]))[0] != 0 for zone in corners)

    return inside
