"""One peer connection, whatever it is for: a browser's own camera, a camera watched, a camera pushed."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from aiortc import (
    RTCDataChannel,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription
from av import VideoFrame

from ..broadcast import Closed, Overflow
from ..config import IceSettings
from ..core.events import Event
from ..core.frame import Picture
from ..feed import Feed, Message
from ..plugins import ModelInfo
from ..video import picture_of
from .encoder import Encoders, Look
from .ice import configuration, connections_of, end_consent_checks_with, gather_as_set
from .messages import closed_text, hello_text, text_of
from .outbound import Outbound
from .problems import Problem
from .rtp import InboundVideo

log = logging.getLogger(__name__)

RtpClock = Callable[[int], int | None]
Take = Callable[[Picture, int], Awaitable[None]]

CONNECT_TIMEOUT_S = 30.0
MESSAGES_WAITING = 256
MOST_BUFFERED = 256 * 1024
"""Bytes waiting in a data channel past which boxes are left out; events never are."""

CODEC_ORDER = ("video/VP8", "video/H264")
"""VP8 first: it costs a third of the processor time of H.264 here, and every browser has it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The feed of a session. ``take``: what becomes of a picture that the other side sends, with its 90 kHz time;
    ``over``: done, with the reason, when the session must end."""

    feed: Feed
    take: Take | None = None
    over: asyncio.Future[str] | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """What a session is for. ``kind`` names it; ``look`` is what it sends, if it does; ``receives``: the other side
    sends video; ``mode``: what the first message on its data channel says of it, None when none is sent."""

    kind: str
    open: Callable[[], AbstractAsyncContextManager[Opened]]
    mode: str | None
    look: Look | None
    receives: bool


class NoClock:
    """For a session in which nothing has an RTP time."""

    def rtp_timestamp(self, timestamp: int) -> int | None:
        """None."""
        return None


def check_offer(sdp: str, *, receives: bool) -> None:
    """Whether an offer can be answered; raises :class:`Problem`."""
    try:
        media = SessionDescription.parse(sdp).media
        RTCSessionDescription(sdp=sdp, type="offer")
    except Exception as error:  # the parser lets a malformed line end in whatever it runs into
        raise Problem("malformed-sdp", 400, "The SDP of this offer cannot be read.") from error
    wanted = ("sendonly", "sendrecv") if receives else ("recvonly", "sendrecv")
    first = next((part for part in media if part.kind == "video"), None)  # the one that is served: others go inactive
    if first is None or not first.port or first.direction not in wanted:
        does = "send" if receives else "receive"
        raise Problem("no-video-in-offer", 400, f"The offer has no video that the browser would {does}.")
    if not (first.dtls and first.dtls.fingerprints):  # aiortc would find out when nobody listens any more
        raise Problem("malformed-sdp", 400, "The offer has no fingerprint: its video would not be encrypted.")


class Session:
    """One peer connection, from its offer to its end. :meth:`run` owns everything it opens."""

    def __init__(self, role: Role, encoders: Encoders, model: ModelInfo, idle_s: float, ice: IceSettings) -> None:
        self.id = secrets.token_urlsafe(12)
        self.tag = f'"{secrets.token_hex(8)}"'
        """The entity tag of its ICE session (RFC 9725, section 4.3.1); there is never a second one."""
        self.role = role
        self.answered: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        """The SDP answer and the name of the feed."""
        self._encoders = encoders
        self._model = model
        self._idle_s = idle_s
        self._ice = ice
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._peer: RTCPeerConnection | None = None
        self._channel: RTCDataChannel | None = None
        self._usernames: set[str] = set()

    def end(self, reason: str) -> None:
        """Let the session end; the reason is told to the browser."""
        if not self._over.done():
            self._over.set_result(reason)

    async def run(self, sdp: str) -> None:
        """Answer the offer and serve until either side ends."""
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(self.role.open())
            peer = self._peer = RTCPeerConnection(configuration(self._ice, time.time()))
            stack.push_async_callback(peer.close)
            stack.push_async_callback(self._cancel_tasks)
            answer = await self._negotiate(peer, opened, sdp, stack)
            if opened.over:
                opened.over.add_done_callback(lambda over: self.end(over.result()))
            self.answered.set_result((answer, opened.feed.name))
            reason = await self._over
            log.info("%s session %s on %s ended: %s", self.role.kind, self.id, opened.feed.name, reason)
            await self._cancel_tasks()  # so that the goodbye is the last message
            if self._channel and self._channel.readyState == "open" and peer.connectionState == "connected":
                self._channel.send(closed_text(reason))
                await asyncio.sleep(0.2)  # the channel sends on the loop's next turns; then the connection may go

    async def trickle(self, username: str | None, candidates: Sequence[RTCIceCandidate], *, complete: bool) -> bool:
        """Take candidates that come after the offer; False when ``username`` asks for an ICE restart, which is not
        served. Candidates that lead nowhere are left out, as RFC 9725 has it."""
        if username is not None and username not in self._usernames:
            return False
        assert self._peer, "whoever knows the session has had its answer"
        for candidate in candidates:
            try:
                await self._peer.addIceCandidate(candidate)
            except ValueError as error:
                log.debug("session %s: a candidate was left out: %s", self.id, error)
        if complete:
            await self._peer.addIceCandidate(None)
        return True

    async def _negotiate(self, peer: RTCPeerConnection, opened: Opened, sdp: str, stack: AsyncExitStack) -> str:
        try:
            self._usernames = set(re.findall(r"^a=ice-ufrag:(\S+)", sdp, re.M))
            await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
            for connection in connections_of(peer):
                end_consent_checks_with(connection)
                gather_as_set(connection, self._ice)
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
            outbound = None
            if self.role.look:
                outbound = Outbound(peer, opened.feed, self._encoders, self.role.look, self.end)
                stack.push_async_callback(outbound.close)
            else:
                video.direction = "recvonly"
            self._serve(peer, opened, outbound, video.receiver)
            await peer.setLocalDescription(await peer.createAnswer())
        except Problem:
            raise
        except Exception as error:  # aiortc raises bare ValueError, KeyError, AssertionError on what it cannot take
            log.info("an offer could not be taken: %r", error)
            raise Problem("malformed-sdp", 400, "This offer cannot be answered: its SDP is not usable.") from error
        return str(peer.localDescription.sdp)

    def _serve(
        self, peer: RTCPeerConnection, opened: Opened, outbound: Outbound | None, receiver: RTCRtpReceiver
    ) -> None:
        inbound = InboundVideo(receiver) if opened.take else None
        clock = (inbound or (outbound and outbound.sender) or NoClock()).rtp_timestamp

        def on_state() -> None:
            if peer.connectionState in ("failed", "closed"):
                self.end(f"the connection {peer.connectionState}")

        def on_channel(channel: RTCDataChannel) -> None:
            if channel.label == "vigie" and self.role.mode:
                self._channel = channel
                self._own(self._talk(channel, opened.feed, self.role.mode, clock))

        peer.on("connectionstatechange", on_state)
        peer.on("datachannel", on_channel)
        self._own(self._watch_connecting(peer))
        if inbound and opened.take:
            self._own(self._receive(receiver, inbound, opened.feed, opened.take))

    async def _watch_connecting(self, peer: RTCPeerConnection) -> None:
        await asyncio.sleep(CONNECT_TIMEOUT_S)
        if peer.connectionState != "connected":
            self.end("it never connected")

    async def _receive(self, receiver: RTCRtpReceiver, inbound: InboundVideo, feed: Feed, take: Take) -> None:
        """Drain the other side's video into the feed: aiortc's own queues have no bound."""
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
                await take(picture_of(frame), frame.pts)
            if shed := await inbound.shed():
                feed.lost(shed)

    async def _talk(self, channel: RTCDataChannel, feed: Feed, mode: str, rtp_timestamp: RtpClock) -> None:
        """Send a feed's messages over the data channel, until the feed or the channel ends."""
        if channel.readyState != "open":
            return
        channel.send(hello_text(feed, mode, self._model))
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
