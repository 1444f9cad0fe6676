"""Whether this server can do its work: what a balancer asks before it sends anybody."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from ..detector import Detector
from ..store.database import Database, plain_words

log = logging.getLogger(__name__)

ANSWER_S = 2.0
LEAST_FREE_BYTES = 20_000_000
"""Below this not even events are sure to be written."""


class Readiness:
    """Asks each part. ``stopping`` is set once the server ends: new work should go elsewhere."""

    def __init__(self, detector: Detector, database: Database, folder: Path) -> None:
        self.stopping = False
        self._detector = detector
        self._database = database
        self._folder = folder

    def stop(self) -> None:
        """From now on it is not ready."""
        self.stopping = True

    async def hindrances(self) -> list[str]:
        """What stands in the way, each a sentence; none when it is ready."""
        found = []
        if self.stopping:
            found.append("The server is stopping.")
        if not self._detector.ready.is_set():
            found.append("The model is not warmed up yet.")
        database, disk = await asyncio.gather(self._ask_database(), asyncio.to_thread(self._ask_disk))
        return found + [words for words in (database, disk) if words]

    async def _ask_database(self) -> str | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._database.ping()
        except TimeoutError:
            return f"The database does not answer within {ANSWER_S:g} s."
        except Exception as error:  # whatever it is, events cannot be kept
            log.warning("the database cannot be used: %s", plain_words(error))
            return "The database cannot be used; the log says why."
        return None

    def _ask_disk(self) -> str | None:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            return f"The data folder cannot be used: {error.strerror}."
        if free < LEAST_FREE_BYTES:
            return f"The disk of the data folder is full: {free / 1e6:.0f} MB are free. Make room."
        return None
