"""Hand-over with a bound: one slot from a thread to the loop, one small queue from a feed to each of its readers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One slot. A new item replaces an unread one, which is counted as dropped. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._item: T | None = None
        self.dropped = 0
        """How many items were replaced unread."""

    def put(self, item: T) -> bool:
        """Leave an item; whether the slot was empty, so that its reader needs to be woken."""
        with self._lock:
            was_empty = self._item is None
            self.dropped += not was_empty
            self._item = item
            return was_empty

    def take(self) -> T | None:
        """The item, if there is one."""
        with self._lock:
            item, self._item = self._item, None
            return item

    def peek(self) -> T | None:
        """The item, if there is one; it stays."""
        return self._item

    def __bool__(self) -> bool:
        return self._item is not None


class Overflow(Enum):
    """What a full queue does: forget its oldest item, or end its reader, who may not miss anything."""

    DROP_OLDEST = "drop oldest"
    CLOSE = "close"


class Closed(Exception):
    """The reader will get nothing more; the message says why."""


class Reader(Generic[T]):
    """One reader's end of a broadcast: an async iterator over a queue of ``size`` items. For the event loop only."""

    def __init__(self, size: int, overflow: Overflow) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._overflow = overflow
        self._changed = asyncio.Event()
        self._closed: str | None = None
        self.dropped = 0

    def offer(self, item: T) -> None:
        """Add an item without waiting; a full queue does as its policy says."""
        if self._closed is not None:
            return
        if len(self._items) >= self._size:
            if self._overflow is Overflow.CLOSE:
                self._items.clear()
                self.close("too slow: more was waiting than can be held")
                return
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._changed.set()

    def close(self, reason: str) -> None:
        """Let the reader end, after what already waits."""
        if self._closed is None:
            self._closed = reason
            self._changed.set()

    async def next(self) -> T:
        """Wait for the next item; raises :class:`Closed` when there will be none."""
        while not self._items:
            if self._closed is not None:
                raise Closed(self._closed)
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()

    async def __aiter__(self) -> AsyncIterator[T]:
        try:
            while True:
                yield await self.next()
        except Closed:
            return


class Broadcast(Generic[T]):
    """Gives each item to all readers of the moment. For the event loop only; never waits for a reader."""

    def __init__(self) -> None:
        self._readers: set[Reader[T]] = set()
        self._closed: str | None = None

    def __len__(self) -> int:
        return len(self._readers)

    def send(self, item: T) -> None:
        """Offer the item to every reader."""
        for reader in tuple(self._readers):
            reader.offer(item)

    @contextmanager
    def read(self, size: int = 1, overflow: Overflow = Overflow.DROP_OLDEST) -> Iterator[Reader[T]]:
        """A reader for as long as the block runs. The default sees the newest item only."""
        reader: Reader[T] = Reader(size, overflow)
        if self._closed is not None:
            reader.close(self._closed)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self, reason: str) -> None:
        """Let all readers end, now and later."""
        self._closed = self._closed or reason
        for reader in self._readers:
            reader.close(reason)
