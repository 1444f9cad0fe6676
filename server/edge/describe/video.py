"""Video in and out: WebRTC, WHIP, WHEP, WebSocket; and single pictures."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from .. import api, whep
from ..api import Offer
from ..queries import Plain
from ..wish import FRAGMENT, SDP
from .route import NOTHING, Answer, JsonBody, Key, RawBody, Route, ok
from .shapes import Box, Size


class Detection(TypedDict):
    """What is seen, and where."""

    label: str
    confidence: float
    box: Box


class TimingMs(TypedDict):
    """The stages of a look, in milliseconds."""

    decode: float
    wait: float
    preprocess: float
    inference: float
    postprocess: float
    total: float


class Looked(TypedDict):
    """What a model sees in a picture."""

    model: str
    image: Size
    detections: list[Detection]
    timing_ms: TimingMs


class SdpAnswer(TypedDict):
    """The answer to an offer."""

    type: Literal["answer"]
    sdp: str
    session: str
    feed: str
    mode: Literal["burned_in", "overlay"]


class IceServer(TypedDict):
    """As RTCPeerConnection takes it."""

    urls: list[str]
    username: NotRequired[str]
    credential: NotRequired[str]


class IceServers(TypedDict):
    """STUN and TURN servers, and how long their passwords are good."""

    iceServers: list[IceServer]
    ttl_s: int


IMAGES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
PICTURE = (
    *("missing-file", "malformed-request", "unsupported-content-type", "not-a-picture", "picture-too-large"),
    *("picture-too-many-pixels", "picture-empty", "picture-animated", "picture-truncated", "too-busy"),
)
BASE64 = {200: Answer("The annotated JPEG, as base64 text.", kind="text/plain")}
OFFERED = ("malformed-sdp", "no-video-in-offer", "too-many-sessions")
LINKS = {"Link": "STUN and TURN servers, where there are any."}
SESSION = {"Location": "The address of the session.", "ETag": "Its one ICE session."}
IF_MATCH = Plain("If-Match", "The ETag of the session.", {"type": "string", "pattern": "^[!-~]*$"})


def _wish(kind: str, post: Route) -> dict[Key, Route]:
    """The routes that WHIP and WHEP have in common."""
    tag, endpoint, session = kind.upper(), f"/{kind}/{{name}}", f"/{kind}/{{name}}/{{session}}"
    asked = {200: Answer("What may be posted here.", headers={"Accept-Post": "`application/sdp`."})}
    return {
        ("POST", endpoint): post,
        ("OPTIONS", endpoint): Route(tag, "What may be posted, and which ICE servers there are", asked),
        ("GET", endpoint): Route(tag, "Nothing, with success, as the standard has it", NOTHING),
        ("PATCH", session): Route(
            tag,
            "Candidates that came up after the offer",
            NOTHING,
            headers=(IF_MATCH,),
            body=RawBody((FRAGMENT,), text=True),
            problems=(
                *("not-found", "malformed-sdp", "malformed-request", "unsupported-content-type"),
                *("precondition-failed", "ice-restart-unsupported"),
            ),
        ),
        ("DELETE", session): Route(tag, "End a session", {200: Answer("It has ended.")}, problems=("not-found",)),
        ("OPTIONS", session): Route(tag, "What may be posted, and which ICE servers there are", asked),
        ("GET", session): Route(tag, "Whether there is such a session", NOTHING, problems=("not-found",)),
    }


ROUTES: dict[Key, Route] = {
    ("POST", "/api/v1/detect"): Route(
        "Pictures",
        "What is on a picture",
        {200: Answer("What is seen; with `annotate`, the picture with its boxes.", Looked, kind="image/jpeg")},
        query=(api.CONFIDENCE, api.ANNOTATE),
        body=RawBody(IMAGES, form=True),
        problems=PICTURE,
    ),
    ("GET", "/api"): Route(
        "First version",
        "A greeting",
        {200: Answer("A sentence.", kind="text/plain")},
        more="Kept from the first version.",
    ),
    ("POST", "/predict"): Route(
        "First version", "The annotated picture", BASE64, body=RawBody((), form=True), problems=PICTURE
    ),
    ("POST", "/api/predict"): Route(
        "First version", "The annotated picture, too", BASE64, body=RawBody((), form=True), problems=PICTURE
    ),
    ("GET", "/api/v1/ice"): Route("WebRTC", "STUN and TURN servers", ok(IceServers)),
    ("POST", "/api/v1/webrtc/offer"): Route(
        "WebRTC",
        "Watch a camera, or have one's own video looked at",
        ok(SdpAnswer),
        body=JsonBody(Offer, {"type": "offer", "sdp": "v=0...", "mode": "overlay", "camera": "gate"}),
        problems=(*OFFERED, "unknown-camera", "invalid-parameter", "not-allowed"),
        more="On a data channel named `vigie` come boxes, events and figures as JSON.",
    ),
    ("DELETE", "/api/v1/webrtc/{session}"): Route("WebRTC", "End a session", NOTHING, problems=("not-found",)),
    ("GET", "/api/v1/stream"): Route(
        "WebSocket",
        "JPEG frames in, boxes and annotated JPEGs out",
        {101: Answer("A WebSocket: each frame is one binary message with a JPEG.")},
        query=(api.MODE,),
        problems=("malformed-request", "invalid-parameter", "too-many-sessions", "forbidden-origin"),
        more="What OpenAPI cannot say of a WebSocket, the guide does.",
    ),
    **_wish(
        "whep",
        Route(
            "WHEP",
            "Watch a camera",
            {201: Answer("The SDP answer.", kind=SDP, headers={**SESSION, **LINKS})},
            query=(whep.MODE, whep.SIZE),
            body=RawBody((SDP,), text=True),
            problems=(*OFFERED, "unknown-camera", "malformed-request", "unsupported-content-type"),
        ),
    ),
    **_wish(
        "whip",
        Route(
            "WHIP",
            "Push video as a camera",
            {201: Answer("The SDP answer.", kind=SDP, headers={**SESSION, **LINKS})},
            body=RawBody((SDP,), text=True),
            problems=(
                *(*OFFERED, "unknown-camera", "wrong-token", "camera-busy", "camera-not-pushed", "camera-stopped"),
                *("too-many-cameras", "invalid-camera", "malformed-request", "unsupported-content-type"),
            ),
            more="With the camera's own token, or one that has `publish`.",
        ),
    ),
}
