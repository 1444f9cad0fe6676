"""Whether a Vigie somewhere works: asked as its visitors do, without leaving an alarm behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from .stacks import Say

PICTURES = Path(__file__).parents[2] / "tests" / "fixtures" / "pictures"
GUN = PICTURES / "gun-7e18ae16c73e384f.jpg"
NO_GUN = PICTURES / "people-768x432.jpg"
STEP_S = 30.0


class Failed(Exception):
    """A step did not go as it should."""


class Smoke:
    """The steps. ``own_certificate``: the server made its certificate itself, and no authority is asked about it."""

    def __init__(self, url: str, token: str | None, own_certificate: bool = False) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._ssl = not own_certificate

    async def run(self, say: Say) -> bool:
        """All steps, each told; whether all went well."""
        steps: tuple[tuple[str, Callable[[aiohttp.ClientSession], Awaitable[str]]], ...] = (
            ("healthz", self.healthz),
            ("readyz", self.readyz),
            ("page", self.page),
            ("picture", self.picture),
            ("websocket", self.websocket),
        )
        well = True
        connector = aiohttp.TCPConnector(ssl=self._ssl)
        async with aiohttp.ClientSession(connector=connector, headers=self._headers) as http:
            for name, step in steps:
                begun = time.monotonic()
                try:
                    async with asyncio.timeout(STEP_S):
                        told = await step(http)
                except (Failed, aiohttp.ClientError, ValueError, OSError) as error:
                    well = False
                    told = f"FAILED: {error or f'no answer within {STEP_S:g} s'}"
                say(f"{name:<10}{1000 * (time.monotonic() - begun):6.0f} ms  {told}")
        return well

    async def healthz(self, http: aiohttp.ClientSession) -> str:
        """The server lives."""
        return await self._read(http, "GET", "/healthz")

    async def readyz(self, http: aiohttp.ClientSession) -> str:
        """It has all that it needs."""
        return (await self._read(http, "GET", "/readyz"))[:200]

    async def page(self, http: aiohttp.ClientSession) -> str:
        """The page is there, with the headers that guard it."""
        async with http.get(f"{self._url}/") as answer:
            text = await answer.text()
            if answer.status != 200 or "<title>" not in text:
                raise Failed(f"/ answers {answer.status}, and not the page. Has it been pushed?")
            if "default-src 'self'" not in answer.headers.get("Content-Security-Policy", ""):
                raise Failed("the page comes without its Content-Security-Policy")
        return f"{len(text)} characters"

    async def picture(self, http: aiohttp.ClientSession) -> str:
        """A gun in a picture is found. A picture makes no event."""
        text = await self._read(http, "POST", "/api/v1/detect", GUN.read_bytes())
        found = [entry for entry in json.loads(text)["detections"] if entry["label"] == "gun"]
        if not found:
            raise Failed(f"no gun found in {GUN.name}")
        return f"a gun, {found[0]['confidence']:.2f}"

    async def websocket(self, http: aiohttp.ClientSession) -> str:
        """Video by WebSocket is looked at. It shows people without a gun: one would be a real alarm."""
        try:
            async with http.ws_connect(f"{self._url}/api/v1/stream?mode=burned_in") as socket:
                await socket.send_bytes(NO_GUN.read_bytes())
                wanted = {"hello", "picture", "boxes", "jpeg"}
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.BINARY:
                        wanted -= {"jpeg"} if message.data.startswith(b"\xff\xd8") else set()
                    else:
                        wanted -= {json.loads(message.data)["type"]}
                    if not wanted:
                        return "a frame looked at and sent back"
                raise Failed(f"it was closed with {socket.close_code} before {', '.join(sorted(wanted))} came")
        except aiohttp.WSServerHandshakeError as error:
            raise Failed(f"the upgrade is answered {error.status}{self._hint(error.status)}") from error

    async def _read(self, http: aiohttp.ClientSession, method: str, path: str, body: bytes | None = None) -> str:
        headers = {"Content-Type": "image/jpeg"} if body else {}
        async with http.request(method, self._url + path, data=body, headers=headers) as answer:
            text = await answer.text()
        if answer.status != 200:
            raise Failed(f"{path} answers {answer.status}{self._hint(answer.status)}: {text[:300]}")
        return text

    def _hint(self, status: int) -> str:
        return " (give a token in VIGIE_TOKEN)" if status == 401 and not self._headers else ""
