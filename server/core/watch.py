"""What of a feed is watched: masks, zones and the motion gate, applied to each picture."""

from __future__ import annotations

from dataclasses import dataclass

from .frame import Picture
from .motion import MotionGate
from .regions import Masks, Polygon


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is looked at and how often. The defaults are the whole picture at the usual rate, whether anything moves or
    not.

    ``masks`` are hidden everywhere. Where there are ``zones``, only what is seen in one of them counts. ``look_rate``
    is looks a second wanted while something moves; None is the detector's own.
    """

    zones: tuple[Polygon, ...] = ()
    masks: tuple[Polygon, ...] = ()
    look_rate: float | None = None
    motion_gate: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture with the masks burned in, whether something moves in it, and the settings that it was prepared by."""

    picture: Picture
    moving: bool
    settings: WatchSettings


class Watch:
    """The settings with what they need to remember from picture to picture. One thread at a time may prepare."""

    def __init__(self, settings: WatchSettings) -> None:
        self.settings = settings
        self._masks = Masks(settings.masks)
        self._gate = MotionGate(settings.zones) if settings.motion_gate else None

    def prepare(self, picture: Picture, now: float) -> Prepared:
        """Burn in the masks and look for motion; without a gate everything counts as moving. ``now``: monotonic s."""
        picture = self._masks.burn(picture)
        return Prepared(picture, self._gate.sees_motion(picture.y, now) if self._gate else True, self.settings)
