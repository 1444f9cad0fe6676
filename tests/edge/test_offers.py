"""Offers that cannot be answered: each gets a problem that says why, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import itertools
import json
import random

import pytest

from ..support.browser import Browser, browser_of
from ..support.server import Answer, Client

OFFER = "/api/v1/webrtc/offer"


async def offer_of(client: Client, kind: str = "video", direction: str = "sendrecv") -> str:
    """The SDP of a browser that offers one medium."""
    async with browser_of(client) as browser:
        browser.peer.addTransceiver(kind, direction=direction)
        await browser.peer.setLocalDescription(await browser.peer.createOffer())
        return str(browser.peer.localDescription.sdp)


async def post(client: Client, sdp: object, mode: object = "burned_in", **more: object) -> Answer:
    return await client.post(OFFER, json={"type": "offer", "sdp": sdp, "mode": mode, **more})


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "v=0",
        "garbage",
        "\r\n" * 50,
        "v=0\r\nm=",
        "a=" * 2000,
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:x\r\n",
    ],
    ids=["empty", "version only", "words", "line breaks", "half a line", "attributes", "half a medium"],
)
async def test_garbage(client: Client, sdp: str) -> None:
    answer = await post(client, sdp)
    slug = answer.json()["type"].removeprefix("urn:vigie:problem:")
    assert slug in ("malformed-sdp", "no-video-in-offer")
    answer.problem(slug, 400)
    await client.is_well()


async def test_huge(client: Client) -> None:
    answer = await post(client, "a=" * 500_000)
    assert answer.status == 413
    assert "64 kB" in answer.problem("malformed-request", 413)


@pytest.mark.parametrize(
    ("kind", "direction", "camera"),
    [("audio", "sendrecv", None), ("video", "recvonly", None), ("video", "inactive", None)],
    ids=["audio only", "receives only", "inactive"],
)
async def test_no_video_to_take(client: Client, kind: str, direction: str, camera: str | None) -> None:
    answer = await post(client, await offer_of(client, kind, direction))
    assert "send" in answer.problem("no-video-in-offer", 400)


async def test_no_media_at_all(client: Client) -> None:
    async with browser_of(client) as browser:
        answer = await browser.offer("burned_in")
    answer.problem("no-video-in-offer", 400)


async def test_unknown_mode_and_camera(client: Client) -> None:
    sdp = await offer_of(client)
    assert "burned_in, overlay" in (await post(client, sdp, "drawn")).problem("invalid-parameter", 400)
    (await post(client, sdp, None)).problem("invalid-parameter", 400)
    (await post(client, sdp, ["overlay"])).problem("invalid-parameter", 400)
    assert "'gate'" in (await post(client, sdp, camera="gate")).problem("unknown-camera", 404)
    (await post(client, sdp, camera=7)).problem("invalid-parameter", 400)
    (await post(client, sdp, camera="")).problem("unknown-camera", 404)
    assert "full, small" in (await post(client, sdp, size="huge")).problem("invalid-parameter", 400)


async def test_a_browser_session_is_no_camera(client: Client) -> None:
    async with client.http.ws_connect(client.server.url + "/api/v1/stream") as socket:
        feed = (await socket.receive_json())["feed"]
        answer = await post(client, await offer_of(client, direction="recvonly"), camera=feed)
    answer.problem("unknown-camera", 404)


@pytest.mark.parametrize(
    ("body", "kind", "slug", "status"),
    [
        ("", "application/json", "malformed-request", 400),
        ("{", "application/json", "malformed-request", 400),
        ("[]", "application/json", "malformed-request", 400),
        ("null", "application/json", "malformed-request", 400),
        ("{}", "application/json", "malformed-request", 400),
        ('{"sdp": 5}', "application/json", "malformed-request", 400),
        ('{"sdp": "v=0", "type": "answer"}', "application/json", "malformed-request", 400),
        ("\ud800".encode("utf-16", "surrogatepass").decode("latin-1"), "application/json", "malformed-request", 400),
        ("[" * 60_000, "application/json", "malformed-request", 400),
        ("{}", "text/plain", "unsupported-content-type", 415),
        ("sdp=v", "application/x-www-form-urlencoded", "unsupported-content-type", 415),
    ],
)
async def test_wrong_json(client: Client, body: str, kind: str, slug: str, status: int) -> None:
    answer = await client.post(OFFER, data=body.encode("latin-1"), headers={"Content-Type": kind})
    answer.problem(slug, status)


async def test_cut_off_anywhere_or_with_a_line_changed(client: Client) -> None:
    """A small fuzz: whatever comes of it, it is an answer or a problem of the caller's, never a failure of ours."""
    whole = await offer_of(client)
    lines = whole.split("\r\n")
    chance = random.Random(11)
    variants = [whole[: len(whole) * part // 40] for part in range(40)]
    variants += ["\r\n".join(lines[:at] + lines[at + 1 :]) for at in range(0, len(lines), 2)]
    for _ in range(40):
        at = chance.randrange(len(whole))
        variants.append(
            whole[:at] + chance.choice(["", "\x00", "9" * 30, "-1", " ", "é", "\r\n", "a=mid:"]) + whole[at + 2 :]
        )
    for sdp in variants:
        answer = await post(client, sdp)
        if answer.status == 200:
            assert (await client.send("DELETE", f"/api/v1/webrtc/{answer.json()['session']}")).status == 204
        else:
            answer.problem(json.loads(answer.body)["type"].removeprefix("urn:vigie:problem:"), 400)
    assert await client.is_idle()
    await client.is_well()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=fingerprint:", "a=fingerprints:"),
        ("a=ice-ufrag:", "a=ufrag:"),
        ("VP8/90000", "VP7/90000"),
        ("a=setup:actpass", "a=setup:both"),
        ("a=rtcp-mux", "a=nothing"),
    ],
)
async def test_an_offer_that_lacks_what_a_connection_needs(client: Client, old: str, new: str) -> None:
    sdp = await offer_of(client)
    if "VP8" in old:
        sdp = sdp.replace("H264/90000", "H263/90000")
    answer = await post(client, sdp.replace(old, new))
    if answer.status == 200:
        await client.send("DELETE", f"/api/v1/webrtc/{answer.json()['session']}")
    else:
        answer.problem("malformed-sdp", 400)
    assert await client.is_idle()


async def test_several_videos_in_one_offer(client: Client) -> None:
    async with browser_of(client) as browser:
        for _ in range(3):
            browser.peer.addTransceiver("video", direction="sendrecv")
        answer = (await browser.offer("burned_in")).json()
        parts = [part for part in answer["sdp"].split("m=")[1:] if part.startswith("video")]
        used = [part for part in parts if "a=inactive" not in part]
        assert (len(parts), len(used)) == (3, 1)
        await client.send("DELETE", f"/api/v1/webrtc/{answer['session']}")


async def test_a_session_of_no_such_name(client: Client) -> None:
    for name in itertools.chain(["nobody", "%20", "%00", "a" * 3000]):
        (await client.send("DELETE", f"/api/v1/webrtc/{name}")).problem("not-found", 404)


async def test_the_browser_gives_up_before_the_answer(client: Client) -> None:
    browser = Browser(client)
    browser.peer.addTransceiver("video", direction="sendrecv")
    asking = asyncio.create_task(browser.offer("burned_in"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await browser.close()
    assert await client.is_idle()
