"""What agencies ask their feeds after: a position, and how often our database had been set back when it was told.

After a restoration positions are given anew to what is heard again, so an older cursor counts up to where the database
was restored to, and the rest of the feed comes once more: under the same ids.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.persistence.database import rows, run
from shared.persistence.unit_of_work import UnitOfWork
from shared.scheduler import Scheduled

#: More positions than a subscription ever has; and few enough that a cursor is exact where numbers are floating.
SPAN = 10**9


def cursor(epoch: int, position: int) -> int:
    """What is told for a position."""
    return epoch * SPAN + position


#: The position that ``after`` stands for, next to a row of ``subscription_head``; one that was never told stays too
#: high. ``floors`` has by epoch where the database was restored to.
POSITION = f"""CASE WHEN after / {SPAN} = epoch THEN after % {SPAN}
    WHEN after / {SPAN} < epoch THEN least(after % {SPAN}, (
        SELECT min(value::bigint) FROM jsonb_each_text(floors) WHERE key::bigint > after / {SPAN}))
    ELSE after END"""


async def restored(connection: AsyncConnection) -> None:
    """The database was set back: what was told from now on is no more what it was.

    By the clock, for the backup knows nothing of a restoration that came after it. What was handed out since is not
    known either, so all counts as told that comes until what was told before is heard again: its tombstones are due.
    """
    await run(
        connection,
        f"""UPDATE subscription_head AS head SET handed = {SPAN}, epoch = next,
                floors = floors || jsonb_build_object(next::text, position)
            FROM (SELECT subscription_id, greatest(
                      epoch + 1, extract(epoch FROM now() - '2026-01-01 00:00Z'::timestamptz) / 60)::int AS next
                  FROM subscription_head) AS new WHERE new.subscription_id = head.subscription_id""",
    )


def bounding(heard: Callable[[], bool]) -> Scheduled:
    """Once all is heard again, what comes counts as told when it is handed out."""

    async def due(connection: AsyncConnection, _: datetime, limit: int) -> list[UUID]:
        statement = f"SELECT subscription_id FROM subscription_head WHERE handed = {SPAN} LIMIT :limit"
        return [row.subscription_id for row in await rows(connection, statement, limit=limit)] if heard() else []

    async def bound(unit: UnitOfWork, id: UUID) -> None:
        await run(
            unit.connection,
            f"UPDATE subscription_head SET handed = position WHERE subscription_id = :id AND handed = {SPAN}",
            id=id,
        )

    return Scheduled("bounding", due=due, run=bound)
