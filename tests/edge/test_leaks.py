"""After 200 connects and disconnects of every kind nothing remains."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Callable, Coroutine

import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection

from ..support.browser import Browser
from ..support.leaks import Held, all_gone
from ..support.media import gun_frame, gun_jpeg
from ..support.server import Client, client_of
from ..support.waiting import eventually
from ..support.wish import WishClient

Visit = Callable[[Client], Coroutine[object, object, None]]

COUNT = 200
numbers = itertools.count()
AT_ONCE = 5


async def websocket_leaves(client: Client) -> None:
    async with client.http.ws_connect(client.server.url + "/api/v1/stream") as socket:
        await socket.receive()


async def websocket_sends_and_leaves(client: Client) -> None:
    async with client.http.ws_connect(client.server.url + "/api/v1/stream?mode=overlay") as socket:
        await socket.send_bytes(gun_jpeg())
        await socket.receive()


async def websocket_vanishes(client: Client) -> None:
    async with client.http.ws_connect(client.server.url + "/api/v1/stream") as socket:
        await socket.send_bytes(gun_jpeg())
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()


async def webrtc_abandoned_after_the_answer(client: Client) -> None:
    browser = Browser(client)
    browser.peer.addTransceiver("video", direction="sendrecv")
    assert (await browser.offer("burned_in")).status == 200
    browser.vanish()
    await browser.close()


async def webrtc_deleted_before_it_connects(client: Client) -> None:
    browser = Browser(client)
    browser.peer.addTransceiver("video", direction="sendonly")
    answer = (await browser.offer("overlay")).json()
    await client.send("DELETE", f"/api/v1/webrtc/{answer['session']}")
    await browser.close()


async def webrtc_connects_and_leaves(client: Client) -> None:
    browser = Browser(client)
    await browser.call("burned_in", [gun_frame()])
    await browser.wait_for("hello")
    await browser.close()


async def webrtc_connects_and_is_deleted(client: Client) -> None:
    browser = Browser(client)
    await browser.call("overlay", [gun_frame()])
    await browser.wait_for("hello")
    await client.send("DELETE", f"/api/v1/webrtc/{browser.session}")
    await browser.close()


async def webrtc_is_refused(client: Client) -> None:
    browser = Browser(client)
    browser.peer.addTransceiver("audio")
    (await browser.offer("overlay")).problem("no-video-in-offer", 400)
    await browser.close()


async def publisher_comes_watches_itself_and_leaves(client: Client) -> None:
    token = (client.server.settings.data_dir / "whip-token").read_text().strip()
    name = f"phone-{next(numbers)}"
    publisher, player = WishClient(client), WishClient(client)
    assert (await publisher.push(name, token, [gun_frame()])).status == 201
    assert (await player.watch(name)).status == 201
    async with client.http.get(f"{client.server.url}/api/v1/cameras/{name}/mjpeg") as stream:
        await stream.content.readline()
        await player.wait_for_pictures(1)
        assert (await publisher.end()).status == 200
    await asyncio.gather(publisher.close(), player.close())


VISITS: list[Visit] = [
    websocket_leaves,
    webrtc_abandoned_after_the_answer,
    websocket_sends_and_leaves,
    webrtc_connects_and_leaves,
    websocket_vanishes,
    webrtc_deleted_before_it_connects,
    websocket_leaves,
    webrtc_is_refused,
    publisher_comes_watches_itself_and_leaves,
    webrtc_connects_and_is_deleted,
    websocket_vanishes,
]


@pytest.mark.timeout(240)
async def test_200_connects_and_disconnects_leave_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.edge.peer.CONNECT_TIMEOUT_S", 3.0)
    for visit in dict.fromkeys(VISITS):  # what the first of each kind opens for good, such as a pool's threads
        await visit(client)
    await eventually(client.is_idle, "the end of the first sessions")
    gc.collect()
    before, objects = Held.now(), living()
    visits = iter([VISITS[index % len(VISITS)] for index in range(COUNT)])

    async def visitor() -> None:
        async with client_of(client.server) as visiting:
            for visit in visits:
                await visit(visiting)

    async with asyncio.TaskGroup() as visitors:
        for _ in range(AT_ONCE):
            visitors.create_task(visitor())
    await eventually(client.is_idle, "the end of all sessions")
    await all_gone(before)
    await eventually(lambda: living() <= objects, "the end of all tracks and connections")
    await client.is_well()


def living() -> int:
    """Tracks and peer connections in memory, the browsers' own among them."""
    gc.collect()
    return sum(isinstance(thing, MediaStreamTrack | RTCPeerConnection) for thing in gc.get_objects())
