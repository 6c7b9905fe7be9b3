"""How delivery by AMQP stands, and how it begins again."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.concern import Progress
from shared.persistence.database import rows, run


async def progress(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, Progress]:
    """How far each of these is: what lies in the queue waits as well."""
    found = await rows(
        connection,
        """SELECT subscription_id, head.position - acknowledged AS waiting, last_success_at, failing_since, cause,
               CASE WHEN failing_since IS NOT NULL THEN next_at END AS next_attempt_at,
               (SELECT at FROM delivery WHERE delivery.subscription_id = head.subscription_id
                    AND delivery.position > acknowledged ORDER BY delivery.position LIMIT 1) AS oldest_at
           FROM amqp JOIN subscription_head AS head USING (subscription_id) WHERE subscription_id = ANY(:ids)""",
        ids=list(ids),
    )
    each = [dict(row._mapping) for row in found]
    return {row.pop("subscription_id"): Progress(**row) for row in each}


async def replay(connection: AsyncConnection, id: UUID, position: int) -> None:
    """Have everything from this position on published once more; a process that has the turn loses it."""
    await run(
        connection,
        """UPDATE amqp SET published = least(published, :position - 1), generation = generation + 1, buried = 0,
               begun = 0, again_from = least(again_from, :position - 1), next_at = NULL,
               leased_by = NULL, leased_until = NULL
           WHERE subscription_id = :id""",
        id=id,
        position=position,
    )
