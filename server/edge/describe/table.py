"""All routes, described. A test holds this against the table of permits and the routes of the server."""

from __future__ import annotations

from . import access, cameras, events, operations, video, webhooks
from .route import Key, Route

ROUTES: dict[Key, Route] = {
    **video.ROUTES,
    **cameras.ROUTES,
    **events.ROUTES,
    **webhooks.ROUTES,
    **operations.ROUTES,
    **access.ROUTES,
}
