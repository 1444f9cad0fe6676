"""Cameras: list, add, change, try, follow."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from ...config import CameraSettings
from ...feed import FeedState
from ..mjpeg import BOXES, RATE
from .route import LOCATION, NOTHING, Answer, JsonBody, Key, Route, ok
from .shapes import Camera, Skipped, Time


class Cameras(TypedDict):
    """All of them, in the order they were added."""

    cameras: list[Camera]


class WhipAddress(TypedDict):
    """Where its video is pushed to, and with which token."""

    path: str
    token: str


class AddedCamera(Camera):
    """One that was added; ``whip`` where its video is pushed, told this once."""

    whip: NotRequired[WhipAddress]


class Sample(TypedDict):
    """A span of the last hour."""

    at: Time
    state: FeedState
    frames_per_second: float
    looks_per_second: float
    delay_ms: float | None
    moving: float
    skipped: Skipped


class CameraStats(Camera):
    """A camera and its last hour."""

    step_s: int
    history: list[Sample]


class Worked(TypedDict):
    """A camera that would work."""

    ok: Literal[True]
    codec: str
    width: int
    height: int
    frames_per_second: float
    took_ms: int
    picture: str


class Failed(TypedDict):
    """A camera that would not, and why."""

    ok: Literal[False]
    reason: str
    took_ms: int


ONE = "/api/v1/cameras/{name}"
WRONG = ("invalid-camera", "camera-url-not-allowed", "not-kept")
ROUTES: dict[Key, Route] = {
    ("GET", "/api/v1/cameras"): Route("Cameras", "All cameras", ok(Cameras)),
    ("POST", "/api/v1/cameras"): Route(
        "Cameras",
        "Add a camera",
        ok(AddedCamera, "Added, also where it is down: its `state` tells.", 201, **LOCATION),
        body=JsonBody(CameraSettings, {"name": "gate", "url": "whip:", "labels": ["outside"]}),
        problems=(*WRONG, "camera-exists", "too-many-cameras"),
    ),
    ("POST", "/api/v1/cameras/probe"): Route(
        "Cameras",
        "Try a camera before it is added or changed",
        ok(Worked | Failed, "Whether it works, in ten seconds at the most."),
        body=JsonBody(
            CameraSettings,
            {"url": "rtsp://127.0.0.1:9/stream1"},
            changes=True,
            name="CameraProbe",
            more={
                "camera": {"type": "string", "description": "A camera that there is: the rest is what would change."}
            },
        ),
        problems=(*WRONG, "unknown-camera", "too-busy"),
    ),
    ("GET", ONE): Route("Cameras", "One camera", ok(Camera), problems=("unknown-camera",)),
    ("PATCH", ONE): Route(
        "Cameras",
        "Change a camera",
        ok(Camera),
        body=JsonBody(CameraSettings, {"look_rate": 5, "policy": {"hits": 4}}, changes=True, name="CameraChanges"),
        problems=(*WRONG, "unknown-camera"),
        more="Only what the body names. Whoever watches stays connected.",
    ),
    ("DELETE", ONE): Route("Cameras", "Remove a camera", NOTHING, problems=("unknown-camera", "not-kept")),
    ("POST", f"{ONE}/start"): Route(
        "Cameras", "Start a camera, or try it again at once", ok(Camera), problems=(*WRONG, "unknown-camera")
    ),
    ("POST", f"{ONE}/stop"): Route("Cameras", "Stop a camera", ok(Camera), problems=(*WRONG, "unknown-camera")),
    ("GET", f"{ONE}/stats"): Route(
        "Cameras", "A camera and its last hour", ok(CameraStats), problems=("unknown-camera",)
    ),
    ("GET", f"{ONE}/snapshot.jpg"): Route(
        "Cameras",
        "The newest picture",
        {200: Answer("A JPEG.", kind="image/jpeg")},
        query=(BOXES,),
        problems=("unknown-camera", "invalid-parameter", "no-picture"),
    ),
    ("GET", f"{ONE}/mjpeg"): Route(
        "Cameras",
        "Pictures as they come",
        {200: Answer("JPEGs, without an end.", kind="multipart/x-mixed-replace")},
        query=(BOXES, RATE),
        problems=("unknown-camera", "invalid-parameter", "too-many-sessions"),
    ),
}
