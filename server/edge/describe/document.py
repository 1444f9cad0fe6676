"""The OpenAPI document, put together from the table."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from ... import __version__
from ..permits import PERMITS, Permit
from ..queries import Parameter
from .problems import PROBLEMS
from .route import Answer, Json, JsonBody, RawBody, Route
from .samples import NAMES, samples
from .table import ROUTES

REF = "#/components/schemas/{model}"
BEARER, COOKIE, SECURE = "bearer", "cookie", "secureCookie"
IN_PATH = {
    "name": "A name, as of a camera or a file.",
    "id": "An id, as lists tell it.",
    "session": "The id of a session.",
    "delivery": "The id of a delivery.",
    "path": "The path of a file.",
}
ABOUT = """Watches cameras for firearms, in real time. Errors are problem documents (RFC 9457); each answer has an
`X-Request-ID`. Ignore fields that you do not know: more may come. From this very machine no login is needed, unless
`access.local` is off."""


@cache
def document() -> Json:
    """The whole of it; treat it as read-only."""
    bodies, answers = _types()
    inputs: list[Any] = [(shape, "validation", TypeAdapter(shape)) for shape in bodies]
    inputs += [(shape, "serialization", TypeAdapter(shape)) for shape in answers]
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template=REF)
    schemas: Json = definitions.get("$defs", {})
    schemas["Problem"] = _problem_schema()
    paths: Json = defaultdict(dict)
    for (method, path), route in ROUTES.items():
        paths[path][method.lower()] = _operation(method, path, route, found, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vigie",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in ROUTES.values())],
        "paths": dict(paths),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                BEARER: {"type": "http", "scheme": "bearer", "description": "A token, or that of a WHIP camera."},
                COOKIE: {"type": "apiKey", "in": "cookie", "name": "vigie_session"},
                SECURE: {"type": "apiKey", "in": "cookie", "name": "__Host-vigie_session"},
            },
        },
    }


def problems_of(method: str, path: str) -> dict[int, list[str]]:
    """The slugs of a route's problems by their status: its own, and those that its permit and its body bring."""
    route, permit = ROUTES[method, path], PERMITS[method, path]
    pairs = {(PROBLEMS[slug], slug) for slug in route.problems}
    if not permit.open:
        pairs |= {(503, "database-away")}
        pairs |= {(401, "wrong-token"), (429, "too-many-guesses")}
        pairs |= set() if permit.greets or permit.asks else {(401, "login-required")}
        pairs |= {(403, "not-allowed")} if permit.permissions else set()
    if method not in ("GET", "OPTIONS"):
        pairs.add((403, "forbidden-origin"))
    if route.query:
        pairs.add((400, "invalid-parameter"))
    if isinstance(route.body, JsonBody):
        pairs |= {(400, "malformed-request"), (413, "malformed-request"), (415, "unsupported-content-type")}
    if isinstance(route.body, RawBody) and route.body.text:
        pairs |= {(400, "malformed-sdp"), (413, "malformed-request")}
    by_status: dict[int, list[str]] = defaultdict(list)
    for status, slug in sorted(pairs):
        by_status[status].append(slug)
    return by_status


def _types() -> tuple[list[Any], list[Any]]:
    bodies = [route.body.shape for route in ROUTES.values() if isinstance(route.body, JsonBody)]
    answers = [one.shape for route in ROUTES.values() for one in route.answers.values() if one.shape is not None]
    return list(dict.fromkeys(bodies)), list(dict.fromkeys(answers))


