"""One seam of aioice: ``tests/edge/test_ice.py`` fails when a release changes it, or no longer needs it."""

from __future__ import annotations

from collections.abc import Iterator

from aioice import Connection
from aiortc import RTCPeerConnection


def connections_of(peer: RTCPeerConnection) -> Iterator[Connection]:
    """The ICE connections of a peer, one for all its media where they are bundled."""
    transports = [part.receiver.transport for part in peer.getTransceivers()]
    transports += [peer.sctp.transport] if peer.sctp else []
    for transport in {transport.transport for transport in transports}:
        yield transport._connection


def end_consent_checks_with(connection: Connection) -> None:
    """See that no consent checks (RFC 7675) outlive a connection that is closed in the moment it comes about: aioice
    begins them when it has connected, without a look at whether it was closed meanwhile, and then never ends them."""
    check = connection.query_consent

    async def unless_closed() -> None:
        if not connection._closing:
            await check()

    connection.query_consent = unless_closed  # type: ignore[method-assign]
