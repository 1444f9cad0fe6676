"""Policies, models, settings, and how the server stands."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from ..policies import Asked
from ..queries import Plain
from .route import NOTHING, Answer, JsonBody, Key, RawBody, Route, ok
from .shapes import DetectorInUse, EventFields, Limits, ModelInUse, RefusedModel, Standing, Time


class Policy(TypedDict):
    """When a sighting is believed."""

    hits: int
    of: int
    median_score: float
    window_s: float
    span_s: float
    smallest_share: float
    zones: list[list[tuple[float, float]]]
    dwell_s: float
    version: str


class Policies(TypedDict):
    """Those in force."""

    default: Policy
    cameras: dict[str, Policy]


class Sighting(EventFields):
    """What a policy makes of a sighting, and what the one in force does."""

    now: str
    before: str | None


class Confirmed(TypedDict):
    """How many either confirms."""

    now: int
    before: int


class ReplayResult(TypedDict):
    """What came of it; ``through`` is the time to go on from."""

    policy: Policy
    against: Policy
    looks: int
    episodes: int
    truncated: bool
    through: Time | None
    events: list[Sighting]
    confirmed: Confirmed


class Checked(TypedDict):
    """What the check of a model found."""

    labels: list[str]
    version: str
    precision: str
    output: list[int]
    warm_up_ms: float
    look_ms: float
    score: float | None
    left_out: list[str]


class Model(TypedDict):
    """A model that can be chosen."""

    id: str
    name: str
    version: str
    labels: list[str]
    size_bytes: int
    precision: str
    backend: str | None
    device: str | None
    origin: Literal["bundled", "settings", "uploaded"]
    state: Literal["active", "stored", "failed", "rolled-back"]
    on_trial: bool
    reason: str | None
    added_at: Time | None
    checked: Checked | None


class ModelLimits(TypedDict):
    """What may be uploaded."""

    upload_bytes: int
    most: int


class Models(Standing):
    """All of them."""

    models: list[Model]
    changing: Any
    limits: ModelLimits


class Ready(TypedDict):
    """It can do its work."""

    ready: Literal[True]
    model: ModelInUse
    detector: DetectorInUse
    refused: list[RefusedModel]


class RunningModel(TypedDict):
    """The model that looks, and on what."""

    name: str
    labels: list[str]
    backend: str
    device: str
    precision: str
    version: str
    sha256: str
    asked: str | None
    fallback: str | None
    trouble: str | None
    input_size: int


class ServerInfo(TypedDict):
    """What runs here and what it takes."""

    version: str
    ready: bool
    model: RunningModel
    limits: Limits


class Reloaded(TypedDict):
    """Names of settings that changed, and that wait for a restart."""

    changed: list[str]
    restart: list[str]


class Finding(TypedDict):
    """What a check found; ``detail`` says what works, or why it does not and what to do."""

    name: str
    part: str
    of: str
    works: bool
    detail: str


class CheckUp(TypedDict):
    """All findings, as the server itself sees them."""

    at: Time
    works: bool
    findings: list[Finding]


TEXT = {200: Answer("A text.", kind="text/plain")}
MODEL = ("unknown-model",)
ROUTES: dict[Key, Route] = {
    ("GET", "/api/v1/policies"): Route("Policies", "The policies in force", ok(Policies)),
    ("POST", "/api/v1/policies/replay"): Route(
        "Policies",
        "What another policy would have made of what was seen",
        ok(ReplayResult),
        body=JsonBody(Asked, {"policy": {"hits": 4, "dwell_s": 1}}),
        problems=("invalid-replay", "invalid-policy", "invalid-recording", "unknown-camera", "too-busy"),
    ),
    ("GET", "/api/v1/models"): Route("Models", "All models", ok(Models)),
    ("POST", "/api/v1/models"): Route(
        "Models",
        "Upload a model",
        {**ok(Model, "It is there already."), **ok(Model, "Added.", 201, Location="Where it is.")},
        query=(Plain("name", "What it is called.", {"type": "string", "maxLength": 200}),),
        body=RawBody(("application/octet-stream",), form=True),
        problems=(
            *("invalid-model", "model-too-large", "too-many-models", "missing-file", "malformed-request"),
            *("unsupported-content-type", "too-busy", "no-room"),
        ),
        more="An ONNX file.",
    ),
    ("GET", "/api/v1/models/{id}"): Route("Models", "One model", ok(Model), problems=MODEL),
    ("POST", "/api/v1/models/{id}/activate"): Route(
        "Models",
        "Let a model look",
        ok(Model, "It looks."),
        problems=(*MODEL, "model-changing", "invalid-model", "model-in-use"),
    ),
    ("DELETE", "/api/v1/models/{id}"): Route(
        "Models",
        "Remove an uploaded model",
        NOTHING,
        problems=(*MODEL, "model-in-use", "model-not-removable", "model-changing", "no-room"),
    ),
    ("GET", "/api/v1/server"): Route("Operations", "What runs here and what it takes", ok(ServerInfo)),
    ("POST", "/api/v1/settings/reload"): Route(
        "Operations", "Read the settings again", ok(Reloaded), problems=("invalid-settings",)
    ),
    ("GET", "/api/v1/doctor"): Route(
        "Operations", "What works and what does not", ok(CheckUp), problems=("too-busy",), more="It takes up to 15 s."
    ),
    ("GET", "/api/v1/openapi.json"): Route("Operations", "This document", ok(dict[str, Any])),
    ("GET", "/healthz"): Route("Operations", "Whether the process answers", TEXT),
    ("GET", "/readyz"): Route("Operations", "Whether it can do its work", ok(Ready), problems=("not-ready",)),
    ("GET", "/metrics"): Route("Operations", "Figures for Prometheus", TEXT),
    ("GET", "/{path}"): Route(
        "Operations",
        "The files of the page",
        {
            200: Answer("A file.", kind="*/*"),
            304: Answer("It has not changed."),
            308: Answer("A folder.", headers={"Location": "The same with a slash."}),
        },
        problems=("not-found",),
    ),
}
