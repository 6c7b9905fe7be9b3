"""What is kept no longer: what agencies have sent, what events told, and what is left of who was erased."""

from datetime import UTC, datetime, time
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners import ledger
from services.partners.domain.answer import KEPT
from services.partners.kept import TOLD_ALWAYS, TOMBSTONE
from services.partners.registry import Standing, registry_of
from services.partners.repository import ACKNOWLEDGED_WITHIN, Unit
from shared.persistence.database import rows, run
from shared.scheduler import Scheduled


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Answers about which nobody has to decide any more, in which something is left."""
    found = await rows(
        connection,
        """SELECT id FROM answer WHERE perishable AND state_name <> 'waiting' AND received_at < :before
           ORDER BY received_at LIMIT :limit""",
        before=now - KEPT,
        limit=limit,
    )
    return [row.id for row in found]


async def empty(uow: Unit, id: UUID) -> None:
    """Destroy what is in it."""
    await uow.load(answers=[id])
    if answer := uow.answers.find(id):
        answer.empty()


#: The first that is not emptied says it for all, for they are kept in the order of their times.
_OLD = f"""
    SELECT subscription_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:befores AS timestamptz[])) AS kept (subscription_id, before)
    JOIN subscription_head AS head USING (subscription_id)
    WHERE EXISTS (
        SELECT FROM (SELECT * FROM delivery
                     WHERE delivery.subscription_id = head.subscription_id AND delivery.position > head.expired
                     ORDER BY position LIMIT 1) AS delivery
        WHERE before IS NULL OR ({ledger.PASSED} AND delivery.at < before))
    OR before IS NULL AND EXISTS (
        SELECT FROM delivery WHERE delivery.subscription_id = head.subscription_id AND {ledger.LEFT_BEHIND})
    ORDER BY subscription_id LIMIT :limit"""


async def old(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Subscriptions with events that are kept no longer."""
    registry = registry_of(connection)
    await registry.refresh(connection)
    befores = {id: _before(standing, now) for id, standing in registry.every.items()}
    kept = {"ids": list(befores), "befores": list(befores.values()), "always": sorted(TOLD_ALWAYS)}
    found = await rows(connection, _OLD, **kept, limit=limit)
    return [row.subscription_id for row in found]


async def expire(uow: Unit, id: UUID) -> None:
    """Empty some of them."""
    standing = await uow.registry.standing(uow.connection, id)
    if standing is not None:
        await ledger.expire(uow.connection, id, _before(standing, uow.clock.now()))


def _before(standing: Standing, now: datetime) -> datetime | None:
    """What was kept before that can't be delivered again; None of what is over, of which nothing can."""
    today = now.date()
    if standing.subscription.over(standing.agreement, today):
        return None
    return datetime.combine(standing.agreement.kept_since(today), time(), UTC)


#: A subject is gone as a whole, so that whoever begins at the beginning finds no hole; and never a subscription's last
#: event, or who is before it would look for it for ever. Where nothing is owed, it is taken or nobody comes for it.
_ERASED = f"""
    SELECT delivery.id FROM delivery JOIN subscription_head AS head USING (subscription_id)
    JOIN subscription ON subscription.id = subscription_id JOIN agreement ON agreement.id = agreement_id
    WHERE case_id IS NULL AND type = '{TOMBSTONE}'
        AND (acknowledged_at IS NOT NULL OR due_on IS NULL AND ({ledger.TAKEN} OR EXISTS (
            SELECT FROM webhook WHERE webhook.subscription_id = head.subscription_id AND gone_at IS NOT NULL)))
        AND coalesce(due_on, CAST(delivery.at AS date) + {ACKNOWLEDGED_WITHIN.days})
            + CAST(agreement.state ->> 'retention_days' AS integer) < :today
        AND delivery.position < head.position
        AND NOT EXISTS (SELECT FROM delivery AS other WHERE other.subscription_id = delivery.subscription_id
                        AND other.subject = delivery.subject AND other.type = '{TOMBSTONE}'
                        AND (other.due_on IS NOT NULL AND other.acknowledged_at IS NULL
                             OR other.position > delivery.position))
    ORDER BY delivery.at LIMIT :limit"""


async def erased(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Tombstones of who was erased, which agencies have acknowledged long ago."""
    return [row.id for row in await rows(connection, _ERASED, today=now.date(), limit=limit)]


async def clear(uow: Unit, id: UUID) -> None:
    """Delete it with what it buried."""
    await run(
        uow.connection,
        # First, as the senders do.
        """DELETE FROM webhook_stuck AS stuck USING delivery AS tombstone
           WHERE tombstone.id = :id AND tombstone.case_id IS NULL AND tombstone.type = :type
               AND stuck.subscription_id = tombstone.subscription_id AND stuck.subject = tombstone.subject""",
        id=id,
        type=TOMBSTONE,
    )
    await run(
        uow.connection,
        """WITH gone AS (
               DELETE FROM delivery USING delivery AS tombstone
               WHERE tombstone.id = :id AND tombstone.case_id IS NULL AND tombstone.type = :type
                   AND delivery.subscription_id = tombstone.subscription_id AND delivery.subject = tombstone.subject
               RETURNING delivery.id)
           DELETE FROM escalation USING gone WHERE escalation.tombstone = gone.id""",
        id=id,
        type=TOMBSTONE,
    )


FORGETTING = (
    Scheduled("answers-due", due=due, run=empty),
    Scheduled("deliveries-due", due=old, run=expire),
    Scheduled("erased-due", due=erased, run=clear),
)
