"""The way through where UDP is blocked: JPEG frames over a WebSocket, boxes and annotated JPEG back."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from ..broadcast import Closed, Mailbox, Overflow
from ..cameras import Cameras
from ..config import LimitSettings
from ..core.drawing import mark_of
from ..core.frame import CLOCK_RATE, Frame
from ..feed import Feed
from ..metrics import Metrics
from .jpeg import JpegEncoder, decode_jpeg
from .messages import closed_text, hello_text, text_of
from .pictures import jpeg_size
from .sessions import SessionPlaces

log = logging.getLogger(__name__)

MESSAGES_WAITING = 256
SEND_TIMEOUT_S = 10.0
GOODBYE_TIMEOUT_S = 2.0
"""For the browser's answer to a close: a server that stops waits for it, and may have 5 s in all."""

MOST_READ = 12_000_000
"""Bytes of one message read before it is refused: a browser that is cut off while it sends never hears why."""

INVALID_DATA = 1007


class StreamOver(Exception):
    """The stream ends with this close code and reason (RFC 6455, section 7.4.1; at most 123 bytes)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A frame as it arrived: which one it is, its bytes, and when it came (monotonic s)."""

    sequence: int
    data: bytes
    arrived_at: float


class Stream:
    """One WebSocket session. Four tasks share it: one reads, one decodes, one answers pictures, one tells messages."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        feed: Feed,
        drawn: bool,
        limits: LimitSettings,
        pool: ThreadPoolExecutor,
        metrics: Metrics,
    ) -> None:
        self._socket = socket
        self._feed = feed
        self._drawn = drawn
        self._limits = limits
        self._pool = pool
        self._metrics = metrics
        self._newest: Mailbox[Jpeg] = Mailbox()
        self._arrived = asyncio.Event()
        self._sending = asyncio.Lock()
        self._jpeg = JpegEncoder()

    async def run(self, hello: str) -> None:
        """Serve until either side ends; raises :class:`StreamOver` when this side does."""
        await self._say(hello)
        tasks = [asyncio.create_task(part) for part in (self._read(), self._decode(), self._show(), self._tell())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        """Take in JPEGs until the browser closes. A frame that the decoder had no time for is replaced by the next."""
        begun = time.monotonic()
        sequence = 0
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    message = await self._socket.receive()
            except TimeoutError:
                raise StreamOver(
                    WSCloseCode.POLICY_VIOLATION, f"idle: no frame for {self._limits.idle_s:g} s"
                ) from None
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                return
            if message.type is WSMsgType.ERROR:
                log.info("stream %s: %s after %.0f s", self._feed.name, message.data, time.monotonic() - begun)
                return
            if message.type is not WSMsgType.BINARY:
                raise StreamOver(
                    WSCloseCode.UNSUPPORTED_DATA, "send each frame as one binary message with a JPEG in it"
                )
            if len(message.data) > self._limits.stream_frame_bytes:
                most = self._limits.stream_frame_bytes / 1e6
                raise StreamOver(WSCloseCode.MESSAGE_TOO_BIG, f"a frame may have {most:g} MB; this one has more")
            if not self._newest.put(Jpeg(sequence, message.data, time.monotonic())):
                self._feed.lost(1)
            sequence += 1
            self._arrived.set()

    async def _decode(self) -> None:
        loop = asyncio.get_running_loop()
        begun = time.monotonic()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if jpeg := self._newest.take():
                self._check(jpeg.data)
                try:
                    picture = await loop.run_in_executor(self._pool, decode_jpeg, jpeg.data)
                except ValueError as error:
                    raise StreamOver(INVALID_DATA, f"frame {jpeg.sequence} is a {error}") from error
                timestamp = round((jpeg.arrived_at - begun) * CLOCK_RATE)
                self._feed.publish(picture, timestamp, jpeg.arrived_at, jpeg.sequence)

    def _check(self, data: bytes) -> None:
        size = jpeg_size(data)
        if size is None:
            raise StreamOver(WSCloseCode.UNSUPPORTED_DATA, "this is not a JPEG; send each frame as one JPEG")
        if size[0] * size[1] > self._limits.stream_frame_pixels:
            most = self._limits.stream_frame_pixels / 1e6
            raise StreamOver(
                WSCloseCode.MESSAGE_TOO_BIG, f"a frame may have {most:g} million pixels; this one has more"
            )

    async def _show(self) -> None:
        """Answer the newest frame, again and again: nothing waits behind a slow reader but the reader."""
        with self._feed.display.read() as frames:
            async for frame in frames:
                note = f'{{"type":"picture","sequence":{frame.sequence}}}'
                await self._say(note, await self._drawn_jpeg(frame) if self._drawn else None)

    async def _drawn_jpeg(self, frame: Frame) -> bytes:
        marks = [mark_of(seen, frame.captured_at) for seen in self._feed.tracks_at(frame.captured_at)]
        begun = time.monotonic()
        jpeg = await asyncio.get_running_loop().run_in_executor(self._pool, self._jpeg.encode, frame.picture, marks)
        self._metrics.stage_seconds.labels("encode").observe(time.monotonic() - begun)
        return jpeg

    async def _tell(self) -> None:
        with self._feed.messages.read(MESSAGES_WAITING, Overflow.CLOSE) as messages:
            try:
                while True:
                    await self._say(text_of(await messages.next()))
            except Closed as closed:
                raise StreamOver(WSCloseCode.GOING_AWAY, str(closed)) from closed

    async def _say(self, text: str, picture: bytes | None = None) -> None:
        """Send a text and the picture that belongs to it, with nothing in between."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S), self._sending:
                await self._socket.send_str(text)
                if picture is not None:
                    await self._socket.send_bytes(picture)
        except TimeoutError:
            raise StreamOver(WSCloseCode.POLICY_VIOLATION, "too slow: nothing was read for 10 s") from None
        except ConnectionError as error:
            raise StreamOver(WSCloseCode.GOING_AWAY, "the connection broke") from error


