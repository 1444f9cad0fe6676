"""A camera that speaks HTTP: MJPEG without an end, and HLS as a live list over the pieces of a clip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

import av
from aiohttp import web
from aiohttp.typedefs import Handler

PIECES_LISTED = 4
PIECE_S = 1


def write_pieces(folder: Path, frames: Sequence[av.VideoFrame], width: int, height: int, rate: int) -> list[Path]:
    """A clip in pieces of MPEG-TS of a second each."""
    with av.open(
        str(folder / "list.m3u8"), "w", format="hls", options={"hls_time": str(PIECE_S), "hls_list_size": "0"}
    ) as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = rate * PIECE_S
        for number, frame in enumerate(frames):
            scaled = frame.reformat(width, height, format="yuv420p")
            scaled.pts, scaled.time_base = number, Fraction(1, rate)
            scaled.pict_type = av.video.frame.PictureType.NONE
            container.mux(stream.encode(scaled))
        container.mux(stream.encode(None))
    return sorted(folder.glob("*.ts"), key=lambda path: int(path.stem.removeprefix("list")))


class HttpCamera:
    """What it was asked for is kept in ``asked``; it can be told to lead elsewhere."""

    def __init__(self, pieces: Sequence[Path] = (), jpegs: Sequence[bytes] = (), rate: int = 10) -> None:
        self._pieces = [path.read_bytes() for path in pieces]
        self._jpegs = jpegs
        self._rate = rate
        self._begun = time.monotonic()
        self.asked: list[str] = []
        self.leads_to = ""
        """Where a redirect leads, or the pieces of the evil list are."""
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[HttpCamera]:
        """On a free port for as long as the block runs."""
        app = web.Application(middlewares=[self._note])
        app.router.add_get("/mjpeg", self.mjpeg)
        app.router.add_get("/live.m3u8", self.playlist)
        app.router.add_get("/evil.m3u8", self.evil)
        app.router.add_get("/evil-master.m3u8", self.evil_master)
        app.router.add_get("/redirect", self.redirect)
        app.router.add_get("/piece{number}.ts", self.piece)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(request.path)
        return await handler(request)

    async def mjpeg(self, request: web.Request) -> web.StreamResponse:
        """``multipart/x-mixed-replace``, as cameras have it."""
        answer = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await answer.prepare(request)
        begun = time.monotonic()
        number = 0
        while True:
            jpeg = self._jpegs[number % len(self._jpegs)]
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            await answer.write(head.encode() + jpeg + b"\r\n")
            number += 1
            await asyncio.sleep(max(0.0, begun + number / self._rate - time.monotonic()))

    async def playlist(self, request: web.Request) -> web.Response:
        """The last few pieces; every second there is one more."""
        newest = int((time.monotonic() - self._begun) / PIECE_S) + PIECES_LISTED
        first = newest - PIECES_LISTED
        count = len(self._pieces)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{PIECE_S}", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, newest):
            if number and number % count == 0:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += [f"#EXTINF:{PIECE_S:.3f},", f"piece{number}.ts"]
        return web.Response(text="\n".join(lines) + "\n", content_type="application/vnd.apple.mpegurl")

    async def piece(self, request: web.Request) -> web.Response:
        """One of them."""
        number = int(request.match_info["number"])
        return web.Response(body=self._pieces[number % len(self._pieces)], content_type="video/mp2t")

    async def evil(self, request: web.Request) -> web.Response:
        """A list whose pieces are where no camera may be."""
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:0"]
        lines += [line for _ in range(3) for line in ("#EXTINF:1.0,", self.leads_to)]
        return web.Response(text="\n".join(lines) + "\n", content_type="application/vnd.apple.mpegurl")

    async def evil_master(self, request: web.Request) -> web.Response:
        """A list of lists, the one of which is where no camera may be."""
        lines = ["#EXTM3U", "#EXT-X-STREAM-INF:BANDWIDTH=100000", self.leads_to]
        return web.Response(text="\n".join(lines) + "\n", content_type="application/vnd.apple.mpegurl")

    async def redirect(self, request: web.Request) -> web.Response:
        """Go elsewhere."""
        return web.Response(status=302, headers={"Location": self.leads_to})
