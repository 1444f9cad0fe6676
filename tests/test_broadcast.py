"""Hand-over with a bound."""

from __future__ import annotations

import asyncio
import threading

import pytest

from server.broadcast import Broadcast, Closed, Mailbox, Overflow


def test_a_mailbox_holds_the_newest_and_counts_the_rest() -> None:
    box: Mailbox[int] = Mailbox()
    assert not box
    assert [box.put(n) for n in range(5)] == [True, False, False, False, False]
    assert box
    assert box.take() == 4
    assert box.dropped == 4
    assert not box
    assert box.take() is None
    assert box.put(5)
    assert box.dropped == 4


def test_nothing_is_lost_or_doubled_between_threads() -> None:
    """What was put is either taken once, in order, or counted as dropped."""
    box: Mailbox[int] = Mailbox()
    count, taken = 20_000, []
    done = threading.Event()

    def write() -> None:
        for n in range(count):
            box.put(n)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set() or box:
        item = box.take()
        if item is not None:
            taken.append(item)
    writer.join()
    assert len(taken) + box.dropped == count
    assert taken == sorted(set(taken))
    assert taken[-1] == count - 1


async def test_each_reader_gets_each_item() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.read(size=9) as one, broadcast.read(size=9) as other:
        assert len(broadcast) == 2
        for n in range(3):
            broadcast.send(n)
        broadcast.close("over")
        assert [n async for n in one] == [0, 1, 2]
        assert [n async for n in other] == [0, 1, 2]
    assert len(broadcast) == 0


async def test_a_slow_reader_keeps_the_newest() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.read(size=2) as slow, broadcast.read() as slowest:
        for n in range(6):
            broadcast.send(n)
        assert [await slow.next(), await slow.next(), slow.dropped] == [4, 5, 4]
        assert [await slowest.next(), slowest.dropped] == [5, 5]


async def test_a_reader_that_may_miss_nothing_is_closed_instead() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.read(size=2, overflow=Overflow.CLOSE) as strict, broadcast.read() as other:
        for n in range(3):
            broadcast.send(n)
        with pytest.raises(Closed, match="too slow"):
            await strict.next()
        broadcast.send(3)
        with pytest.raises(Closed, match="too slow"):
            await strict.next()
        assert await other.next() == 3


async def test_next_waits_for_an_item() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.read() as reader:
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        broadcast.send(7)
        assert await waiting == 7


async def test_close_ends_who_waits_with_the_first_reason() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.read() as reader:
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        broadcast.close("the camera ended")
        broadcast.close("the server stops")
        with pytest.raises(Closed, match="the camera ended"):
            await waiting
        broadcast.send(1)
        with pytest.raises(Closed, match="the camera ended"):
            await reader.next()


async def test_who_comes_after_the_close_is_told_at_once() -> None:
    broadcast: Broadcast[int] = Broadcast()
    broadcast.close("over")
    with broadcast.read() as reader:
        assert [n async for n in reader] == []
        with pytest.raises(Closed, match="over"):
            await reader.next()


async def test_a_cancelled_wait_loses_nothing() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with broadcast.read() as reader:
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        broadcast.send(1)
        assert await reader.next() == 1


async def test_a_reader_leaves_with_its_block() -> None:
    broadcast: Broadcast[int] = Broadcast()
    with pytest.raises(ZeroDivisionError), broadcast.read():
        _ = 1 // 0
    assert len(broadcast) == 0
    broadcast.send(1)
