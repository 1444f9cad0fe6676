"""Pins what ``server/edge/ice.py`` uses of aioice's insides, and that it is needed."""

from __future__ import annotations

import asyncio

import pytest
from aioice import Connection

from server.edge.ice import end_consent_checks_with

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
