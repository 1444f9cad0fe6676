"""The HTTP application: routes, the page's files, and the rules for other origins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .guard import Guard
from .permits import check_all
from .problems import Problem, problems
from .requests import HEADER, identified, tell_id

STATIC = Path(__file__).resolve().parents[2] / "static"

SHARED = f"Location, ETag, Link, Date, Retry-After, Content-Range, {HEADER}"
"""Headers of answers that pages of other origins may read."""

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}


def make_app(routes: Iterable[web.RouteDef], cors_origins: tuple[str, ...], guard: Guard) -> web.Application:
    """The application that serves these routes and the page; raises LookupError for a route without a permit."""
    app = web.Application(
        middlewares=[identified, cross_origin(cors_origins, guard), problems, guard.middleware()],
        client_max_size=2**20,
    )
    app.add_routes(routes)
    app.router.add_get("/{path:.*}", _page)
    check_all(app)
    app.on_response_prepare.append(tell_id)
    app.on_response_prepare.append(_add_page_headers)
    app.on_response_prepare.append(share_with(cors_origins, guard))
    return app


def cross_origin(allowed: tuple[str, ...], guard: Guard) -> Middleware:
    """CORS (the Fetch standard) for the front ends allowed; a page of any other origin is refused what changes things,
    reads a picture or opens a session."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or _netloc(origin) == guard.caller(request).host:
            return await handler(request)
        if origin not in allowed and "*" not in allowed:
            if request.method in ("GET", "HEAD") and "Upgrade" not in request.headers:
                return await handler(request)  # without the header below, the browser keeps the answer from the page
            return Problem(
                "forbidden-origin", 403, f"Pages of {origin[:200]} may not use this server. Add it to cors_origins."
            ).response()
        answer = await handler(request)
        if (
            request.method == "OPTIONS" and answer.status >= 400
        ):  # no route of its own: only a browser asks, before it acts
            answer = web.Response(status=204)
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
            answer.headers["Access-Control-Allow-Headers"] = f"Content-Type, Authorization, If-Match, Range, {HEADER}"
            answer.headers["Access-Control-Max-Age"] = "600"
        return answer

    return middleware


def share_with(allowed: tuple[str, ...], guard: Guard) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Lets pages of the origins allowed read each answer, also one that a handler sends piece by piece."""

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get("Origin")
        if origin is None or not (origin in allowed or "*" in allowed):
            return
        if _netloc(origin) == guard.caller(request).host:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = SHARED
        response.headers["Vary"] = "Origin"

    return add_headers


def _netloc(origin: str) -> str:
    """Host and port of an origin; whoever sends what is none has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


async def _page(request: web.Request) -> web.FileResponse:
    """A file of the page; a folder is its index, asked for with a slash: what it names is looked for beneath. aiohttp's
    own static route answers a missing file with an empty body."""
    asked = request.match_info["path"]
    try:
        path = (STATIC / asked).resolve()
        if path.is_dir() and path.is_relative_to(STATIC) and (path / "index.html").is_file():
            if asked and not asked.endswith("/"):
                query = request.rel_url.raw_query_string
                raise web.HTTPPermanentRedirect(f"{path.name}/" + (f"?{query}" if query else ""))
            path /= "index.html"
        found = path.is_file() and path.is_relative_to(STATIC)
    except (OSError, ValueError):  # a name that no file system takes: too long, or with a null in it
        found = False
    if not found:
        raise web.HTTPNotFound
    return web.FileResponse(path)


async def _add_page_headers(request: web.Request, response: web.StreamResponse) -> None:
    if isinstance(response, web.FileResponse):
        response.headers.update(PAGE_HEADERS)
    else:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
