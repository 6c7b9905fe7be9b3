"""What needs a person: dead letters, and the two things to do with one: replay it, or skip it with a reason."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import NotFound
from shared.messaging import inbox
from shared.persistence.database import Database, rows, run


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter without its data, which may not be shown."""

    source: str
    subject: str
    sequence: int
    type: str
    state: str
    attempts: int
    reason: str | None
    parked_at: datetime
    #: Later events of the subject that wait behind it.
    waiting: int


class NoDeadLetter(NotFound):
    """There is no dead letter at this source, subject and sequence; list them to see what there is."""


class DeadLetters:
    """The dead letters of one consumer."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def list(self, *, limit: int = 200, **where: Any) -> list[DeadLetter]:
        """Dead letters, the oldest first; of one source, subject and sequence when these are given."""
        filters = "".join(f" AND dead.{name} = :{name}" for name in where)
        statement = f"""
            SELECT dead.source, dead.subject, dead.sequence, dead.type, dead.state, dead.attempts, dead.reason,
                dead.parked_at, (SELECT count(*) FROM inbox_parked AS behind WHERE behind.source = dead.source
                    AND behind.subject = dead.subject AND behind.sequence > dead.sequence) AS waiting
            FROM inbox_parked AS dead WHERE dead.state = 'dead'{filters} ORDER BY dead.parked_at LIMIT :limit"""
        async with self.database.transaction() as connection:
            return [DeadLetter(*row) for row in await rows(connection, statement, limit=limit, **where)]

    async def replay(self, source: str, subject: str, sequence: int, *, by: str) -> None:
        """Have it tried again, as if it had never failed."""
        async with self.database.transaction() as connection:
            await self._decide(connection, (source, subject), sequence, "retry", by, "replayed")

    async def skip(self, source: str, subject: str, sequence: int, *, by: str, reason: str) -> None:
        """Have it never handled; what waits behind it goes on. The decision stays on record."""
        async with self.database.transaction() as connection:
            await self._decide(connection, (source, subject), sequence, "skipped", by, reason)

    async def _decide(
        self, connection: AsyncConnection, key: inbox.Key, sequence: int, state: str, by: str, reason: str
    ) -> None:
        await inbox.lock(connection, [key])
        touched = await run(
            connection,
            """UPDATE inbox_parked SET state = :state, attempts = 0, reason = :reason, decided_by = :by,
                   due_at = CASE WHEN :state = 'retry' THEN clock_timestamp() END
               WHERE source = :source AND subject = :subject AND sequence = :sequence AND state = 'dead'""",
            state=state,
            reason=reason,
            by=by,
            source=key[0],
            subject=key[1],
            sequence=sequence,
        )
        if not touched:
            raise NoDeadLetter
