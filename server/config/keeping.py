"""How long what happened is kept, and where."""

from __future__ import annotations

from pydantic import Field

from .base import Section


class EventSettings(Section):
    """How long what happened is kept. Evidence has rules of its own."""

    keep_days: float = Field(730, gt=0, description="Events, once their evidence is gone.")
    keep_changes_days: float = Field(30, gt=0, description="The log of changes that readers can go on from.")
    keep_recordings_days: float = Field(14, gt=0, description="What the model saw, for trying other policies on it.")
    recordings_bytes: int = Field(1_000_000_000, ge=0, description="Size of all that; of more, the oldest goes.")


class EvidenceSettings(Section):
    """What is kept of each confirmed event besides its words: pictures, a clip, detections. Where, and how long."""

    enabled: bool = Field(True, description="Whether any is kept.")
    clips: bool = Field(True, description="Whether clips are: without, no video is held in memory, and none is coded.")
    before_s: float = Field(5, ge=0, le=15, description="What a clip shows from before the event began.")
    after_s: float = Field(5, ge=0, le=30, description="What it shows from after the end.")
    longest_s: float = Field(60, ge=1, le=600, description="Length of a clip at the most.")
    url: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9/_.=-]*)?$",
        description="s3://BUCKET/PREFIX to keep it there, with the credentials of the environment or the container; "
        "else the folder evidence in the data folder.",
    )
    region: str | None = Field(None, description="Region of the bucket, where the environment does not tell.")
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^/?#\s]+$", description="Address of an S3 that is not Amazon's."
    )
    spool_bytes: int = Field(
        2_000_000_000, ge=0, description="What may wait in the data folder while the bucket is away."
    )
    keep_days: float = Field(30, gt=0, description="How long it is kept, unless it is held.")
    keep_real_days: float = Field(365, gt=0, description="That of events judged real.")
    keep_false_days: float = Field(30, gt=0, description="That of events judged false.")
    most_bytes: int = Field(20_000_000_000, ge=0, description="Of more, the oldest goes that is not held.")
    least_free_bytes: int = Field(
        500_000_000, ge=0, description="Room left on the disk; before it gets less the oldest goes, then none is kept."
    )
    link_days: float = Field(7, gt=0, le=365, description="How long the links in alerts open it.")
