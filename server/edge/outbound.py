"""The video that a session sends: the feed's one encoder, opened when the codec is agreed upon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from ..broadcast import Closed, Reader
from ..feed import Feed
from .encoder import EncodedPicture, Encoders, Look, VideoEncoder
from .rtp import EncodedSender, PlaceholderTrack

PICTURES_WAITING = 8


class Outbound:
    """One viewer's end of an encoder. ``on_end`` is told why when the feed has no more pictures."""

    def __init__(
        self, peer: RTCPeerConnection, feed: Feed, encoders: Encoders, look: Look, on_end: Callable[[str], None]
    ) -> None:
        self._feed = feed
        self._encoders = encoders
        self._look = look
        self._on_end = on_end
        self._open = AsyncExitStack()
        self._closed = False
        self._encoder: VideoEncoder | None = None
        self._pictures: Reader[EncodedPicture] | None = None
        self._dropped = 0
        self._was_blocked = False
        self._needs_key = True
        self.sender = EncodedSender(peer.addTrack(PlaceholderTrack()), self._next, self._ask_key_frame)

    async def close(self) -> None:
        """Leave the encoder; aiortc may still ask for pictures and is told there are none."""
        self._closed = True
        await self._open.aclose()

    def _ask_key_frame(self) -> None:
        if self._encoder:
            self._encoder.ask_key_frame()

    async def _next(self, codec: RTCRtpCodecParameters) -> tuple[Sequence[bytes], int]:
        if self._closed:
            raise MediaStreamError
        if self._encoder is None or self._pictures is None:
            self._encoder = await self._open.enter_async_context(self._encoders.use(self._feed, codec, self._look))
            self._pictures = self._open.enter_context(self._encoder.pictures.read(PICTURES_WAITING))
            self._encoder.ask_key_frame()
        while True:
            try:
                picture = await self._pictures.next()
            except Closed as closed:
                self._on_end(str(closed))
                raise MediaStreamError(str(closed)) from closed
            blocked = self.sender.blocked()
            gap = self._was_blocked or self._pictures.dropped > self._dropped
            self._was_blocked, self._dropped = blocked, self._pictures.dropped
            if blocked:
                continue
            if picture.is_key:
                self._needs_key = False
            elif gap:  # what was left out is missing from all that follows, up to the next key frame
                self._needs_key = True
                self._encoder.ask_key_frame()
            if not self._needs_key:
                return picture.payloads, picture.timestamp
