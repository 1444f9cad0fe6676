"""The routes of cameras: list, add, change, remove, start, stop, probe, figures."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from ..camera import PORTS, Camera
from ..cameras import CameraRefused, Cameras
from ..config import CameraSettings
from ..plugins import SourceLost
from ..probe import probe
from ..urls import PUSHED, address_of, redacted, split_credentials
from .bodies import Json, read_json
from .jpeg import JpegEncoder
from .messages import camera_body, history_body
from .problems import Problem

MOST_PROBES = 4
HISTORY_STEP_S = 10
STATUS = {
    "unknown-camera": 404,
    "camera-exists": 409,
    "camera-url-not-allowed": 403,
    "too-many-cameras": 409,
    "invalid-camera": 422,
}
PROBED_NAME = "probe"
HIDDEN = "?..."

WORDS = {
    "string_pattern_mismatch": "Use letters, digits, dot, dash and underscore, at most 63, a letter or digit first.",
    "missing": "This is needed.",
    "extra_forbidden": "There is no such field.",
}


class CameraRoutes:
    """The handlers, over the registry. ``viewers`` tells how many watch a camera."""

    def __init__(self, cameras: Cameras, viewers: Callable[[str], int], pool: ThreadPoolExecutor) -> None:
        self._cameras = cameras
        self._viewers = viewers
        self._pool = pool
        self._probes = 0

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/api/v1/cameras", self.list),
            web.post("/api/v1/cameras", self.add),
            web.post("/api/v1/cameras/probe", self.probe),
            web.get("/api/v1/cameras/{name}", self.show),
            web.patch("/api/v1/cameras/{name}", self.change),
            web.delete("/api/v1/cameras/{name}", self.remove),
            web.post("/api/v1/cameras/{name}/start", self.start),
            web.post("/api/v1/cameras/{name}/stop", self.stop),
            web.get("/api/v1/cameras/{name}/stats", self.stats),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """``GET /api/v1/cameras``."""
        return web.json_response({"cameras": [self._body(camera) for camera in self._cameras.all()]})

    async def show(self, request: web.Request) -> web.Response:
        """``GET /api/v1/cameras/{name}``."""
        return web.json_response(self._body(self._camera(request)))

    async def add(self, request: web.Request) -> web.Response:
        """``POST /api/v1/cameras``: 201 also when the camera is down."""
        body = await read_json(request, "A camera")
        settings = _settings(body)
        token: str | None = None
        if settings.kind == PUSHED:
            token = settings.password.get_secret_value() if settings.password else secrets.token_urlsafe(24)
            settings = _settings({**body, "password": token})
        with _refusals():
            camera = await self._cameras.add(settings)
        answer = self._body(camera)
        if token:
            answer["whip"] = {"path": f"/whip/{settings.name}", "token": token}
        return web.json_response(answer, status=201, headers={"Location": f"/api/v1/cameras/{settings.name}"})

    async def change(self, request: web.Request) -> web.Response:
        """``PATCH /api/v1/cameras/{name}``: only what changes."""
        self._camera(request)
        body = await read_json(request, "A camera")
        return await self._change(request, lambda settings: _changed(settings, body))

    async def remove(self, request: web.Request) -> web.Response:
        """``DELETE /api/v1/cameras/{name}``."""
        with _refusals():
            await self._cameras.remove(request.match_info["name"])
        return web.Response(status=204)

    async def start(self, request: web.Request) -> web.Response:
        """``POST /api/v1/cameras/{name}/start``: and try at once, if it waits for its next try."""
        with _refusals():
            return web.json_response(self._body(await self._cameras.start(request.match_info["name"])))

    async def stop(self, request: web.Request) -> web.Response:
        """``POST /api/v1/cameras/{name}/stop``."""
        return await self._change(request, lambda settings: settings.model_copy(update={"enabled": False}))

    async def stats(self, request: web.Request) -> web.Response:
        """``GET /api/v1/cameras/{name}/stats``: the figures of now and of the last hour."""
        camera = self._camera(request)
        history = history_body(camera.feed.history())
        return web.json_response({**self._body(camera), "step_s": HISTORY_STEP_S, "history": history})

    async def probe(self, request: web.Request) -> web.Response:
        """``POST /api/v1/cameras/probe``: whether a camera would work, before it is added or changed."""
        body = await read_json(request, "A camera")
        name = body.pop("camera", None)
        rule = self._cameras.rule
        if name is not None:
            with _refusals():
                camera = self._cameras.camera(str(name))
            settings = _changed(camera.settings, body)
            if settings.url == camera.settings.url:
                rule = camera.rule
        else:
            settings = _settings({"name": PROBED_NAME, **body})
        if settings.kind == PUSHED:
            raise _wrong("url", "A camera that is pushed cannot be tried: it comes by itself.")
        if rule is self._cameras.rule:
            with _refusals():
                await self._cameras.check_url(settings)
        if self._probes >= MOST_PROBES:
            raise Problem("too-busy", 503, "Other cameras are being tried. Try again in a few seconds.")
        self._probes += 1
        begun = time.monotonic()
        try:
            probed = await probe(settings, rule)
            jpeg = await asyncio.get_running_loop().run_in_executor(
                self._pool, JpegEncoder().encode, probed.picture, []
            )
        except SourceLost as lost:
            return web.json_response({"ok": False, "reason": str(lost), "took_ms": _ms_since(begun)})
        finally:
            self._probes -= 1
        return web.json_response(
            {
                "ok": True,
                "codec": probed.codec,
                "width": probed.picture.width,
                "height": probed.picture.height,
                "frames_per_second": round(probed.frames_per_second, 2),
                "took_ms": _ms_since(begun),
                "picture": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
            }
        )

    async def _change(self, request: web.Request, change: Callable[[CameraSettings], CameraSettings]) -> web.Response:
        with _refusals():
            return web.json_response(self._body(await self._cameras.change(request.match_info["name"], change)))

    def _camera(self, request: web.Request) -> Camera:
        with _refusals():
            return self._cameras.camera(request.match_info["name"])

    def _body(self, camera: Camera) -> Json:
        return camera_body(camera, self._viewers(camera.feed.name))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turns what the registry refuses into a problem document."""
    try:
        yield
    except CameraRefused as error:
        raise Problem(error.slug, STATUS[error.slug], str(error)) from error
    except OSError as error:
        raise Problem(
            "not-kept", 507, f"The change could not be kept on disk, so it was not made: {error.strerror}."
        ) from error


