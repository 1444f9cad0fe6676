"""The page's files and headers, and what pages of other origins may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from server import __version__
from server.edge.http import STATIC

from ..support.media import gun_jpeg
from ..support.server import Client, client_of, serving

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"


@pytest_asyncio.fixture(scope="module")
async def open_server(data_dir: Path) -> AsyncIterator[Client]:
    """A server that lets one other origin in."""
    async with serving(data_dir, cors_origins=(FRIEND,)) as server, client_of(server) as client:
        yield client


async def test_the_page(client: Client) -> None:
    answer = await client.get("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.body == (STATIC / "index.html").read_bytes()


@pytest.mark.parametrize(
    ("path", "kind"), [("/app.js", "javascript"), ("/i18n/fr.js", "javascript"), ("/styles/tokens.css", "css")]
)
async def test_files_of_the_page(client: Client, path: str, kind: str) -> None:
    if not (STATIC / path[1:]).is_file():
        path = "/" + str(next(STATIC.glob("styles/*.css")).relative_to(STATIC))
    answer = await client.get(path)
    assert (answer.status, answer.body) == (200, (STATIC / path[1:]).read_bytes())
    assert kind in answer.headers["Content-Type"]


async def test_an_unchanged_file_is_not_sent_again(client: Client) -> None:
    first = await client.get("/app.js")
    again = await client.get("/app.js", headers={"If-None-Match": first.headers["Etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_headers_of_the_page(client: Client) -> None:
    for path in ("/", "/app.js"):
        headers = (await client.get(path)).headers
        rules = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
        assert rules["default-src"] == "'self'"
        assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "camera=(self)" in headers["Permissions-Policy"]


@pytest.mark.parametrize("path", ["/api/v1/server", "/api/v1/events", "/healthz", "/nope"])
async def test_headers_of_answers(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


async def test_what_the_server_tells_of_itself(client: Client) -> None:
    body = (await client.get("/api/v1/server")).json()
    assert body["version"] == __version__
    assert body["ready"] is True
    assert body["model"].items() >= {"labels": ["gun"], "backend": "openvino", "input_size": 640}.items()
    assert {"name", "device"} <= set(body["model"])
    assert body["limits"].items() >= {"upload_bytes": 20_000_000, "stream_frame_bytes": 2_000_000}.items()
    assert {"picture_pixels", "sessions"} <= set(body["limits"])


async def test_no_cameras_and_no_events_are_empty_lists(open_server: Client) -> None:
    assert (await open_server.get("/api/v1/cameras")).json() == {"cameras": []}
    assert (await open_server.get("/api/v1/events")).json() == {"events": [], "next": None}


async def test_a_friend_may(open_server: Client) -> None:
    answer = await open_server.post(
        "/api/v1/detect", data=gun_jpeg(), headers={"Origin": FRIEND, "Content-Type": "image/jpeg"}
    )
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert answer.headers["Vary"] == "Origin"


async def test_a_friend_may_read_what_is_wrong(open_server: Client) -> None:
    answer = await open_server.post("/api/v1/detect", data=b"", headers={"Origin": FRIEND, "Content-Type": "image/png"})
    answer.problem("picture-empty", 422)
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND


@pytest.mark.parametrize("path", ["/api/v1/detect", "/api/v1/webrtc/offer", "/api/v1/webrtc/some"])
async def test_a_friend_asks_before(open_server: Client, path: str) -> None:
    answer = await open_server.send(
        "OPTIONS",
        path,
        headers={
            "Origin": FRIEND,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert {"POST", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert allowed == "content-type, authorization, if-match, range, x-request-id"


@pytest.mark.parametrize(
    "origin", [STRANGER, "null", "http://friend.example", f"{FRIEND}:8443", f"{FRIEND}.evil.example"]
)
async def test_a_stranger_may_not(open_server: Client, origin: str) -> None:
    headers = {"Origin": origin, "Content-Type": "image/jpeg"}
    looked = await open_server.metric("vigie_pictures_total{answered}")
    answer = await open_server.post("/api/v1/detect", data=gun_jpeg(), headers=headers)
    assert "cors_origins" in answer.problem("forbidden-origin", 403)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert await open_server.metric("vigie_pictures_total{answered}") == looked
    (await open_server.send("OPTIONS", "/api/v1/detect", headers=headers)).problem("forbidden-origin", 403)
    (await open_server.send("DELETE", "/api/v1/webrtc/x", headers=headers)).problem("forbidden-origin", 403)
    assert "Access-Control-Allow-Origin" not in (await open_server.get("/api/v1/events", headers=headers)).headers


async def test_a_strangers_page_opens_no_websocket(open_server: Client) -> None:
    address = open_server.server.url + "/api/v1/stream"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with open_server.http.ws_connect(address, headers={"Origin": STRANGER}):
            pass
    assert refused.value.status == 403
    async with open_server.http.ws_connect(address, headers={"Origin": FRIEND}) as socket:
        assert (await socket.receive_json())["type"] == "hello"


async def test_the_servers_own_page_needs_no_leave(client: Client) -> None:
    url = client.server.url
    answer = await client.post("/api/v1/detect", data=gun_jpeg(), headers={"Origin": url, "Content-Type": "image/jpeg"})
    assert answer.status == 200
    async with client.http.ws_connect(url + "/api/v1/stream", headers={"Origin": url}) as socket:
        assert (await socket.receive_json())["type"] == "hello"


async def test_a_front_end_elsewhere_may_read_what_comes_piece_by_piece(open_server: Client) -> None:
    url = f"{open_server.server.url}/api/v1/events/stream"
    async with open_server.http.get(url, headers={"Origin": FRIEND}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, FRIEND)
    async with open_server.http.get(url, headers={"Origin": STRANGER}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
