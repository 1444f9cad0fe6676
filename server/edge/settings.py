"""The settings by API: read again without a restart."""

from __future__ import annotations

from aiohttp import web

from ..config import ConfigError
from ..reloading import Reloader
from .problems import Problem


class SettingsRoutes:
    """The handlers."""

    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [web.post("/api/v1/settings/reload", self.reload)]

    async def reload(self, request: web.Request) -> web.Response:
        """``POST /api/v1/settings/reload``: what changed, and what waits for a restart."""
        try:
            done = await self._reloader.reload()
        except ConfigError as error:
            errors = [{"field": mistake.name, "detail": str(mistake)} for mistake in error.mistakes]
            raise Problem(
                "invalid-settings",
                422,
                "The settings are wrong, and nothing changed. Mend them and try again.",
                errors=errors,
            ) from error
        return web.json_response({"changed": list(done.changed), "restart": list(done.restart)})
