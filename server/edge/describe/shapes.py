"""What several routes answer with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from ...config import LimitSettings, PolicyChanges
from ...core.events import State, Verdict
from ...feed import FeedState

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Box(TypedDict):
    """Pixels of the picture, origin top left."""

    x1: float
    y1: float
    x2: float
    y2: float


class Size(TypedDict):
    """Of a picture, in pixels."""

    width: int
    height: int


class Skipped(TypedDict):
    """Frames that were not looked at, by cause."""

    still: int
    rate: int
    busy: int
    lost: int


class Frames(TypedDict):
    """What became of the frames of a feed."""

    seen: int
    looked_at: int
    dropped: int
    skipped: Skipped


class Delay(TypedDict):
    """From the frame received to its boxes ready, in milliseconds."""

    median: float
    p95: float


class Camera(TypedDict):
    """A camera, as it is set and as it stands."""

    name: str
    kind: str
    url: str
    credentials: bool
    transport: Literal["tcp", "udp"]
    loop: bool
    look_rate: float | None
    zones: list[list[tuple[float, float]]]
    masks: list[list[tuple[float, float]]]
    motion_gate: bool
    enabled: bool
    labels: list[str]
    policy: PolicyChanges | None
    origin: str
    codec: str | None
    viewers: int
    state: FeedState
    reason: str | None
    since: Time
    next_try_at: Time | None
    suspicion: State | None
    moving: bool
    width: int | None
    height: int | None
    frames_per_second: float
    looks_per_second: float
    delay_ms: Delay | None
    frames: Frames


class EvidenceFile(TypedDict):
    """One file of an event's evidence."""

    name: str
    media_type: str
    size: int
    sha256: str
    url: str


class EvidenceOfEvent(TypedDict):
    """What there is of it."""

    state: str
    held: bool
    files: list[EvidenceFile]


class EventFields(TypedDict):
    """What is told of an event everywhere."""

    id: str
    revision: int
    state: State
    kind: str
    camera: str | None
    label: str
    first_seen: Time
    last_seen: Time
    confirmed_at: Time | None
    ended_at: Time | None
    retracted_at: Time | None
    best_score: float
    looks: int
    hits: int
    track_id: int
    box: Box
    image: Size
    model: str
    policy: str
    verdict: Verdict | None
    verdict_at: Time | None
    note: str | None


class Event(EventFields):
    """An event with its evidence."""

    evidence: EvidenceOfEvent | None


class ModelInUse(TypedDict):
    """The model that looks."""

    id: str
    name: str
    version: str
    precision: str
    on_trial: bool


class DetectorInUse(TypedDict):
    """What it runs on."""

    backend: str
    asked: str | None
    active: str
    fallback: bool
    reason: str | None


class RefusedModel(TypedDict):
    """A model that failed."""

    id: str
    name: str
    state: str
    reason: str | None


class Standing(TypedDict):
    """What looks and on what."""

    model: ModelInUse
    detector: DetectorInUse
    refused: list[RefusedModel]


Limits = LimitSettings