def _settings(body: Json) -> CameraSettings:
    """A camera as asked for; raises :class:`Problem` that names each field that is wrong."""
    try:
        return CameraSettings(**body)
    except ValidationError as error:
        places = [e["loc"] for e in error.errors()]
        errors = [
            {"field": ".".join(str(part) for part in e["loc"]) or "camera", "detail": _words(e)}
            for e in error.errors()
            if not any(len(e["loc"]) < len(place) and place[: len(e["loc"])] == e["loc"] for place in places)
        ]  # without a list that is called too short only because something in it is wrong
        named = "; ".join(f"{e['field']}: {e['detail'].rstrip('.')}" for e in errors[:5])
        raise Problem("invalid-camera", 422, f"These fields are wrong: {named}.", errors=errors) from error
    except TypeError as error:
        raise Problem("malformed-request", 400, "The names of fields must be texts.") from error


def _words(error: Any) -> str:
    """What is wrong with a field, as a sentence, without the value: it may be a password."""
    if error["type"] in WORDS:
        return WORDS[error["type"]]
    if error["type"] == "too_short" and {"zones", "masks"} & set(error["loc"]):
        return "A polygon has at least 3 points."
    text = str(error["msg"]).removeprefix("Value error, ")
    return text[0].upper() + text[1:] + "."


def _changed(settings: CameraSettings, body: Json) -> CameraSettings:
    """The settings with some changed. A URL given as it is shown, without its query, is the one that is kept."""
    if body.get("name", settings.name) != settings.name:
        raise _wrong("name", "The name of a camera cannot change: add it anew under the other name.")
    new = dict(body)
    if new.get("url") == redacted(settings.url):
        del new["url"]
    if isinstance(new.get("url"), str):
        if new["url"].endswith(HIDDEN):
            raise _wrong("url", f"Give the whole URL with its query, which {HIDDEN} only stands for.")
        new["url"], username, password = split_credentials(new["url"].strip())
        if username is not None:
            new = {"username": username, "password": password, **new}
    kept: Json = {field: getattr(settings, field) for field in CameraSettings.model_fields}
    if "url" in new and _server(str(new["url"])) != _server(settings.url):
        # Or whoever may change a URL could have the password sent to a host of theirs.
        kept |= {"username": None, "password": None}
    return _settings({**kept, **new})


def _server(url: str) -> tuple[str, str, int] | str:
    """Scheme, host and port of a URL as they are connected to, to tell whether a password may go there."""
    try:
        return url.partition(":")[0].lower(), *address_of(url, PORTS)
    except SourceLost:
        return url


def _wrong(field: str, detail: str) -> Problem:
    return Problem("invalid-camera", 422, detail, errors=[{"field": field, "detail": detail}])


def _ms_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
