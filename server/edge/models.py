"""The routes of models: which there are, one more, another one, one less."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from ..detector import Detector
from ..models import Model, ModelRefused, Models
from ..wire import iso
from .problems import Problem

Json = dict[str, Any]

STATUS = {
    "unknown-model": 404,
    "invalid-model": 422,
    "too-many-models": 409,
    "model-changing": 409,
    "model-in-use": 409,
    "model-not-removable": 409,
}

MOST_UPLOADS = 2
CHUNK = 1 << 16
FORM_SLACK = 4096
"""What a form may have around its file."""


@dataclass(slots=True)
class ModelRoutes:
    """The handlers, over what they serve."""

    models: Models
    detector: Detector
    _uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_UPLOADS))

    def routes(self) -> list[web.RouteDef]:
        """All routes."""
        return [
            web.get("/api/v1/models", self.list_all),
            web.post("/api/v1/models", self.add),
            web.get("/api/v1/models/{id}", self.show),
            web.post("/api/v1/models/{id}/activate", self.activate),
            web.delete("/api/v1/models/{id}", self.remove),
        ]

    async def list_all(self, request: web.Request) -> web.Response:
        """``GET /api/v1/models``."""
        return web.json_response(
            {
                "models": [self._body(model) for model in self.models.all()],
                "changing": self.models.changing,
                "limits": {"upload_bytes": self.models.limits.upload_bytes, "most": self.models.limits.most},
                **standing_body(self.models, self.detector),
            }
        )

    async def show(self, request: web.Request) -> web.Response:
        """``GET /api/v1/models/{id}``."""
        try:
            return web.json_response(self._body(self.models.get(request.match_info["id"])))
        except ModelRefused as error:
            raise _problem(error) from error

    async def add(self, request: web.Request) -> web.Response:
        """``POST /api/v1/models?name=``: an ONNX file as the body, or as the field ``file`` of a form."""
        if self._uploads.locked():
            raise Problem("too-busy", 503, "Other models are being uploaded. Try again when they are here.")
        async with self._uploads:
            part = self.models.folder / f"{uuid.uuid4().hex}.part"
            try:
                name = await self._receive(request, part)
                model, new = await self.models.add(part, request.query.get("name") or name)
            except ModelRefused as error:
                raise _problem(error) from error
            except OSError as error:
                raise Problem("no-room", 507, f"The model cannot be kept: {error.strerror}.") from error
            finally:
                await asyncio.to_thread(part.unlink, missing_ok=True)
        headers = {"Location": f"/api/v1/models/{model.id}"} if new else {}
        return web.json_response(self._body(model), status=201 if new else 200, headers=headers)

    async def activate(self, request: web.Request) -> web.Response:
        """``POST /api/v1/models/{id}/activate``: answers when it looks."""
        try:
            return web.json_response(self._body(await self.models.activate(request.match_info["id"])))
        except ModelRefused as error:
            raise _problem(error) from error

    async def remove(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/models/{id}``."""
        try:
            await self.models.remove(request.match_info["id"])
        except ModelRefused as error:
            raise _problem(error) from error
        except OSError as error:
            raise Problem("no-room", 507, f"The model cannot be removed: {error.strerror}.") from error
        return web.Response(status=204)

    async def _receive(self, request: web.Request, part: Path) -> str:
        """Write what comes to a file, never more than the limit; returns its name, where it has one."""
        if request.content_type == "application/octet-stream":
            await self._write(request.content.iter_chunked(CHUNK), request.content_length, part)
            return ""
        if request.content_type != "multipart/form-data":
            raise Problem(
                "unsupported-content-type",
                415,
                "Send the model as the body, with the content type application/octet-stream, or as the "
                "multipart/form-data field 'file'.",
            )
        try:
            async for field_ in await request.multipart():
                if isinstance(field_, BodyPartReader) and field_.name == "file":
                    await self._write(_chunks(field_), request.content_length, part)
                    return field_.filename or ""
                if isinstance(field_, BodyPartReader):
                    await field_.release()
        except (ValueError, HttpProcessingError) as error:
            raise Problem("malformed-request", 400, "The multipart form cannot be read.") from error
        raise Problem("missing-file", 400, "The form has no field named 'file'. Put the model there.")

    async def _write(self, chunks: AsyncIterator[bytes], announced: int | None, part: Path) -> None:
        most, size = self.models.limits.upload_bytes, 0
        too_large = Problem("model-too-large", 413, f"A model may have {most / 1e6:g} MB; this one has more.")
        if announced is not None and announced > most + FORM_SLACK:
            raise too_large
        with await asyncio.to_thread(part.open, "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise too_large
                await asyncio.to_thread(file.write, chunk)

    def _body(self, model: Model) -> Json:
        active = model.state == "active"
        info = self.detector.model
        return {
            "id": model.id,
            "name": model.name,
            "version": model.version,
            "labels": model.labels,
            "size_bytes": model.size_bytes,
            "precision": model.precision,
            "backend": info.backend if active else None,
            "device": info.device if active else None,
            "origin": model.origin,
            "state": model.state,
            "on_trial": active and self.detector.looker.on_trial,
            "reason": model.reason,
            "added_at": iso(model.added_at),
            "checked": _checked(model),
        }


def standing_body(models: Models, detector: Detector) -> Json:
    """What looks and on what, for all who ask whether Vigie is well."""
    info = detector.model
    failed = [model for model in models.all() if model.state in ("failed", "rolled-back")]
    return {
        "model": {
            "id": models.active,
            "name": info.name,
            "version": info.version,
            "precision": info.precision,
            "on_trial": detector.looker.on_trial,
        },
        "detector": {
            "backend": info.backend,
            "asked": info.asked or None,
            "active": info.device,
            "fallback": info.fallback is not None,
            "reason": info.fallback,
        },
        "refused": [
            {"id": model.id, "name": model.name, "state": model.state, "reason": model.reason} for model in failed
        ],
    }


def _checked(model: Model) -> Json | None:
    if not model.checked:
        return None
    body = asdict(model.checked)
    left_out = () if model.checked.score is not None else ("known gun: this model has no class named gun",)
    return {**body, "left_out": left_out}


def _problem(error: ModelRefused) -> Problem:
    return Problem(error.slug, STATUS[error.slug], str(error))


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK):
        yield chunk
