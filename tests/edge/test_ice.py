"""Pins what ``server/edge/ice.py`` uses of aioice's insides, and that it is needed."""

from __future__ import annotations

import asyncio

import pytest
from aioice import Candidate, Connection
from pydantic import SecretStr

from server.config import IceSettings
from server.edge.ice import configuration, end_consent_checks_with, gather_as_set, ice_servers, links_of

from ..support.waiting import eventually


async def closed_as_it_connects(mend: bool) -> asyncio.Task[None]:
    """Close one of two connections as soon as they have found each other; returns its consent checks."""
    one, other = Connection(ice_controlling=True), Connection(ice_controlling=False)
    if mend:
        end_consent_checks_with(one)
    await asyncio.gather(one.gather_candidates(), other.gather_candidates())
    for here, there in ((one, other), (other, one)):
        here.remote_username, here.remote_password = there.local_username, there.local_password
        for candidate in there.local_candidates:
            await here.add_remote_candidate(candidate)
        await here.add_remote_candidate(None)
    connecting = asyncio.gather(one.connect(), other.connect(), return_exceptions=True)
    await eventually(lambda: one._check_list_done, "the checks' success")
    await one.close()
    await connecting
    await other.close()
    assert one._query_consent_task
    return one._query_consent_task


async def test_a_connection_closed_as_it_connects_leaves_no_consent_checks() -> None:
    task = await closed_as_it_connects(mend=True)
    await eventually(task.done, "the end of the checks")


async def test_without_the_seam_it_would() -> None:
    task = await closed_as_it_connects(mend=False)
    await asyncio.sleep(0)
    assert not task.done(), "aioice ends them itself by now: remove server/edge/ice.py"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


RANGE = IceSettings(port_min=42100, port_max=42119)


async def gathered(settings: IceSettings) -> tuple[Connection, list[Candidate]]:
    connection = Connection(ice_controlling=False)
    gather_as_set(connection, settings)
    await connection.gather_candidates()
    return connection, connection.local_candidates


async def test_media_takes_its_ports_from_the_range() -> None:
    connections = [await gathered(RANGE) for _ in range(3)]
    ports = [candidate.port for _, candidates in connections for candidate in candidates]
    assert ports
    assert all(42100 <= port <= 42119 for port in ports)
    for connection, _ in connections:
        await connection.close()


async def test_a_range_that_is_used_up_leaves_no_host_candidate() -> None:
    one = IceSettings(port_min=42130, port_max=42130)
    first, candidates = await gathered(one)
    second, none = await gathered(one)
    assert candidates
    assert none == []
    await first.close()
    await second.close()


async def test_a_public_address_is_told_with_the_same_port() -> None:
    connection, candidates = await gathered(RANGE.model_copy(update={"public_address": "203.0.113.7"}))
    hosts = {candidate.port for candidate in candidates if candidate.type == "host" and ":" not in candidate.host}
    public = [candidate for candidate in candidates if candidate.host == "203.0.113.7"]
    assert {candidate.port for candidate in public} == hosts
    assert {candidate.type for candidate in public} == {"srflx"}
    await connection.close()


async def test_two_connections_find_each_other_by_the_range() -> None:
    (one, _), (other, _) = await gathered(RANGE), await gathered(RANGE)
    one.ice_controlling = True
    for here, there in ((one, other), (other, one)):
        here.remote_username, here.remote_password = there.local_username, there.local_password
        for candidate in there.local_candidates:
            await here.add_remote_candidate(candidate)
        await here.add_remote_candidate(None)
    await asyncio.gather(one.connect(), other.connect())
    await one.send(b"hello")
    assert await other.recv() == b"hello"
    await one.close()
    await other.close()


def test_what_a_browser_gets() -> None:
    settings = IceSettings(stun=("stun:a",), turn=("turn:b?transport=tcp",), turn_secret=SecretStr("0123456789abcdef"))
    stun, turn = ice_servers(settings, 1000.5)
    assert stun == {"urls": ["stun:a"]}
    assert (turn["urls"], turn["username"]) == (["turn:b?transport=tcp"], "4600:vigie")
    assert links_of(settings, 1000.5) == [
        '<stun:a>; rel="ice-server"',
        f'<turn:b?transport=tcp>; rel="ice-server"; username="4600:vigie"; credential="{turn["credential"]}"; '
        'credential-type="password"',
    ]
    (first, second) = configuration(settings, 1000.5).iceServers or []
    assert (first.urls, second.credential) == (["stun:a"], turn["credential"])
    assert configuration(IceSettings(), 0).iceServers == [], "or aiortc would ask a server of a third party"
