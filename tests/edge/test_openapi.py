"""The description of the API is true: it has all routes, and live answers are as it says, whatever is asked."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.config import CameraSettings
from server.edge.describe.document import document, problems_of
from server.edge.describe.table import ROUTES
from server.edge.permits import PERMITS

from ..support.media import GUN_CLIP, gun_jpeg
from ..support.server import Client, Json, client_of, serving
from ..support.waiting import eventually

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 3
"""For each operation and mode: with all of them it must stay a matter of seconds."""

ENDLESS = {"/api/v1/events/stream", "/api/v1/cameras/{name}/mjpeg"}
LAST = ("DELETE", "/api/v1/session"), ("POST", "/api/v1/session/password")
HARMFUL = {("POST", "/api/v1/models/{id}/activate")}
"""Compiles the model anew at each call: tests/edge/test_models.py tries it."""


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _as_text(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def strict() -> Json:
    """The document, but that answers may have nothing that is not in it."""
    told = copy.deepcopy(document())
    for schema in told["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return told


@pytest_asyncio.fixture(scope="module")
async def api(data_dir: Path) -> AsyncIterator[Client]:
    """A server with a camera that sees a gun, and which opens and posts to nothing that others name."""
    camera = CameraSettings(name="gate", url=str(GUN_CLIP), loop=True)
    closed: Json = {"fleet": {"schemes": ["whip"]}, "webhooks": {"allow_private": True}}
    async with serving(data_dir, cameras=(camera,), **closed) as server, client_of(server) as client:

        async def kept() -> bool:
            events = (await client.get("/api/v1/events?confirmed=1")).json()["events"]
            return bool(events) and bool(events[0]["evidence"])

        await eventually(kept, "an event with evidence", within_s=60)
        yield client


def test_every_route_is_described_and_nothing_else() -> None:
    assert set(ROUTES) == set(PERMITS)


def test_it_is_openapi() -> None:
    validate(document())


def test_operations_have_names_of_their_own() -> None:
    names = [one["operationId"] for path in document()["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names) == len(ROUTES)


async def test_whoever_is_known_gets_it(api: Client) -> None:
    answer = await api.get("/api/v1/openapi.json")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json() == json.loads(json.dumps(document()))


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does; hypothesis seeds it
async def test_no_answer_is_a_surprise(api: Client) -> None:
    """schemathesis asks each operation what is right and what is wrong."""
    known = await real_ids(api)
    told = schemathesis.openapi.from_dict(strict())
    operations = [found.ok() for found in told.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == len(ROUTES)
    chosen = [one for one in operations if one.path not in ENDLESS and (one.method.upper(), one.path) not in HARMFUL]
    chosen.sort(key=lambda one: (one.method == "delete", (one.method.upper(), one.path) in LAST))
    surprises: list[str] = []
    made = await api.post("/api/v1/tokens", json={"name": "schemathesis", "role": "admin"})
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {made.json()['token']}"
        for operation in chosen:
            takes = bool(operation.query or operation.body)  # or there is nothing that could be wrong
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)[: 1 + takes]:
                surprise = await asyncio.to_thread(ask, operation, mode, known, api.server.url, session)
                surprises += [f"{operation.label}: {surprise}"] if surprise else []
    assert not surprises, "\n\n".join(surprises)
    assert (await api.get("/healthz")).text == "ok"


def ask(operation: Any, mode: GenerationMode, known: dict[str, str], url: str, session: requests.Session) -> str:
    """Some requests of one operation, of which some are about what there is; returns what was not as described."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def one(case: Any, real: bool) -> None:
        if real and operation.method != "delete":
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known.get(f"{name} {operation.tags[0]}", "none")
        if isinstance(case.body, dict) and "webhooks" in operation.path and "url" in case.body:
            case.body["url"] = "http://127.0.0.1:9/"  # nothing is looked up, nobody is called
        response = case.call(base_url=url, session=session, headers=dict(session.headers), timeout=30)
        assert response.status_code != 500, response.text
        case.validate_response(response, checks=CHECKS)

    try:
        one()
    except (AssertionError, BaseExceptionGroup) as error:
        return "\n".join(map(str, error.exceptions)) if isinstance(error, BaseExceptionGroup) else str(error)
    except (schemathesis.errors.InvalidSchema, Unsatisfiable):
        return ""  # nothing is wrong here: this operation takes anything
    return ""


