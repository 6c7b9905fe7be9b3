"""How delivery by webhook stands, and how it begins again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.concern import Progress
from services.partners.domain.rules import ReceiverGone
from shared.persistence.database import rows, run, scalar

#: Of failing subjects the oldest ones are shown.
_MOST = 200


class Failure(BaseModel):
    """An event that the receiver has not taken, and how many of its subject wait for it. ``held``: tried no more."""

    event_id: UUID
    subject: UUID
    sequence: int
    type: str
    attempts: int
    since: datetime | None
    next_at: datetime
    cause: str | None
    held: bool
    waiting: int


#: What was not looked at yet waits, and of stuck subjects what was. Which of these fails, is the oldest of those tried.
_PROGRESS = """
    SELECT webhook.subscription_id, head.position - looked + stuck.waiting AS waiting,
        least(stuck.oldest_at, (SELECT at FROM delivery WHERE delivery.subscription_id = webhook.subscription_id
                                    AND delivery.position > looked ORDER BY delivery.position LIMIT 1)) AS oldest_at,
        last_success_at, tried.since AS failing_since, coalesce(tried.cause, webhook.cause) AS cause, gone_at,
        coalesce(webhook.next_at, tried.next_at) AS next_attempt_at, tried.held
    FROM webhook JOIN subscription_head AS head USING (subscription_id),
    LATERAL (SELECT count(*) AS waiting, min(at) AS oldest_at
             FROM webhook_stuck JOIN delivery USING (subscription_id, subject)
             WHERE webhook_stuck.subscription_id = webhook.subscription_id
                 AND delivery.position BETWEEN webhook_stuck.position AND looked) AS stuck,
    LATERAL (SELECT count(*) FILTER (WHERE held) AS held, min(next_at) FILTER (WHERE NOT held) AS next_at,
                 min(since) FILTER (WHERE cause IS NOT NULL) AS since,
                 (array_agg(cause ORDER BY since) FILTER (WHERE cause IS NOT NULL))[1] AS cause
             FROM webhook_stuck WHERE webhook_stuck.subscription_id = webhook.subscription_id) AS tried
    WHERE webhook.subscription_id = ANY(:ids)"""
_FAILURES = """
    SELECT first.id AS event_id, subject, first.sequence, first.type, attempts, since, next_at, cause, held,
        (SELECT count(*) FROM delivery AS later WHERE later.subscription_id = :id AND later.subject = stuck.subject
             AND later.position > stuck.position) AS waiting
    FROM webhook_stuck AS stuck JOIN delivery AS first USING (subscription_id, subject, position)
    WHERE subscription_id = :id AND since IS NOT NULL ORDER BY since LIMIT :most"""
#: What was tried so often begins anew, and so does its time.
_AGAIN = """
    UPDATE webhook_stuck SET held = false, attempts = 0, since = NULL, next_at = :now, cause = NULL
    WHERE subscription_id = :id AND (CAST(:subject AS uuid) IS NULL OR subject = :subject)"""


async def progress(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, Progress]:
    """Of those of these subscriptions whose agencies are called: how far each is."""
    found = [dict(row._mapping) for row in await rows(connection, _PROGRESS, ids=list(ids))]
    return {row.pop("subscription_id"): Progress(**row) for row in found}


async def receiver(connection: AsyncConnection, id: UUID) -> dict[str, Any]:
    """Since when the receiver wants to be called, since when no more, and how often a minute."""
    statement = "SELECT confirmed_at, gone_at, rate FROM webhook WHERE subscription_id = :id"
    [found] = await rows(connection, statement, id=id)
    return dict(found._mapping)


async def failures(connection: AsyncConnection, id: UUID) -> list[Failure]:
    """What was not taken, and why."""
    found = await rows(connection, _FAILURES, id=id, most=_MOST)
    return [Failure.model_validate(row, from_attributes=True) for row in found]


async def confirm(connection: AsyncConnection, id: UUID, rate: int | None, now: datetime) -> None:
    """The receiver wants to be called, so often."""
    await run(
        connection,
        """UPDATE webhook SET confirmed_at = coalesce(confirmed_at, :now), rate = :rate, next_at = NULL
           WHERE subscription_id = :id""",
        id=id,
        rate=rate,
        now=now,
    )


async def again(connection: AsyncConnection, id: UUID, subject: UUID | None, now: datetime) -> None:
    """Have what failed or is held tried now, of one subject or of all. Raises ReceiverGone."""
    if await scalar(connection, _GONE, id=id):
        raise ReceiverGone
    await run(connection, _AGAIN, id=id, subject=subject, now=now)
    await run(connection, "UPDATE webhook SET next_at = NULL, gone_at = NULL WHERE subscription_id = :id", id=id)


_GONE = """
    SELECT true FROM webhook WHERE subscription_id = :id AND gone_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM delivery WHERE delivery.subscription_id = :id AND due_on IS NOT NULL AND acknowledged_at IS NULL)"""


async def replay(connection: AsyncConnection, id: UUID, position: int) -> None:
    """Have everything from this position on sent once more.

    A process that has the turn loses it: what it kept afterwards of how far it is would undo this.
    """
    await run(
        connection,
        """UPDATE webhook SET looked = least(looked, :position - 1), next_at = NULL, leased_by = NULL,
               leased_until = NULL
           WHERE subscription_id = :id""",
        id=id,
        position=position,
    )
    # These subjects begin anew too. One that is stuck before it goes on from there, and meets the rest in its order.
    await run(
        connection,
        "DELETE FROM webhook_stuck WHERE subscription_id = :id AND position >= :position",
        id=id,
        position=position,
    )
