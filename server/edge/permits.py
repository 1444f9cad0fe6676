"""What each route asks of who comes: the whole of it on one page. A route that is not here stops the start."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ..core.access import Permission

VIEW, DETECT, PUBLISH, METRICS = Permission.VIEW, Permission.DETECT, Permission.PUBLISH, Permission.METRICS
JUDGE, CAMERAS, ALERTS, MODELS = Permission.JUDGE, Permission.CAMERAS, Permission.ALERTS, Permission.MODELS
ACCESS = Permission.ACCESS


@dataclass(frozen=True, slots=True)
class Permit:
    """What it takes: one of ``permissions``; without any, whoever is known may. ``open``: nobody is asked who he is;
    ``greets``: those whom nobody knows get an answer too; ``asks``: the handler looks at tokens that are unknown here,
    for they may be a camera's; ``link``: a signed link does as well; ``passes``: so does a pass in the address, for
    what a browser asks for without headers; ``lasting``: the answer ends with the right to it; ``action``: what the
    audit log calls it."""

    permissions: frozenset[Permission] = frozenset()
    open: bool = False
    greets: bool = False
    asks: bool = False
    link: bool = False
    passes: bool = False
    lasting: bool = False
    action: str = ""


def _needs(*permissions: Permission, action: str = "", link: bool = False) -> Permit:
    return Permit(frozenset(permissions), action=action, link=link)


def _lasts(permission: Permission, link: bool = False) -> Permit:
    """What an image, a video, an EventSource or a WebSocket of a page opens."""
    return Permit(frozenset({permission}), link=link, passes=True, lasting=True)


KNOWN = Permit()
OPEN = Permit(open=True)

PERMITS: dict[tuple[str, str], Permit] = {
    ("GET", "/{path}"): OPEN,  # the page itself, which holds nothing
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): KNOWN,
    ("GET", "/metrics"): _needs(METRICS),
    ("GET", "/api"): KNOWN,
    ("POST", "/predict"): _needs(DETECT),
    ("POST", "/api/predict"): _needs(DETECT),
    ("GET", "/api/v1/server"): KNOWN,
    ("GET", "/api/v1/ice"): KNOWN,
    ("GET", "/api/v1/openapi.json"): KNOWN,
    ("POST", "/api/v1/settings/reload"): _needs(ACCESS, action="settings.reload"),
    ("GET", "/api/v1/doctor"): _needs(ACCESS),
    ("POST", "/api/v1/detect"): _needs(DETECT),
    ("GET", "/api/v1/stream"): _lasts(DETECT),
    ("POST", "/api/v1/webrtc/offer"): _needs(VIEW, DETECT),  # the one for a camera, the other for one's own video
    ("DELETE", "/api/v1/webrtc/{session}"): _needs(VIEW, DETECT),
    ("POST", "/whep/{name}"): _needs(VIEW),
    ("OPTIONS", "/whep/{name}"): OPEN,
    ("GET", "/whep/{name}"): _needs(VIEW),
    ("PATCH", "/whep/{name}/{session}"): _needs(VIEW),
    ("DELETE", "/whep/{name}/{session}"): _needs(VIEW),
    ("OPTIONS", "/whep/{name}/{session}"): OPEN,
    ("GET", "/whep/{name}/{session}"): _needs(VIEW),
    # To begin a session takes the camera's own token, or a token with publish. Its address is then a secret of its own:
    # publishers do not all send the token again.
    ("POST", "/whip/{name}"): Permit(frozenset({PUBLISH}), asks=True, action="camera.publish"),
    ("OPTIONS", "/whip/{name}"): OPEN,
    ("GET", "/whip/{name}"): OPEN,
    ("PATCH", "/whip/{name}/{session}"): OPEN,
    ("DELETE", "/whip/{name}/{session}"): OPEN,
    ("OPTIONS", "/whip/{name}/{session}"): OPEN,
    ("GET", "/whip/{name}/{session}"): OPEN,
    ("GET", "/api/v1/cameras"): _needs(VIEW),
    ("POST", "/api/v1/cameras"): _needs(CAMERAS, action="camera.add"),
    ("POST", "/api/v1/cameras/probe"): _needs(CAMERAS),
    ("GET", "/api/v1/cameras/{name}"): _needs(VIEW),
    ("PATCH", "/api/v1/cameras/{name}"): _needs(CAMERAS, action="camera.change"),
    ("DELETE", "/api/v1/cameras/{name}"): _needs(CAMERAS, action="camera.remove"),
    ("POST", "/api/v1/cameras/{name}/start"): _needs(CAMERAS, action="camera.start"),
    ("POST", "/api/v1/cameras/{name}/stop"): _needs(CAMERAS, action="camera.stop"),
    ("GET", "/api/v1/cameras/{name}/stats"): _needs(VIEW),
    ("GET", "/api/v1/cameras/{name}/snapshot.jpg"): _needs(VIEW),
    ("GET", "/api/v1/cameras/{name}/mjpeg"): _lasts(VIEW),
    ("GET", "/api/v1/policies"): _needs(VIEW),
    ("POST", "/api/v1/policies/replay"): _needs(CAMERAS),
    ("GET", "/api/v1/events"): _needs(VIEW),
    ("GET", "/api/v1/events/stream"): _lasts(VIEW),
    ("GET", "/api/v1/events/{id}"): _needs(VIEW),
    ("POST", "/api/v1/events/{id}/verdict"): _needs(JUDGE, action="event.verdict"),
    ("POST", "/api/v1/events/{id}/hold"): _needs(JUDGE, action="event.hold"),
    ("GET", "/api/v1/events/{id}/evidence/{name}"): _lasts(VIEW, link=True),
    ("GET", "/api/v1/webhooks"): _needs(ALERTS),
    ("POST", "/api/v1/webhooks"): _needs(ALERTS, action="webhook.add"),
    ("GET", "/api/v1/webhooks/{id}"): _needs(ALERTS),
    ("PATCH", "/api/v1/webhooks/{id}"): _needs(ALERTS, action="webhook.change"),
    ("DELETE", "/api/v1/webhooks/{id}"): _needs(ALERTS, action="webhook.remove"),
    ("POST", "/api/v1/webhooks/{id}/secret"): _needs(ALERTS, action="webhook.secret"),
    ("DELETE", "/api/v1/webhooks/{id}/secret/previous"): _needs(ALERTS, action="webhook.secret"),
    ("POST", "/api/v1/webhooks/{id}/test"): _needs(ALERTS, action="webhook.test"),
    ("POST", "/api/v1/webhooks/{id}/replay"): _needs(ALERTS, action="webhook.replay"),
    ("GET", "/api/v1/webhooks/{id}/deliveries"): _needs(ALERTS),
    ("GET", "/api/v1/webhooks/{id}/deliveries/{delivery}"): _needs(ALERTS),
    ("POST", "/api/v1/webhooks/{id}/deliveries/{delivery}/replay"): _needs(ALERTS, action="webhook.replay"),
    ("GET", "/api/v1/models"): _needs(MODELS),
    ("POST", "/api/v1/models"): _needs(MODELS, action="model.add"),
    ("GET", "/api/v1/models/{id}"): _needs(MODELS),
    ("POST", "/api/v1/models/{id}/activate"): _needs(MODELS, action="model.activate"),
    ("DELETE", "/api/v1/models/{id}"): _needs(MODELS, action="model.remove"),
    ("GET", "/api/v1/session"): Permit(greets=True),
    ("POST", "/api/v1/session"): Permit(greets=True),  # writes the audit log itself: only it knows who it was
    ("DELETE", "/api/v1/session"): Permit(action="session.end"),
    ("POST", "/api/v1/session/pass"): KNOWN,
    ("POST", "/api/v1/session/password"): Permit(action="user.password"),
    ("GET", "/api/v1/users"): _needs(ACCESS),
    ("POST", "/api/v1/users"): _needs(ACCESS, action="user.add"),
    ("PATCH", "/api/v1/users/{id}"): _needs(ACCESS, action="user.change"),
    ("DELETE", "/api/v1/users/{id}"): _needs(ACCESS, action="user.remove"),
    ("GET", "/api/v1/tokens"): _needs(ACCESS),
    ("POST", "/api/v1/tokens"): _needs(ACCESS, action="token.add"),
    ("DELETE", "/api/v1/tokens/{id}"): _needs(ACCESS, action="token.revoke"),
    ("GET", "/api/v1/audit"): _needs(ACCESS),
}


def permit_of(request: web.Request) -> Permit:
    """What a request asks for. Where nothing is, only those who are known learn so."""
    resource = request.match_info.route.resource
    if resource is None or request.match_info.http_exception is not None:
        return KNOWN
    return PERMITS[_method(request.method), resource.canonical]


def check_all(app: web.Application) -> None:
    """Whether all routes are here; raises LookupError with the name of one that is not."""
    for route in app.router.routes():
        if route.resource is None or (_method(route.method), route.resource.canonical) not in PERMITS:
            raise LookupError(f"{route.method} {route.resource and route.resource.canonical} has no permit")


def _method(method: str) -> str:
    return "GET" if method == "HEAD" else method
