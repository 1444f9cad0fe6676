"""What a Vigie kept of its events: read from its database and its evidence, never written to."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Never

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from server.config import EvidenceSettings
from server.evidence.bucket import Bucket, BucketAway
from server.evidence.folder import EvidenceFolder
from server.store.database import MIGRATIONS, Database, DatabaseError, plain_words
from server.store.events import EventStore
from server.store.rows import EvidenceFile, StoredEvent
from server.store.search import Search

from .errors import TrainingError


class KeptDatabase(Database):
    """The database of a Vigie, which may be running: it is not brought up to date, and cannot be written to."""

    async def _migrate(self) -> None:
        try:
            async with self._readers.connect() as connection:
                revision = await connection.run_sync(_revision)
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseError(f"The database {self} cannot be used: {plain_words(error)}.") from error
        head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        if revision != head:
            raise DatabaseError(
                f"The database {self} is of another version of Vigie ({revision or 'none'}, this one has {head}): "
                "harvest with the version that it belongs to."
            )

    def write(self) -> Never:
        """Never."""
        raise NotImplementedError("what a Vigie kept is only read here")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def judged_events(
    database: Database, verdicts: tuple[str, ...], since: float | None
) -> AsyncIterator[StoredEvent]:
    """The events with one of these verdicts, newest first; ``since``: first seen from then on, in unix seconds."""
    store, after = EventStore(database, "harvest"), None
    while True:
        page = await store.search(Search(verdicts=verdicts, since=since, after=after))
        for stored in page.events:
            yield stored
        if page.next is None:
            return
        after = page.next


class KeptEvidence:
    """The files of events, from the folder of a Vigie or, where they are not there, from its bucket."""

    def __init__(self, data_dir: Path, settings: EvidenceSettings) -> None:
        self._folder = EvidenceFolder(data_dir / "evidence")
        self._bucket = Bucket(settings) if settings.url else None

    async def read(self, stored: StoredEvent, name: str) -> bytes | None:
        """A whole file; None where it is gone, or is not what was written. Raises TrainingError while the bucket is
        away."""
        file = next((file for file in stored.files if file.name == name), None)
        if file is None:
            return None
        try:
            data = await self._read(stored.event.id, file)
        except FileNotFoundError:
            return None
        except BucketAway as error:
            raise TrainingError(
                f"The evidence cannot be read: {error}. What was harvested stays; try again."
            ) from error
        except OSError as error:
            raise TrainingError(f"The evidence of event {stored.event.id} cannot be read: {error}.") from error
        return data if hashlib.sha256(data).hexdigest() == file.sha256 else None

    async def _read(self, event_id: str, file: EvidenceFile) -> bytes:
        try:
            with self._folder.open(event_id, file.name) as opened:
                return opened.read()
        except FileNotFoundError:
            if not self._bucket:
                raise
            return b"".join([part async for part in self._bucket.read(event_id, file.name, 0, file.size)])
