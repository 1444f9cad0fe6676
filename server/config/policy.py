"""When a sighting is confirmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field, model_validator

from ..core.policy import ConfirmationPolicy
from .base import Fraction, Polygon, Section

Hits = Annotated[int, Field(ge=2, le=100)]
Seconds = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
Window = Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)]
Zones = Annotated[tuple[Polygon, ...], Field(max_length=32)]


class PolicySettings(Section):
    """When a sighting is confirmed; see docs/decisions/0004-confirmation.md and 0011-policy-replay.md."""

    hits: Hits = Field(3, description="Looks that must have seen it ...")
    of: Hits = Field(
        5, description="... of so many last looks, or the same share of more, where those span less than span_s."
    )
    median_score: Fraction = Field(0.4, description="Least median score of those.")
    window_s: Window = Field(2.0, description="Older looks do not count; no pause in a dwell may be longer.")
    span_s: Seconds = Field(0.15, description="Time from the first to the last of them.")
    smallest_share: Fraction = Field(0.0, description="Share of the picture its box must cover.")
    zones: Zones = Field((), description="Polygons of [x, y] from 0 to 1: it counts only while inside one of them.")
    dwell_s: Seconds = Field(0.0, description="Time for which it must have been there without a pause; 0: no wait.")

    @model_validator(mode="after")
    def _possible(self) -> PolicySettings:
        self.policy()
        return self

    def policy(self) -> ConfirmationPolicy:
        """The policy that these settings make."""
        return ConfirmationPolicy(**self.model_dump())


class PolicyChanges(Section):
    """A policy told by what differs from another. What is null does not differ."""

    hits: Hits | None = None
    of: Hits | None = None
    median_score: Fraction | None = None
    window_s: Window | None = None
    span_s: Seconds | None = None
    smallest_share: Fraction | None = None
    zones: Zones | None = None
    dwell_s: Seconds | None = None

    def over(self, policy: ConfirmationPolicy) -> ConfirmationPolicy:
        """That other policy with these changes; raises ValueError when the two do not go together."""
        return replace(policy, **self.model_dump(exclude_none=True))
