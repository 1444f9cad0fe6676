"""The description of the API, served."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..wire import compact
from .describe.document import document


class OpenApi:
    """The one route."""

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [web.get("/api/v1/openapi.json", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """``GET /api/v1/openapi.json``: OpenAPI 3.1."""
        text = await asyncio.to_thread(lambda: compact(document()))
        return web.Response(text=text, content_type="application/json")
