"""What a server holds: tasks, threads and sockets. What is more after a test than before was leaked."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass

from .waiting import PATIENCE_S, eventually

POOLS = ("edge", "evidence", "look", "asyncio_")
"""Threads of pools with a bound: they come with the first work and stay."""


ENDING_BY_THEMSELVES = ("evidence ",)
"""Tasks that begin with an event of a camera, whoever watches it, and end with it; as many as there are events."""


@dataclass(frozen=True, slots=True)
class Held:
    """Everything of this process that should go when a session goes, by a name that tells what it is."""

    tasks: dict[int, str]
    threads: dict[int, str]
    sockets: set[str]

    @classmethod
    def now(cls) -> Held:
        """What this process holds at this moment."""
        me = asyncio.current_task()
        tasks = {
            id(task): repr(task)
            for task in asyncio.all_tasks()
            if task is not me and not task.done() and not task.get_name().startswith(ENDING_BY_THEMSELVES)
        }
        threads = {t.ident or 0: t.name for t in threading.enumerate() if not t.name.startswith(POOLS)}
        return cls(tasks, threads, _sockets())

    def more_than(self, before: Held) -> list[str]:
        """What is here now and was not before."""
        return [
            *(f"task {text}" for key, text in self.tasks.items() if key not in before.tasks),
            *(f"thread {name}" for key, name in self.threads.items() if key not in before.threads),
            *(f"socket {name}" for name in self.sockets - before.sockets),
        ]


def _sockets() -> set[str]:
    names = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except FileNotFoundError:  # the descriptor of this very listing
            continue
        if target.startswith("socket:"):
            names.add(target)
    return names


async def all_gone(before: Held, within_s: float = PATIENCE_S) -> None:
    """Wait until nothing is held that was not before."""
    left: list[str] = []

    def nothing_left() -> bool:
        left[:] = Held.now().more_than(before)
        return not left

    try:
        await eventually(nothing_left, within_s=within_s)
    except AssertionError:
        raise AssertionError("left behind:\n  " + "\n  ".join(left)) from None
