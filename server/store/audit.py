"""The audit log: who did what, when and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, insert, select

from .database import Database
from .schema import audit


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of it. ``at`` is unix seconds; ``outcome`` is done or refused."""

    at: float
    actor: str
    address: str
    action: str
    target: str = ""
    outcome: str = "done"


class AuditRows:
    """Reads and writes the log; ``most`` lines are kept."""

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most

    async def add(self, entries: Sequence[Entry]) -> None:
        """Some more, in their order."""
        async with self._database.write() as connection:
            await connection.execute(insert(audit), [asdict(entry) for entry in entries])

    async def page(self, before: int | None, limit: int) -> list[tuple[int, Entry]]:
        """So many with their numbers, the newest first; those before a number."""
        query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.seq < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [(int(row["seq"]), Entry(**{name: row[name] for name in Entry.__dataclass_fields__})) for row in rows]

    async def prune(self, before: float) -> None:
        """Remove what is older (unix s), and of too many the oldest."""
        async with self._database.write() as connection:
            newest = int(await connection.scalar(select(func.max(audit.c.seq))) or 0)
            await connection.execute(delete(audit).where((audit.c.at < before) | (audit.c.seq <= newest - self._most)))