async def real_ids(api: Client) -> dict[str, str]:
    """What there is, by the name of the parameter and the tag of the operation."""
    event = (await api.get("/api/v1/events")).json()["events"][0]["id"]
    hook = (await api.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9/", "enabled": False})).json()["id"]
    await api.post(f"/api/v1/webhooks/{hook}/test")
    delivery = (await api.get(f"/api/v1/webhooks/{hook}/deliveries")).json()["deliveries"][0]["id"]
    user = {"name": "fred", "password": "a long one, please", "role": "viewer"}
    return {
        "name Cameras": "gate",
        "id Events": event,
        "name Events": "clean.jpg",
        "id Webhooks": hook,
        "delivery Webhooks": delivery,
        "id Access": (await api.post("/api/v1/users", json=user)).json()["id"],
        "id Models": (await api.get("/api/v1/models")).json()["models"][0]["id"],
    }


def sample(lang: str, method: str, path: str) -> str:
    """One of the examples."""
    shown = document()["paths"][path][method.lower()]["x-codeSamples"]
    return str(next(one["source"] for one in shown if one["lang"] == lang))


TRIED = [
    *(("POST", "/api/v1/detect"), ("POST", "/predict"), ("GET", "/api"), ("GET", "/api/v1/ice")),
    *(("GET", "/api/v1/cameras"), ("GET", "/api/v1/cameras/{name}"), ("PATCH", "/api/v1/cameras/{name}")),
    *(("GET", "/api/v1/cameras/{name}/stats"), ("POST", "/api/v1/cameras/{name}/stop")),
    *(("POST", "/api/v1/cameras/{name}/start"), ("GET", "/api/v1/policies"), ("POST", "/api/v1/policies/replay")),
    *(("GET", "/api/v1/events"), ("GET", "/api/v1/events/{id}"), ("POST", "/api/v1/events/{id}/verdict")),
    *(("POST", "/api/v1/events/{id}/hold"), ("GET", "/api/v1/webhooks"), ("POST", "/api/v1/webhooks")),
    *(("GET", "/api/v1/models"), ("GET", "/api/v1/server"), ("GET", "/readyz"), ("GET", "/api/v1/users")),
    *(("POST", "/api/v1/tokens"), ("GET", "/api/v1/tokens"), ("GET", "/api/v1/audit"), ("GET", "/api/v1/session")),
]
"""What a reader would try first; each in all three languages."""


def shell(parts: list[str]) -> tuple[list[str], str]:
    return ["bash", "-e"], "\n".join(f"{part} >/dev/null" for part in parts)


def python(parts: list[str]) -> tuple[list[str], str]:
    return [sys.executable, "-"], "\n\n".join(parts)


def javascript(parts: list[str]) -> tuple[list[str], str]:
    return ["node", "--input-type=module", "-"], "\n".join(f"{{\n{part}\n}}" for part in parts)


@pytest.mark.parametrize(("lang", "program"), [("curl", shell), ("python", python), ("javascript", javascript)])
async def test_examples_run(
    api: Client, tmp_path: Path, lang: str, program: Callable[[list[str]], tuple[list[str], str]]
) -> None:
    token = (await api.post("/api/v1/tokens", json={"name": f"for {lang}", "role": "admin"})).json()["token"]
    event = (await api.get("/api/v1/events")).json()["events"][0]["id"]
    (tmp_path / "gun.jpg").write_bytes(gun_jpeg())
    parts = [sample(lang, *one).replace("FILE", "gun.jpg").replace("/ID", f"/{event}") for one in TRIED]
    command, text = program(parts)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=tmp_path,
        env={**os.environ, "VIGIE_URL": api.server.url, "VIGIE_TOKEN": token},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(text.encode()), 60)
    assert process.returncode == 0, said.decode()[-2000:]


def test_a_problem_is_told_where_it_can_come() -> None:
    told = problems_of("POST", "/api/v1/cameras")
    assert "invalid-camera" in told[422]
    assert {"login-required", "wrong-token"} == set(told[401])
    assert not problems_of("GET", "/healthz")
