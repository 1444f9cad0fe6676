"""RTMP and RTMPS streams, played from a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..playing import Playback, opened_at
from ..plugins import SourceRequest

PORTS = {"rtmp": 1935, "rtmps": 443}


@contextmanager
def open_source(request: SourceRequest) -> Iterator[Playback]:
    """Open a stream; see :class:`server.plugins.Source`."""
    options = {
        "rtmp_live": "live",
        "fflags": "nobuffer",
        "analyzeduration": "200000",  # a stream without sound is waited for five seconds otherwise
        "protocol_whitelist": "rtmp,rtmps,tcp,tls,crypto",
    }
    with opened_at(request, PORTS, options) as container:
        yield Playback(container, request.stop, tap=request.tap)
