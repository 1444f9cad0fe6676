"""The HTTP routes, and what each needs."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from .. import __version__
from ..cameras import Cameras
from ..config import LimitSettings
from ..core.access import Permission
from ..core.detections import Detections
from ..core.drawing import Mark, draw_on_image
from ..detector import Busy, Detector
from ..looker import Timing
from ..metrics import Metrics
from ..models import Models
from .bodies import read_json, shaped
from .guard import lease_of, require
from .messages import detections_body, timing_body
from .models import standing_body
from .pictures import Rgb, decode_picture, encode_jpeg
from .problems import Problem
from .queries import Choice, Number
from .readiness import Readiness
from .stream import Streams
from .webrtc import MODES, SIZES, WebRtcSessions

CONFIDENCE = Number("confidence", "The lowest score that is told; `detector.confidence` unless given.", None, 0.01, 1.0)
ANNOTATE = Choice("annotate", "`jpeg` answers the picture with its boxes in place of JSON.", ("jpeg",))
MODE = Choice("mode", "Whether the server draws the boxes, or tells of them only.", MODES, MODES[0])

NO_OFFER = Problem("malformed-request", 400, 'Send {"type": "offer", "sdp": "...", "mode": "burned_in"}.')
WRONG_OFFER = {
    "type": NO_OFFER,
    "sdp": NO_OFFER,
    "mode": Problem("invalid-parameter", 400, f"The mode is one of: {', '.join(MODES)}."),
    "size": Problem("invalid-parameter", 400, f"The size is one of: {', '.join(SIZES)}."),
    "camera": Problem("invalid-parameter", 400, "The camera is given by its name."),
}


class Offer(BaseModel):
    """An SDP offer: of one's own video, or of who would watch a camera."""

    type: Literal["offer"] = "offer"
    sdp: str = Field(description="With all its candidates: there is no trickle ICE here.")
    mode: Literal["burned_in", "overlay"] = Field("burned_in", description=MODE.says)
    camera: str | None = Field(None, description="The name of a camera to watch; null: one's own video is looked at.")
    size: Literal["full", "small"] = Field("full", description="`small`: a camera at most 640 pixels wide.")


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers, over what they serve."""

    detector: Detector
    models: Models
    cameras: Cameras
    metrics: Metrics
    current_limits: Callable[[], LimitSettings]
    confidence: float
    """Least score of what is found in a picture, where the request does not say."""
    webrtc: WebRtcSessions
    streams: Streams
    pool: ThreadPoolExecutor
    readiness: Readiness

    @property
    def limits(self) -> LimitSettings:
        """Those in force."""
        return self.current_limits()

    def routes(self) -> list[web.RouteDef]:
        """All routes but the page's own files."""
        return [
            web.get("/api", self.about),
            web.post("/predict", self.predict),
            web.post("/api/predict", self.predict),
            web.get("/api/v1/server", self.server),
            web.post("/api/v1/detect", self.detect),
            web.get("/api/v1/stream", self.stream),
            web.post("/api/v1/webrtc/offer", self.offer),
            web.delete("/api/v1/webrtc/{session}", self.end_session),
            web.get("/healthz", self.health),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.prometheus),
        ]

    async def about(self, request: web.Request) -> web.Response:
        """``GET /api``: the first version's greeting."""
        return web.Response(text="Vigie is up. POST a picture as the multipart field 'file' to /predict.")

    async def predict(self, request: web.Request) -> web.Response:
        """``POST /predict``: a picture in, the annotated JPEG as base64 text out."""
        picture, detections, _, _ = await self._look(request, self.confidence, only_form=True)
        jpeg = await self._annotated(picture, detections)
        return web.Response(text=base64.b64encode(jpeg).decode())

    async def detect(self, request: web.Request) -> web.Response:
        """``POST /api/v1/detect``: a picture in, detections as JSON or the annotated JPEG out."""
        annotate = ANNOTATE.of(request)
        begun = time.monotonic()
        confidence = CONFIDENCE.of(request, self.confidence)
        picture, detections, timing, decoding = await self._look(request, confidence)
        if annotate:
            return web.Response(body=await self._annotated(picture, detections), content_type="image/jpeg")
        timing_ms = {"decode": round(decoding * 1000, 2), **timing_body(timing)}
        return web.json_response(
            {
                "model": self.detector.model.name,
                "image": {"width": picture.shape[1], "height": picture.shape[0]},
                "detections": detections_body(detections, self.detector.labels),
                "timing_ms": {**timing_ms, "total": round((time.monotonic() - begun) * 1000, 2)},
            }
        )

    async def server(self, request: web.Request) -> web.Response:
        """``GET /api/v1/server``: what runs here and what it takes."""
        model = self.detector.model
        return web.json_response(
            {
                "version": __version__,
                "ready": self.detector.ready.is_set(),
                "model": {
                    "name": model.name,
                    "labels": model.labels,
                    "backend": model.backend,
                    "device": model.device,
                    "precision": model.precision,
                    "version": model.version,
                    "sha256": self.models.active,
                    "asked": model.asked or None,
                    "fallback": model.fallback,
                    "trouble": self.models.trouble,
                    "input_size": model.size,
                },
                "limits": self.limits.model_dump(),
            }
        )

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """``GET /api/v1/stream``: JPEG frames over a WebSocket."""
        mode = MODE.of(request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Problem("malformed-request", 400, "This address speaks WebSocket only.")
        return await self.streams.serve(request, mode)

    async def offer(self, request: web.Request) -> web.Response:
        """``POST /api/v1/webrtc/offer``: an SDP offer in, the answer out."""
        offer = shaped(Offer, await read_json(request, "An offer"), WRONG_OFFER)
        require(request, Permission.DETECT if offer.camera is None else Permission.VIEW)
        camera = self.cameras.get(offer.camera) if offer.camera is not None else None
        if offer.camera is not None and camera is None:
            raise Problem("unknown-camera", 404, f"There is no camera named {offer.camera[:80]!r}.")
        lease = lease_of(request)
        if camera:
            answer = await self.webrtc.watch(offer.sdp, camera, offer.mode, offer.size, lease)
        else:
            answer = await self.webrtc.own(offer.sdp, offer.mode, lease)
        told = {"session": answer.session.id, "feed": answer.feed, "mode": offer.mode}
        return web.json_response({"type": "answer", "sdp": answer.sdp, **told})

    async def end_session(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/webrtc/{session}``."""
        session = self.webrtc.get(request.match_info["session"], "webrtc")
        if not session or not await self.webrtc.close(session.id, "the browser ended it"):
            raise Problem("not-found", 404, "There is no such session; it may have ended.")
        return web.Response(status=204)

    async def health(self, request: web.Request) -> web.Response:
        """``GET /healthz``: the process answers."""
        return web.Response(text="ok")

    async def ready(self, request: web.Request) -> web.Response:
        """``GET /readyz``: the model is warm, the database answers, the disk has room, and it does not stop.
        What the model is and what it runs on is told besides."""
        if hindrances := await self.readiness.hindrances():
            raise Problem("not-ready", 503, " ".join(hindrances))
        return web.json_response({"ready": True, **standing_body(self.models, self.detector)})

    async def prometheus(self, request: web.Request) -> web.Response:
        """``GET /metrics``."""
        return web.Response(body=self.metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _look(
        self, request: web.Request, confidence: float, *, only_form: bool = False
    ) -> tuple[Rgb, Detections, Timing, float]:
        """Read, decode and look at the picture of a request; the last is the seconds it took to decode."""
        outcome = "refused"
        try:
            data = await self._upload(request, only_form=only_form)
            begun = time.monotonic()
            picture = await asyncio.get_running_loop().run_in_executor(
                self.pool, decode_picture, data, self.limits.picture_pixels
            )
            decoding = time.monotonic() - begun
            detections, timing = await self.detector.look_at(picture, confidence)
            outcome = "answered"
            return picture, detections, timing, decoding
        except Busy as error:
            raise Problem("too-busy", 503, "Too many pictures wait already. Try again in a second.") from error
        finally:
            self.metrics.pictures.labels(outcome).inc()

    async def _annotated(self, picture: Rgb, detections: Detections) -> bytes:
        labels = self.detector.labels
        rows = zip(detections.boxes, detections.scores.tolist(), detections.classes.tolist(), strict=True)
        marks = [Mark(box, f"{labels[kind]} {score:.0%}") for box, score, kind in rows]

        def draw() -> bytes:
            draw_on_image(picture, marks)
            return encode_jpeg(picture)

        return await asyncio.get_running_loop().run_in_executor(self.pool, draw)

    async def _upload(self, request: web.Request, *, only_form: bool) -> bytes:
        """The picture's bytes: the multipart field ``file``, or else the body itself; never more than the limit."""
        kind = request.content_type
        if kind == "multipart/form-data":
            return await self._form_file(request)
        if only_form or not (kind.startswith("image/") or kind == "application/octet-stream"):
            raise Problem(
                "unsupported-content-type",
                415,
                "Send the picture as the multipart/form-data field 'file'"
                + ("." if only_form else ", or as the body with its own content type, such as image/jpeg."),
            )
        return await self._bounded(request.content.iter_chunked(65536), request.content_length)

    async def _form_file(self, request: web.Request) -> bytes:
        try:
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name == "file":
                    return await self._bounded(_chunks(part), request.content_length)
                if isinstance(part, BodyPartReader):
                    await part.release()
        except (ValueError, HttpProcessingError) as error:
            raise Problem("malformed-request", 400, "The multipart form cannot be read.") from error
        raise Problem("missing-file", 400, "The form has no field named 'file'. Put the picture there.")

    async def _bounded(self, chunks: AsyncIterator[bytes], announced: int | None) -> bytes:
        most = self.limits.upload_bytes
        too_large = Problem("picture-too-large", 413, f"A picture may have {most / 1e6:g} MB; this one has more.")
        if announced is not None and announced > most + 4096:
            raise too_large
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > most:
                raise too_large
        return bytes(data)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(65536):
        yield chunk