def _operation(method: str, path: str, route: Route, found: Any, schemas: Json) -> Json:
    permit = PERMITS[method, path]
    answers = {str(status): _answer(answer, found) for status, answer in route.answers.items()}
    for status, slugs in problems_of(method, path).items():
        answers[str(status)] = _refusal(slugs)
    operation: Json = {
        "operationId": _name(method, path),
        "tags": [route.tag],
        "summary": route.summary,
        "description": " ".join(filter(None, (route.more, _asks(permit)))),
        "parameters": [
            *(_in_path(name) for name in re.findall(r"{(\w+)}", path)),
            *(_parameter(one, "query") for one in route.query),
            *(_parameter(one, "header") for one in route.headers),
        ],
        "responses": answers,
        "security": _security(permit),
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": _content(route.body, found, schemas)}
    if shown := samples(method, path, route):
        operation["x-codeSamples"] = shown
    return operation


def _content(body: JsonBody | RawBody, found: Any, schemas: Json) -> Json:
    if isinstance(body, JsonBody):
        schema = found[body.shape, "validation"]
        if body.changes:
            schemas[body.name] = _changes(schema, body, schemas)
            schema = {"$ref": REF.format(model=body.name)}
        return {"application/json": {"schema": schema, "example": body.example}}
    one: Json = {"type": "string"} if body.text else {"type": "string", "format": "binary"}
    content = {kind: {"schema": one} for kind in body.kinds}
    if body.form:
        file = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        content["multipart/form-data"] = {"schema": file}
    return content


def _changes(schema: Json, body: JsonBody, schemas: Json) -> Json:
    """A type of which any field may be left out, as changes are told."""
    whole = copy.deepcopy(schemas[schema["$ref"].rpartition("/")[2]])
    whole.pop("required", None)
    whole["title"] = body.name
    for field in whole["properties"].values():
        field.pop("default", None)
    whole["properties"].update(body.more)
    return dict(whole)


def _answer(answer: Answer, found: Any) -> Json:
    content: Json = {}
    if answer.shape is not None:
        content["application/json"] = {"schema": found[answer.shape, "serialization"]}
    if answer.kind:
        content[answer.kind] = {"schema": {"type": "string"}} if answer.kind.startswith("text/") else {}
    told: Json = {"description": answer.says}
    if content:
        told["content"] = content
    if answer.headers:
        told["headers"] = {
            name: {"description": says, "schema": {"type": "string"}} for name, says in answer.headers.items()
        }
    return told


def _refusal(slugs: list[str]) -> Json:
    kinds = {"properties": {"type": {"enum": [f"urn:vigie:problem:{slug}" for slug in slugs]}}}
    schema = {"allOf": [{"$ref": REF.format(model="Problem")}, kinds]}
    return {
        "description": ", ".join(f"`{slug}`" for slug in slugs),
        "content": {"application/problem+json": {"schema": schema}},
    }


def _problem_schema() -> Json:
    texts = {name: {"type": "string"} for name in ("type", "title", "detail")}
    error = {
        "type": "object",
        "required": ["field", "detail"],
        "properties": {"field": texts["type"], "detail": texts["type"]},
    }
    return {
        "type": "object",
        "description": "What is wrong and what to do (RFC 9457). `errors`: what is wrong with each field.",
        "required": ["type", "title", "status", "detail"],
        "properties": {**texts, "status": {"type": "integer"}, "errors": {"type": "array", "items": error}},
    }


def _in_path(name: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": IN_PATH[name],
        "schema": {"type": "string", "minLength": 1},
        "example": NAMES[name],
    }


def _parameter(one: Parameter, where: str) -> Json:
    return {"name": one.name, "in": where, "description": one.says, "schema": one.schema()}


def _security(permit: Permit) -> list[Json]:
    if permit.open:
        return [{}]
    return [{BEARER: []}, {COOKIE: []}, {SECURE: []}, *([{}] if permit.greets or permit.link else [])]


def _asks(permit: Permit) -> str:
    if permit.open:
        return "Nobody is asked who he is."
    needed = " or ".join(f"`{one}`" for one in sorted(permit.permissions))
    return f"Takes the permission {needed}." if needed else "" if permit.greets else "For all who are known."


def _name(method: str, path: str) -> str:
    """An operation id that stays the same: the method and the words of the path."""
    words = re.findall(r"[A-Za-z0-9]+", path.removeprefix("/api/v1"))
    return method.lower() + "".join(word[0].upper() + word[1:] for word in words)
