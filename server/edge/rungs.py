"""The rungs of the transport ladder, each tried from this machine: UDP, STUN, TURN, WebSocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import aiohttp
from aioice import Connection
from aioice.ice import StunProtocol, relayed_candidate, server_reflexive_candidate
from aioice.stun import TransactionFailed, TransactionTimeout

from ..checks import Broken, Check
from ..config import IceSettings
from ..config.ice import URL
from .ice import gather_as_set, ice_servers

PORTS = {"stun": 3478, "turn": 3478, "turns": 5349}
ANSWER_S = 4.0
NO_ANSWER = "It does not answer. See that it runs and that no firewall is in between."


def ways(settings: IceSettings) -> Iterator[tuple[str, str, Check]]:
    """A check of each rung for media."""
    yield "UDP", "", partial(try_udp, settings)
    for url in settings.stun:
        yield "STUN", url, partial(try_stun, url)
    for url in settings.turn:
        yield "TURN", url, partial(try_turn, url, settings)


async def try_udp(settings: IceSettings) -> str:
    """Whether media can have a port; where."""
    connection = Connection(ice_controlling=False)
    gather_as_set(connection, settings)
    try:
        await connection.gather_candidates()
        found = [candidate for candidate in connection.local_candidates if candidate.type in ("host", "srflx")]
        if not found:
            raise Broken("No UDP port can be had. See ice.port_min and ice.port_max, and that there is a network.")
        return f"Media is had at {', '.join(sorted({candidate.host for candidate in found}))}."
    finally:
        await connection.close()


async def try_stun(url: str) -> str:
    """As which address a STUN server sees this machine."""
    connection = Connection(ice_controlling=False, use_ipv6=False)
    try:
        await connection.gather_candidates()
        for protocol in connection._protocols:
            async with asyncio.timeout(ANSWER_S):
                candidate, _ = await server_reflexive_candidate(protocol, _address(url))
            return f"It sees this machine as {candidate.host}."
        raise Broken("This machine has no IPv4 address to ask from.")
    except (TransactionTimeout, TimeoutError, ConnectionError) as error:
        raise Broken(NO_ANSWER) from error
    except OSError as error:
        raise Broken(f"{_words(error)}. See ice.stun and the network.") from error
    finally:
        await connection.close()


async def try_turn(url: str, settings: IceSettings) -> str:
    """Where a TURN server would relay media."""
    found = URL.fullmatch(url)
    assert found, "the settings see to it"
    server = ice_servers(settings.model_copy(update={"stun": ()}), time.time())[0]
    connection = Connection(ice_controlling=False)
    try:
        async with asyncio.timeout(ANSWER_S):
            candidate, protocol = await relayed_candidate(
                component=1,
                hide_related_address=False,
                protocol_factory=lambda: StunProtocol(connection),
                turn_server=_address(url),
                turn_username=server["username"],
                turn_password=server["credential"],
                turn_ssl=found["scheme"] == "turns",
                turn_transport=found["transport"] or ("tcp" if found["scheme"] == "turns" else "udp"),
            )
    except TransactionFailed as error:
        code = error.response.attributes.get("ERROR-CODE", (0, ""))[0]
        if code == 401:
            raise Broken("It refuses the password. ice.turn_secret must be its static-auth-secret.") from error
        raise Broken(f"It refuses with the code {code}. Its log says why.") from error
    except (TransactionTimeout, TimeoutError, ConnectionError) as error:
        raise Broken(NO_ANSWER) from error
    except OSError as error:
        raise Broken(f"{_words(error)}. See ice.turn and the network.") from error
    finally:
        await connection.close()
    await protocol.close()
    return f"It relays at {candidate.host}."


async def try_websocket(url: str) -> str:
    """Whether a WebSocket comes about with the server at this address."""
    try:
        async with (
            aiohttp.ClientSession(trust_env=False) as http,
            http.ws_connect(f"{url}/api/v1/stream", ssl=False) as socket,
        ):
            await socket.close()
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            return "It answers, and asks who one is."
        raise Broken(f"It answers {error.status}. A proxy in between must pass WebSockets on.") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Broken(f"Nothing answers at {url}. Start Vigie; see host, port and public_url.") from error
    return "It opens."


def _address(url: str) -> tuple[str, int]:
    found = URL.fullmatch(url)
    assert found, "the settings see to it"
    return found["host"].strip("[]"), int(found["port"] or PORTS[found["scheme"]])


def _words(error: OSError) -> str:
    return str(error.strerror or error).rstrip(".").capitalize()
