"""The outbox: takes what is due, has each receiver's channel try it, and writes what came of it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from ..config import Settings
from ..core.breaker import Circuit
from ..core.retry import RetryRule
from ..metrics import Metrics
from ..plugins import CameraCondition, load
from ..store.database import is_transient, plain_words
from ..store.deliveries import Deliveries, Delivery
from ..store.turns import Address, Claimed, Due, Settled, Turn
from ..wire import compact, iso
from .channels import Channels, Open
from .conditions import Conditions
from .lanes import Lane, Lanes
from .tries import Tries

log = logging.getLogger(__name__)

LONGER_S = 10.0
"""A try may take so much longer than its channel's own limit, and a lease than a try."""

CHANNEL_S = 15.0
LAST_CHANCE_S = 5.0
OWN_POLL_S = 5.0
SHARED_POLL_S = 1.0
"""Other servers on the same database wake nobody here."""

SHORTEST_PAUSE_S = 0.01
LONGEST_RETRY_S = 2.0
GIVE_UP_EVERY_S = 30.0
MEND_EVERY_S = 300.0
GAUGE_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a turn took for one receiver."""

    lane: Lane
    address: Address
    claimed: list[Claimed]


class Outbox:
    """Sends what waits in the database until the block ends. For the event loop only.

    Each receiver has a lane of its own: some deliveries at a time, of one event one after the other, and a circuit
    breaker. ``server`` is the id of this server; ``gone``: ids of servers known to run no more, whose leases end.
    ``clock``, in place of the machine's, gives unix seconds that never step; ``chance`` random numbers from 0 to 1.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        settings: Settings,
        metrics: Metrics,
        server: str,
        gone: Collection[str] = (),
        *,
        open_channel: Open | None = None,
        clock: Callable[[], float] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._deliveries = deliveries
        self._metrics = metrics
        self._server = server
        self._gone = {*gone, server}
        self._given_clock = clock
        self._clock_offset = time.time() - time.monotonic()
        self.at_a_time = settings.webhooks.at_a_time
        self._grace_s = settings.grace_s / 2
        self._rule = RetryRule(for_s=settings.webhooks.try_for_h * 3600)
        self._poll_s = SHARED_POLL_S if deliveries.shared else OWN_POLL_S
        self._channels = Channels(open_channel or (lambda kind: load("alerts", kind).open_channel(settings)))
        try_s = max(settings.webhooks.answer_s, CHANNEL_S) + LONGER_S
        self._lease_s = try_s + LONGER_S
        self._make = Tries(self._channels, metrics, self._rule, try_s, self._clock, chance).make
        self._conditions = Conditions(self._channels)
        self._lanes = Lanes()
        self._tries: dict[asyncio.Task[None], Claimed] = {}
        self._outcomes: list[Settled] = []
        self._leaving: list[Settled] = []
        self._given_back: set[int] = set()
        self._woken = asyncio.Event()
        self._resting = False
        self._rested = asyncio.Event()
        self._closing = False
        self._mended_at = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        with suppress(Exception):  # a database that is away: the clock of this machine will do
            self._clock_offset = await self._deliveries.clock() - time.monotonic()
        self._tasks = [
            asyncio.create_task(self._run(), name="outbox"),
            asyncio.create_task(self._gauge(), name="outbox gauge"),
            asyncio.create_task(self._conditions.run(), name="outbox conditions"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is due may still go out; what does not end soon is given back, for whoever comes next."""
        if not any(task for task in self._tasks if not task.done()):
            return
        self.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                while not self.resting:
                    self._rested.clear()
                    await self._rested.wait()
        self._closing = True
        for task in tuple(self._tries):
            task.cancel()
        await asyncio.gather(*self._tries, return_exceptions=True)
        self.wake()
        await asyncio.wait(self._tasks[:1], timeout=LAST_CHANCE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._outcomes:
            log.error("what came of %d deliveries could not be written: they are tried again", len(self._outcomes))
        await self._channels.close()

    def wake(self) -> None:
        """Something was written that is to be sent."""
        self._woken.set()

    @property
    def resting(self) -> bool:
        """Whether nothing is under way and nothing is due."""
        return self._resting and not self._tries and not self._woken.is_set()

    def circuit(self, subscription_id: str) -> Circuit:
        """How the circuit of a receiver stands, as this server has seen it."""
        return self._lanes.circuit(subscription_id, self._clock())

    def renew(self, subscription_id: str) -> None:
        """A receiver has another URL, or was switched on: what waits for it is due at once."""
        self._lanes.renew(subscription_id)
        self.wake()

    async def test(self, subscription_id: str) -> Delivery:
        """Send a test to a receiver, even to one that is switched off or whose circuit is open."""
        at = time.time()
        data = {"webhook": subscription_id, "message": "A test from Vigie: nothing has happened."}
        body = compact({"type": "test", "timestamp": iso(at), "data": data})
        delivery = await self._deliveries.add_test(subscription_id, body, at)
        self.wake()
        return delivery

    def conditions(self, camera: str, condition: CameraCondition | None) -> None:
        """A camera stands so now, or there is none of this name any more: for the channels that show it."""
        self._conditions.put(camera, condition)

    def _clock(self) -> float:
        return self._given_clock() if self._given_clock else time.monotonic() + self._clock_offset

    def _wall(self) -> float:
        return self._given_clock() if self._given_clock else time.time()

    async def _run(self) -> None:
        told, failures = "", 0
        while not self._closing or self._tries or self._outcomes or self._given_back or self._leaving:
            self._woken.clear()
            try:
                pause = await self._turn()
            except Exception as error:
                words, failures = plain_words(error), failures + 1
                if words != told:
                    known = None if is_transient(error) else error
                    log.error("deliveries wait for the database: %s; it is tried again", words, exc_info=known)
                    told = words
                if not is_transient(error):
                    self._write_less()
                await asyncio.sleep(min(0.1 * 2 ** min(failures, 10), LONGEST_RETRY_S))
                continue
            if told:
                log.info("deliveries go on")
                told, failures = "", 0
            self._resting = True
            self._rested.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            self._resting = False

    async def _turn(self) -> float:
        """Settle, take, and let what was taken begin; returns for how long nothing more is to be done."""
        outcomes, self._outcomes = self._outcomes, []
        given_back, self._given_back = self._given_back, set()
        for outcome in outcomes:
            self._lanes.of(outcome.claimed.subscription_id).running.discard(outcome.claimed.seq)
        try:
            async with self._deliveries.turn(self._server) as turn:
                now = self._clock()
                mended = await self._mend(turn, now)
                gone = self._leaving + (await turn.settle(outcomes) if outcomes else [])
                leaving = [one for one in gone if not await turn.leave(one)]
                if given_back:
                    await turn.release(given_back)
                back, more = await self._tell_waiting(turn, now)
                known = await turn.due(now)
                taken, pause = ([], self._poll_s) if self._closing else await self._take(turn, known, now)
        except BaseException:
            self._outcomes = outcomes + self._outcomes
            self._given_back |= given_back
            for outcome in outcomes:
                self._lanes.of(outcome.claimed.subscription_id).running.add(outcome.claimed.seq)
            raise
        if mended:
            self._mended_at, self._gone = now, set()
        self._leaving = leaving
        if leaving or more:
            self.wake()
        for lane in back:
            lane.is_back = False
        self._lanes.keep({due.subscription_id for due in known})
        self._conditions.show_on({due.channel for due in known if due.enabled})
        for one in taken:
            self._begin(one)
        return pause

    def _write_less(self) -> None:
        """What came of tries cannot be written as it is: then without its words, and at last not at all. One answer
        that no database takes must not stop all; what is not settled is tried again when its lease is over."""
        if any(outcome.error or outcome.response for outcome in self._outcomes):
            self._outcomes = [replace(outcome, error=None, response=None) for outcome in self._outcomes]
            return
        for outcome in self._outcomes:
            self._lanes.of(outcome.claimed.subscription_id).running.discard(outcome.claimed.seq)
        self._outcomes = []

    async def _mend(self, turn: Turn, now: float) -> bool:
        """Give back what servers left that are gone, and what a wrong clock put off; whether it was time for that."""
        if now - self._mended_at < MEND_EVERY_S:
            return False
        if self._gone and (count := await turn.release_of(self._gone)):
            log.info("%d deliveries were under way when their server stopped; they are tried again", count)
        if count := await turn.mend(now):
            log.warning("%d deliveries were put off by a clock that was wrong; they are due now", count)
        return True

    async def _tell_waiting(self, turn: Turn, now: float) -> tuple[list[Lane], bool]:
        """What a try has shown holds for all that wait for its receiver; returns the lanes whose receiver is back, as
        far as all that waits knows of it, and whether more is to be told."""
        back, more = [], False
        for name, lane in self._lanes:
            if lane.is_back:
                if await turn.hasten(name):
                    back.append(lane)
                else:
                    more = True
            elif lane.failed_for(now) >= self._rule.for_s and now - lane.gave_up_at >= GIVE_UP_EVERY_S:
                if count := await turn.give_up(name, now, self._wall(), self._rule.for_s, lane.failure):
                    log.warning("%d deliveries to %s are given up with the others: %s", count, name, lane.failure)
                lane.gave_up_at = now
        return back, more

    async def _take(self, turn: Turn, known: list[Due], now: float) -> tuple[list[Taken], float]:
        """What is due and may begin, and for how long nothing else will be."""
        claims: dict[str, list[Claimed]] = {}
        soonest = now + self._poll_s
        for due in known:
            lane = self._lanes.of(due.subscription_id)
            sends = due.enabled and lane.permits(now)
            room = lane.room(now, self.at_a_time)
            is_due = due.now if sends else due.test_at is not None and due.test_at <= now
            if is_due and room:
                tests = not sends
                claimed = await turn.claim(due.subscription_id, room, now, self._lease_s, self._rule.for_s, tests=tests)
                if claimed:
                    claims[due.subscription_id] = claimed
            soonest = min(soonest, *_times(due, lane, sends, now))
        addresses = await turn.addresses(claims) if claims else {}
        taken = [Taken(self._lanes.of(name), addresses[name], claimed) for name, claimed in claims.items()]
        return taken, max(soonest - now, SHORTEST_PAUSE_S)

    def _begin(self, taken: Taken) -> None:
        for claimed in taken.claimed:
            if self._closing:
                self._given_back.add(claimed.seq)
                continue
            taken.lane.running.add(claimed.seq)
            taken.lane.breaker.begin()
            task = asyncio.create_task(self._try(taken, claimed), name=f"try {claimed.id}")
            self._tries[task] = claimed
            task.add_done_callback(self._ended)

    async def _try(self, taken: Taken, claimed: Claimed) -> None:
        outcome = await self._make(taken.lane, taken.address, claimed)
        self._outcomes.append(outcome)  # not in one line: a turn that comes meanwhile puts another list in its place

    def _ended(self, task: asyncio.Task[None]) -> None:
        claimed = self._tries.pop(task)
        if task.cancelled():
            self._given_back.add(claimed.seq)
        elif error := task.exception():  # a fault of ours: when its lease is over it is tried again, not at once
            log.error("the try of delivery %s failed", claimed.id, exc_info=error)
            self._lanes.of(claimed.subscription_id).running.discard(claimed.seq)
        self.wake()

    async def _gauge(self) -> None:
        while True:
            try:
                counts = (await self._deliveries.counts()).values()
                self._metrics.deliveries_kept.labels("waiting").set(sum(count.waiting for count in counts))
                self._metrics.deliveries_kept.labels("dead").set(sum(count.dead for count in counts))
            except Exception as error:
                log.debug("deliveries cannot be counted: %s", plain_words(error))
            await asyncio.sleep(GAUGE_EVERY_S)


def _times(due: Due, lane: Lane, sends: bool, now: float) -> list[float]:
    """When there may be something to send to a receiver, as far as time alone decides."""
    times = [due.later, due.test_at] if sends else [due.test_at]
    if due.enabled and not sends and (due.now or due.later is not None) and (until := lane.until()) is not None:
        times.append(until if due.now else max(until, due.later or 0))
    return [at for at in times if at is not None and at > now] or [float("inf")]
