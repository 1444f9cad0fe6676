"""Where a camera's URL must not lead, by itself or by what it answers: nothing is opened there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..support.fleet import Fleet
from ..support.http_camera import HttpCamera
from ..support.server import client_of, serving

METADATA = "http://169.254.169.254/latest/meta-data/"
UNKNOWN = [
    "concat:/etc/passwd|/etc/hosts",
    "data:text/plain;base64,AAAA",
    "tcp://127.0.0.1:{port}",
    "udp://127.0.0.1:{port}",
    "crypto:/etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "pipe:0",
]
FORBIDDEN = [
    "file:///etc/passwd",
    "/etc/passwd",
    "etc/passwd",
    "subfile,,start,0,end,0,,:/etc/passwd",
    "/dev/video0",
    METADATA,
    "rtsp://169.254.169.254/",
    "http://[fe80::1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0.0.0.0:{port}/",
    "http://224.0.0.1/",
]


@contextmanager
def listener() -> Iterator[socket.socket]:
    """A port; whether anybody came is asked by accepting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def nobody_came(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize(
    ("url", "slug", "status"),
    [
        *((url, "camera-url-not-allowed", 403) for url in FORBIDDEN),
        *((url, "invalid-camera", 422) for url in UNKNOWN),
    ],
)
async def test_a_url_that_must_not_be_opened_is_refused(fleet: Fleet, url: str, slug: str, status: int) -> None:
    with listener() as server:
        url = url.format(port=server.getsockname()[1])
        await fleet.add("good", "rtsp://192.0.2.1/")
        for method, path, body in (
            ("POST", "/api/v1/cameras", {"name": "evil", "url": url}),
            ("POST", "/api/v1/cameras/probe", {"url": url}),
            ("POST", "/api/v1/cameras/probe", {"camera": "good", "url": url}),
            ("PATCH", "/api/v1/cameras/good", {"url": url}),
        ):
            answer = await fleet.client.send(method, path, json=body)
            assert answer.status == status, answer
            assert answer.json()["type"] == f"urn:vigie:problem:{slug}"
        assert {name: camera["url"] for name, camera in (await fleet.all()).items()} == {"good": "rtsp://192.0.2.1/"}
        assert nobody_came(server)


async def lost(fleet: Fleet, name: str, url: str) -> str:
    """Add a camera and wait until it is given up; why."""
    await fleet.add(name, url)
    return str((await fleet.until(name, "retrying", within_s=12))["reason"])


async def test_no_redirect_and_no_list_leads_where_no_camera_may_be(fleet: Fleet, tmp_path: Path) -> None:
    """To a file, to a socket by another protocol, to the metadata of a cloud."""
    secret = tmp_path / "secret.ts"
    secret.write_text("secret")
    with listener() as server:
        port = server.getsockname()[1]
        async with HttpCamera().serving() as evil:
            for target in (f"file://{secret}", f"tcp://127.0.0.1:{port}", METADATA, "concat:/etc/passwd"):
                evil.leads_to = target
                for path in ("redirect", "evil.m3u8", "evil-master.m3u8"):
                    evil.asked.clear()
                    reason = await lost(fleet, "evil", f"{evil.url}/{path}")
                    assert reason
                    assert str(secret) not in reason
                    assert (await fleet.show("evil"))["frames"]["seen"] == 0
                    assert set(evil.asked) == {f"/{path}"}
                    await fleet.remove("evil")
        assert nobody_came(server)


async def test_a_redirect_to_this_machine_is_not_followed_where_that_is_forbidden(
    tmp_path: Path,
) -> None:
    """A server for everybody (0.0.0.0) takes no camera of its own machine, and none that leads there."""
    async with HttpCamera().serving() as inner, serving(tmp_path, warm=False, host="0.0.0.0") as server:
        local = type(server)(server.url.replace("0.0.0.0", "127.0.0.1"), server.settings)
        async with client_of(local) as client:
            for url in (f"{inner.url}/mjpeg", inner.url.replace("127.0.0.1", "localhost"), "rtsp://[::1]/"):
                answer = await client.post("/api/v1/cameras", json={"name": "inner", "url": url})
                answer.problem("camera-url-not-allowed", 403)
            assert inner.asked == []
