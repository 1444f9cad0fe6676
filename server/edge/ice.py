"""How media gets through: servers for both sides, and seams of aioice.

``tests/edge/test_ice.py`` fails when a release of aioice changes a seam, or no longer needs it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from aiohttp import web
from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aioice.turn import UDP_SOCKET_BUFFER_SIZE
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from ..config import IceSettings
from ..core.turn import turn_credentials
from ..wire import Json

USER = "vigie"

STUN_S = 3.0
"""An answer to an offer waits no longer than this for STUN servers; aioice itself waits five for TURN."""


class IceRoutes:
    """What a browser needs to know before it makes an offer. ``current`` gives the settings in force."""

    def __init__(self, current: Callable[[], IceSettings]) -> None:
        self._current = current

    def routes(self) -> list[web.RouteDef]:
        """The one route."""
        return [web.get("/api/v1/ice", self.servers)]

    async def servers(self, request: web.Request) -> web.Response:
        """``GET /api/v1/ice``: STUN and TURN servers, in the form that RTCPeerConnection takes, and how long the
        password is good."""
        settings = self._current()
        return web.json_response({"iceServers": ice_servers(settings, time.time()), "ttl_s": settings.ttl_s})


def ice_servers(settings: IceSettings, now: float) -> list[Json]:
    """The servers of the settings (W3C: ``RTCIceServer``), with a password made at this time."""
    servers: list[Json] = []
    if settings.stun:
        servers.append({"urls": list(settings.stun)})
    if settings.turn:
        username, password = _credentials(settings, now)
        servers.append({"urls": list(settings.turn), "username": username, "credential": password})
    return servers


def links_of(settings: IceSettings, now: float) -> list[str]:
    """The same as ``Link`` headers (RFC 9725, section 4.6)."""
    return [
        f'<{url}>; rel="ice-server"'
        + (f'; username="{server["username"]}"; credential="{server["credential"]}"' if "username" in server else "")
        + ('; credential-type="password"' if "username" in server else "")
        for server in ice_servers(settings, now)
        for url in server["urls"]
    ]


def configuration(settings: IceSettings, now: float) -> RTCConfiguration:
    """That of the server's own peer. Without servers aiortc would ask a public one of a third party: an empty list."""
    servers = ice_servers(settings, now)
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(server["urls"], server.get("username"), server.get("credential")) for server in servers
        ]
    )


def _credentials(settings: IceSettings, now: float) -> tuple[str, str]:
    if settings.turn_secret:
        return turn_credentials(settings.turn_secret.get_secret_value(), USER, int(now) + settings.ttl_s)
    assert settings.turn_username, "the settings see to it"
    assert settings.turn_password, "the settings see to it"
    return settings.turn_username, settings.turn_password.get_secret_value()


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


def gather_as_set(connection: Connection, settings: IceSettings) -> None:
    """Let a connection take its ports from the range of the settings, and tell the public address: aioice has neither.
    What it gathers from a TURN server it gathers as ever."""
    if settings.port_min is None and settings.public_address is None:
        return
    usual = connection.get_component_candidates

    async def gather(component: int, addresses: list[str], **options: int) -> list[Candidate]:
        hosts = [
            protocol for address in addresses if (protocol := await _bind(connection, component, address, settings))
        ]
        connection._protocols += hosts
        found = [protocol.local_candidate for protocol in hosts]
        if settings.public_address:
            found += [_public(host, settings.public_address) for host in list(found) if _same_family(host, settings)]
        server = connection.stun_server
        asked = [_reflexive(protocol, server) for protocol in hosts if server]
        relayed, reflexive = await asyncio.gather(usual(component, [], **options), asyncio.gather(*asked))
        return [*found, *(candidate for candidate in reflexive if candidate), *relayed]

    connection.get_component_candidates = gather  # type: ignore[method-assign, assignment]


async def _bind(connection: Connection, component: int, address: str, settings: IceSettings) -> StunProtocol | None:
    """A host candidate's socket on a port of the range; None when the address or every port cannot be had."""
    loop = asyncio.get_running_loop()
    for port in _ports(settings):
        try:
            transport, protocol = await loop.create_datagram_endpoint(
                lambda: StunProtocol(connection), local_addr=(address, port)
            )
        except OSError:
            continue
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_SOCKET_BUFFER_SIZE)
        host, port, *_ = transport.get_extra_info("sockname")
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=port,
            type="host",
        )
        return protocol
    return None


def _ports(settings: IceSettings) -> list[int]:
    """The ports to try: all of the range once, from a random one on, for most are free."""
    if settings.port_min is None or settings.port_max is None:
        return [0]
    ports = list(range(settings.port_min, settings.port_max + 1))
    start = random.randrange(len(ports))
    return ports[start:] + ports[:start]


def _same_family(host: Candidate, settings: IceSettings) -> bool:
    return ip_address(host.host).version == ip_address(str(settings.public_address)).version


def _public(host: Candidate, address: str) -> Candidate:
    """The candidate by which a router's other side reaches a host candidate: the same port at the public address."""
    return Candidate(
        foundation=candidate_foundation("srflx", "udp", host.host),
        component=host.component,
        transport="udp",
        priority=candidate_priority(host.component, "srflx"),
        host=address,
        port=host.port,
        type="srflx",
        related_address=host.host,
        related_port=host.port,
    )


async def _reflexive(protocol: StunProtocol, server: tuple[str, int]) -> Candidate | None:
    if ip_address(protocol.local_candidate.host).version != 4:
        return None
    try:
        async with asyncio.timeout(STUN_S):
            candidate, _ = await server_reflexive_candidate(protocol, server)
    except Exception:  # no answer, no such name, an answer that is none: media may get through without
        return None
    return candidate