class Streams:
    """All WebSocket sessions. Each runs in its request's own task, which aiohttp owns."""

    def __init__(
        self,
        cameras: Cameras,
        places: SessionPlaces,
        limits: LimitSettings,
        pool: ThreadPoolExecutor,
        metrics: Metrics,
    ) -> None:
        self._cameras = cameras
        self._places = places
        self.limits = limits
        self._pool = pool
        self._metrics = metrics
        self._feeds: set[Feed] = set()

    def close_all(self, reason: str) -> None:
        """Let all sessions end; each tells its browser."""
        for feed in self._feeds:
            feed.close(reason)

    async def serve(self, request: web.Request, mode: str) -> web.WebSocketResponse:
        """Run one session over this request's WebSocket."""
        most = max(self.limits.stream_frame_bytes, MOST_READ)
        socket = web.WebSocketResponse(timeout=GOODBYE_TIMEOUT_S, max_msg_size=most + 1, heartbeat=20, compress=False)
        with self._places.take("websocket"):
            await socket.prepare(request)
            async with self._cameras.session("websocket") as feed:
                self._feeds.add(feed)
                stream = Stream(socket, feed, mode == "burned_in", self.limits, self._pool, self._metrics)
                try:
                    await stream.run(hello_text(feed, mode, self._cameras.detector.model))
                except StreamOver as over:
                    log.info("stream %s ended: %s", feed.name, over.reason)
                    if not socket.closed:
                        await _farewell(socket, over)
                finally:
                    self._feeds.discard(feed)
        return socket


async def _farewell(socket: web.WebSocketResponse, over: StreamOver) -> None:
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_str(closed_text(over.reason))
            await socket.close(code=over.code, message=over.reason.encode()[:123])
    except (TimeoutError, ConnectionError):
        pass
