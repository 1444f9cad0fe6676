"""RTSP and RTSPS cameras, over TCP or UDP (``rtsp_transport``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import av

from ..playing import REASONS, Playback, opened, opened_at
from ..plugins import PATIENCE_S, SourceLost, SourceRequest
from ..relay import relayed
from ..urls import address_of, at_address, source_scheme

PORTS = {"rtsp": 554, "rtsps": 322}


@contextmanager
def open_source(request: SourceRequest) -> Iterator[Playback]:
    """Open a camera's stream; see :class:`server.plugins.Source`."""
    options = {
        "rtsp_transport": request.transport,
        # The decoder learns all it needs from the stream: looking ahead for seconds does not make it start later.
        "fpsprobesize": "0",
        "analyzeduration": "200000",
        "flags": "low_delay",
        "protocol_whitelist": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto",
    }
    if request.transport == "udp":
        options |= {"reorder_queue_size": "64", "max_delay": "200000", "buffer_size": "2097152"}
    with ExitStack() as stack:
        try:
            container = stack.enter_context(_opened(request, {**options, "allowed_media_types": "video"}))
        except SourceLost as lost:
            # Sound is not asked for; a camera with nothing else is asked for nothing, and says so in many ways.
            if str(lost) != REASONS["HTTPOtherClientError"]:
                raise
            container = stack.enter_context(_opened(request, options))
        yield Playback(container, request.stop, tap=request.tap)


@contextmanager
def _opened(request: SourceRequest, options: dict[str, str]) -> Iterator[av.container.InputContainer]:
    """The stream, by a relay where the camera must not lead elsewhere."""
    if request.redirects:
        with opened_at(request, PORTS, options) as container:
            yield container
        return
    host, port = address_of(request.url, PORTS)
    address = request.resolve(host, port) if request.resolve else host
    tls = source_scheme(request.url) == "rtsps"
    with relayed(address, port, request.stop, tls=tls, seconds=PATIENCE_S) as relay:
        try:
            with opened(request, at_address(request, "rtsp", "127.0.0.1", relay.port), options=options) as container:
                yield container
        except SourceLost as lost:
            raise SourceLost("it points to another address" if relay.redirected else str(lost)) from lost
