"""WebRTC: a browser's camera in, or one of ours to watch; annotated video and a data channel out."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import SessionDescription
from av import VideoFrame

from ..broadcast import Closed, Overflow, Reader
from ..cameras import Cameras
from ..core.events import Event
from ..feed import Feed, Message
from ..video import picture_of
from .encoder import EncodedPicture, Encoders, VideoEncoder
from .messages import closed_text, hello_text, text_of
from .problems import Problem
from .rtp import EncodedSender, InboundVideo, PlaceholderTrack
from .sessions import SessionPlaces

log = logging.getLogger(__name__)

RtpClock = Callable[[int], int | None]

CONNECT_TIMEOUT_S = 30.0
MESSAGES_WAITING = 256
MOST_BUFFERED = 256 * 1024
"""Bytes waiting in a data channel past which boxes are left out; events never are."""

PICTURES_WAITING = 8
CODEC_ORDER = ("video/VP8", "video/H264")
"""VP8 first: it costs a third of the processor time of H.264 here, and every browser has it."""


def check_offer(sdp: str, *, watching: bool) -> None:
    """Whether an offer can be answered; raises :class:`Problem`."""
    try:
        media = SessionDescription.parse(sdp).media
        RTCSessionDescription(sdp=sdp, type="offer")
    except Exception as error:  # the parser lets a malformed line end in whatever it runs into
        raise Problem("malformed-sdp", 400, "The SDP of this offer cannot be read.") from error
    wanted = ("recvonly", "sendrecv") if watching else ("sendonly", "sendrecv")
    first = next((part for part in media if part.kind == "video"), None)  # the one that is served: others go inactive
    if first is None or not first.port or first.direction not in wanted:
        does = "receive" if watching else "send"
        raise Problem("no-video-in-offer", 400, f"The offer has no video that the browser would {does}.")


class Session:
    """One peer connection, from its offer to its end. :meth:`run` owns everything it opens."""

    def __init__(self, cameras: Cameras, encoders: Encoders, camera: Feed | None, mode: str, idle_s: float) -> None:
        self.id = secrets.token_urlsafe(12)
        self._cameras = cameras
        self._encoders = encoders
        self._camera = camera
        self._drawn = mode == "burned_in"
        self._mode = mode
        self._idle_s = idle_s
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel: RTCDataChannel | None = None
        self.answered: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        """The SDP answer and the name of the feed."""

    def end(self, reason: str) -> None:
        """Let the session end; the reason is told to the browser."""
        if not self._over.done():
            self._over.set_result(reason)

    async def run(self, sdp: str) -> None:
        """Answer the offer and serve until either side ends."""
        async with AsyncExitStack() as stack:
            feed = self._camera
            if feed is None:
                feed = await stack.enter_async_context(self._cameras.session("webcam"))
            # No ICE servers: aiortc's default would ask a public STUN server of a third party.
            peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            stack.push_async_callback(peer.close)
            stack.push_async_callback(self._cancel_tasks)
            answer = await self._negotiate(peer, feed, sdp, stack)
            self.answered.set_result((answer, feed.name))
            reason = await self._over
            log.info("session %s on %s ended: %s", self.id, feed.name, reason)
            await self._cancel_tasks()  # so that the goodbye is the last message
            if self._channel and self._channel.readyState == "open" and peer.connectionState == "connected":
                self._channel.send(closed_text(reason))
                await asyncio.sleep(0.2)  # the channel sends on the loop's next turns; then the connection may go

    async def _negotiate(self, peer: RTCPeerConnection, feed: Feed, sdp: str, stack: AsyncExitStack) -> str:
        outbound: _Outbound | None = None
        try:
            await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
            videos = [part for part in peer.getTransceivers() if part.kind == "video"]
            for part in peer.getTransceivers():
                if part is not videos[0]:
                    part.direction = "inactive"  # nobody would drain it
            video = videos[0]
            capabilities = RTCRtpSender.getCapabilities("video").codecs
            video.setCodecPreferences(
                [codec for mime in CODEC_ORDER for codec in capabilities if codec.mimeType == mime]
                + [codec for codec in capabilities if codec.mimeType == "video/rtx"]
            )
            if self._camera or self._drawn:
                outbound = _Outbound(peer, feed, self._encoders, self._drawn)
                stack.push_async_callback(outbound.close)
            else:
                video.direction = "recvonly"
            inbound = None if self._camera else video.receiver
            await self._serve(peer, feed, outbound, inbound)
            await peer.setLocalDescription(await peer.createAnswer())
        except Problem:
            raise
        except Exception as error:  # aiortc raises bare ValueError, KeyError, AssertionError on what it cannot take
            log.info("an offer could not be taken: %r", error)
            raise Problem("malformed-sdp", 400, "This offer cannot be answered: its SDP is not usable.") from error
        return str(peer.localDescription.sdp)

    async def _serve(
        self, peer: RTCPeerConnection, feed: Feed, outbound: _Outbound | None, receiver: RTCRtpReceiver | None
    ) -> None:
        inbound = InboundVideo(receiver) if receiver else None
        clock = inbound or (outbound and outbound.sender)

        def on_state() -> None:
            if peer.connectionState in ("failed", "closed"):
                self.end(f"the connection {peer.connectionState}")

        def on_channel(channel: RTCDataChannel) -> None:
            if channel.label == "vigie":
                self._channel = channel
                self._own(self._talk(channel, feed, clock.rtp_timestamp if clock else lambda _: None))

        peer.on("connectionstatechange", on_state)
        peer.on("datachannel", on_channel)
        self._own(self._watch_connecting(peer))
        if inbound and receiver:
            self._own(self._receive(receiver, inbound, feed))

    async def _watch_connecting(self, peer: RTCPeerConnection) -> None:
        await asyncio.sleep(CONNECT_TIMEOUT_S)
        if peer.connectionState != "connected":
            self.end("it never connected")

    async def _receive(self, receiver: RTCRtpReceiver, inbound: InboundVideo, feed: Feed) -> None:
        """Drain the browser's video into the feed: aiortc's own queues have no bound."""
        patience = CONNECT_TIMEOUT_S
        while True:
            try:
                async with asyncio.timeout(patience):
                    frame = await receiver.track.recv()
            except TimeoutError:
                self.end(f"no picture came for {patience:g} s")
                return
            except MediaStreamError:
                self.end("the browser stopped its video")
                return
            patience = self._idle_s
            if isinstance(frame, VideoFrame) and frame.pts is not None:
                feed.publish(picture_of(frame), frame.pts, time.monotonic())
            if shed := await inbound.shed():
                feed.lost(shed)

    async def _talk(self, channel: RTCDataChannel, feed: Feed, rtp_timestamp: RtpClock) -> None:
        """Send a feed's messages over the data channel, until the feed or the channel ends."""
        if channel.readyState != "open":
            return
        channel.send(hello_text(feed, self._mode, self._cameras.detector.model))
        with feed.messages.read(MESSAGES_WAITING, Overflow.CLOSE) as messages:
            try:
                while True:
                    message = await messages.next()
                    if channel.readyState != "open":
                        return
                    self._send(channel, message, rtp_timestamp)
            except Closed as closed:
                self.end(str(closed))

    def _send(self, channel: RTCDataChannel, message: Message, rtp_timestamp: RtpClock) -> None:
        if isinstance(message, Event) or channel.bufferedAmount < MOST_BUFFERED:
            channel.send(text_of(message, rtp_timestamp))

    def _own(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("session %s broke", self.id, exc_info=error)
            self.end("the server failed")

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Outbound:
    """The video that a session sends: the feed's one encoder, opened when the codec is agreed upon."""

    def __init__(self, peer: RTCPeerConnection, feed: Feed, encoders: Encoders, drawn: bool) -> None:
        self._feed = feed
        self._encoders = encoders
        self._drawn = drawn
        self._open = AsyncExitStack()
        self._closed = False
        self._encoder: VideoEncoder | None = None
        self._pictures: Reader[EncodedPicture] | None = None
        self._dropped = 0
        self._needs_key = True
        self.sender = EncodedSender(peer.addTrack(PlaceholderTrack()), self._next, self._ask_key_frame)

    async def close(self) -> None:
        """Leave the encoder; aiortc may still ask for pictures and is told there are none."""
        self._closed = True
        await self._open.aclose()

    def _ask_key_frame(self) -> None:
        if self._encoder:
            self._encoder.ask_key_frame()

    async def _next(self, codec: RTCRtpCodecParameters) -> tuple[list[bytes], int]:
        if self._closed:
            raise MediaStreamError
        if self._encoder is None or self._pictures is None:
            self._encoder = await self._open.enter_async_context(self._encoders.use(self._feed, codec, self._drawn))
            self._pictures = self._open.enter_context(self._encoder.pictures.read(PICTURES_WAITING))
            self._encoder.ask_key_frame()
        while True:
            try:
                picture = await self._pictures.next()
            except Closed as closed:
                raise MediaStreamError(str(closed)) from closed
            if self._pictures.dropped > self._dropped:
                self._dropped = self._pictures.dropped
                if not picture.is_key:  # what was dropped is missing from all that follows, up to the next key frame
                    self._needs_key = True
                    self._encoder.ask_key_frame()
            if picture.is_key or not self._needs_key:
                self._needs_key = False
                return picture.payloads, picture.timestamp


class WebRtcSessions:
    """All WebRTC sessions: each one is a task that this owns."""

    def __init__(self, cameras: Cameras, encoders: Encoders, places: SessionPlaces, idle_s: float) -> None:
        self._cameras = cameras
        self._encoders = encoders
        self._places = places
        self._idle_s = idle_s
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}

    async def open(self, sdp: str, mode: str, camera: Feed | None) -> tuple[str, str, str]:
        """Answer an offer; returns the session's id, the SDP answer and the feed's name. Raises :class:`Problem`."""
        check_offer(sdp, watching=camera is not None)
        session = Session(self._cameras, self._encoders, camera, mode, self._idle_s)
        task = asyncio.create_task(self._run(session, sdp), name=f"webrtc {session.id}")
        self._sessions[session.id] = (session, task)
        try:
            answer, feed = await asyncio.shield(session.answered)
        except asyncio.CancelledError:
            session.end("the browser did not wait for the answer")
            raise
        return session.id, answer, feed

    async def close(self, session_id: str, reason: str) -> bool:
        """End a session and wait for it; whether there was one."""
        if session_id not in self._sessions:
            return False
        session, task = self._sessions[session_id]
        session.end(reason)
        await asyncio.wait((task,))
        return True

    async def close_all(self, reason: str) -> None:
        """End all sessions."""
        await asyncio.gather(*(self.close(session_id, reason) for session_id in list(self._sessions)))

    async def _run(self, session: Session, sdp: str) -> None:
        try:
            with self._places.take("webrtc"):
                await session.run(sdp)
        except Exception as error:
            if session.answered.done():
                log.exception("session %s broke", session.id)
            else:
                session.answered.set_exception(error)
        finally:
            del self._sessions[session.id]
            session.answered.cancel()
