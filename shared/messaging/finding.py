"""An event by its id, or a subject's events, found in a log by its indexes."""

from uuid import UUID

from shared.contracts.envelope import Event
from shared.messaging.outbox import Log
from shared.persistence.database import rows


async def find(log: Log, name: UUID, after: int, limit: int) -> list[Event]:
    """The event with this id; else the subject's events after a sequence, at most ``limit``."""
    async with log.database.transaction() as connection:
        found = await rows(
            connection,
            """SELECT id, type, subject, sequence, time, prevhash, data, traceparent FROM event_log
               WHERE id = :id AND sequence > :after""",
            id=name,
            after=after,
        )
    return [log.event(row) for row in found] or await log.of_subjects([(str(name), after)], limit)
