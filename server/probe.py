"""Tries a camera once: whether it can be opened, what it sends, its first picture."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass

from .addresses import AddressRule
from .config import CameraSettings
from .core.frame import CLOCK_RATE, Picture
from .plugins import PATIENCE_S, SourceLost, Stop, load
from .reader import request_of

log = logging.getLogger(__name__)

TIMED_FRAMES = 15
TIMED_S = 1.5
"""The rate of a stream is told from so many frames, or those of so many seconds."""

LIMIT_S = PATIENCE_S + 0.5


@dataclass(frozen=True, slots=True)
class Probed:
    """What a camera sends; ``picture`` is the last one seen."""

    codec: str
    picture: Picture
    frames_per_second: float


async def probe(settings: CameraSettings, rule: AddressRule) -> Probed:
    """Open a camera, look at a few frames and close it again, in ten seconds or less. Raises :class:`SourceLost`."""
    loop = asyncio.get_running_loop()
    stop = Stop()
    done: asyncio.Future[Probed] = loop.create_future()
    opened = threading.Event()

    def settle(result: Probed | SourceLost) -> None:
        if done.done():
            return
        if isinstance(result, SourceLost):
            done.set_exception(result)
        else:
            done.set_result(result)

    def read() -> None:
        result = _read(settings, rule, stop, opened)
        try:
            loop.call_soon_threadsafe(settle, result)
        except RuntimeError:
            log.debug("a probe ended after its server")

    threading.Thread(target=read, name="probe", daemon=True).start()
    try:
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.shield(done)
    except TimeoutError:
        raise SourceLost("it sent no picture in time" if opened.is_set() else "it did not answer in time") from None
    finally:
        stop.set()
        if not done.done():
            await asyncio.wait((done,), timeout=1)
        if not done.cancelled() and done.done():
            done.exception()  # it was told, or nobody is left to hear it


def _read(settings: CameraSettings, rule: AddressRule, stop: Stop, opened: threading.Event) -> Probed | SourceLost:
    """In a thread of its own."""
    try:
        with load("sources", settings.kind).open_source(request_of(settings, stop, rule)) as source:
            opened.set()
            picture: Picture | None = None
            ticks: list[int] = []
            begun = time.monotonic()
            for frame in source.frames():
                picture = frame.picture
                ticks.append(frame.timestamp)
                if len(ticks) == 1:
                    begun = time.monotonic()
                if len(ticks) > TIMED_FRAMES or time.monotonic() - begun >= TIMED_S:
                    break
            if picture is None:
                return SourceLost("it sent no picture")
            span = (ticks[-1] - ticks[0]) / CLOCK_RATE
            # A copy, for the decoder's own memory goes with the source.
            return Probed(source.codec, picture.copy(), (len(ticks) - 1) / span if span else 0.0)
    except SourceLost as lost:
        return lost
    except Exception as error:
        log.error("a probe broke by %s", type(error).__name__)  # not its words: they may hold the URL with its password
        return SourceLost(f"its reader broke ({type(error).__name__})")
