"""One try of one delivery: sent by its channel, and what follows from the reply."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..core.retry import RetryRule
from ..logs import about
from ..metrics import Metrics
from ..plugins import Alert, Outcome, Receiver, Reply
from ..store.turns import Address, Claimed, Settled
from .channels import ChannelLost, Channels
from .lanes import Lane

log = logging.getLogger(__name__)

MOST_ERROR, MOST_RESPONSE = 500, 1024


@dataclass(frozen=True, slots=True)
class Tries:
    """Makes tries. ``most_s`` is past every time limit of a channel's own; ``clock`` is the outbox's own, in seconds;
    ``chance`` gives random numbers from 0 to 1."""

    channels: Channels
    metrics: Metrics
    rule: RetryRule
    most_s: float
    clock: Callable[[], float]
    chance: Callable[[], float]

    async def make(self, lane: Lane, address: Address, claimed: Claimed) -> Settled:
        """Try once; the lane learns of it."""
        with about(delivery=claimed.id, **({"event": claimed.event_id} if claimed.event_id else {})):
            return await self._try(lane, address, claimed)

    async def _try(self, lane: Lane, address: Address, claimed: Claimed) -> Settled:
        at, begun = time.time(), time.monotonic()
        reply = await self._send(address, claimed)
        took_s = time.monotonic() - begun
        settled = self._settled(lane, claimed, reply, at, took_s)
        self.metrics.deliveries.labels(address.channel, reply.outcome).inc()
        if settled.state == "dead":
            self.metrics.deliveries.labels(address.channel, "dead").inc()
            log.warning("delivery %s to %s is given up: %s", claimed.id, claimed.subscription_id, settled.error)
        elif settled.state == "delivered" and claimed.event_id:
            self.metrics.delivery_seconds.observe(max(at + took_s - claimed.created_at, 0))
        return settled

    async def _send(self, address: Address, claimed: Claimed) -> Reply:
        receiver = Receiver(claimed.subscription_id, address.url, address.secrets)
        try:
            alert = Alert(claimed.id, claimed.type, claimed.body.encode(), _camera(claimed))
            async with asyncio.timeout(self.most_s):
                channel = await self.channels.get(address.channel)
                return await channel.send(receiver, alert)
        except ChannelLost as lost:
            return Reply(Outcome.FAILED, error=str(lost))
        except TimeoutError:
            return Reply(Outcome.FAILED, error=f"it took longer than {self.most_s:g} s")
        except Exception:
            log.exception("delivery %s failed by a fault of Vigie", claimed.id)
            return Reply(Outcome.FAILED, error="Vigie failed at this; its log says why")

    def _settled(self, lane: Lane, claimed: Claimed, reply: Reply, at: float, took_s: float) -> Settled:
        now, next_at = self.clock(), None
        error = _clean(reply.error, MOST_ERROR)
        match reply.outcome:
            case Outcome.DELIVERED:
                if lane.succeeded():
                    log.info("%s answers again", claimed.subscription_id)
            case Outcome.FAILED:
                wish_s = self.rule.within_reason(reply.retry_after_s)
                if lane.failed(now, self.chance(), error or "", wish_s):
                    log.warning("%s does not answer, and is left alone for a while: %s", claimed.subscription_id, error)
                next_at = self.rule.next_try(claimed.attempts + 1, claimed.since, now, self.chance(), wish_s)
            case _:
                lane.breaker.cease()
        waits = reply.outcome is Outcome.FAILED and next_at is not None
        return Settled(
            claimed=claimed,
            state="delivered" if reply.outcome is Outcome.DELIVERED else "waiting" if waits else "dead",
            next_at=next_at,
            at=at,
            took_ms=took_s * 1000,
            outcome=reply.outcome,
            status=reply.status,
            error=error,
            response=_clean(reply.response, MOST_RESPONSE),
            gone=reply.outcome is Outcome.GONE,
        )


def _camera(claimed: Claimed) -> str | None:
    """The camera that a report is about, by its body."""
    if claimed.event_id is None:
        return None
    camera = json.loads(claimed.body).get("data", {}).get("camera")
    return camera if isinstance(camera, str) else None


def _clean(text: str | None, most: int) -> str | None:
    """A text that every database takes, of so many signs at the most."""
    if text is None:
        return None
    return text[:most].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
