"""How delivery by webhook stands, as the agency and the partner liaison see it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.persistence.database import Database, rows, run

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


class Deliveries(BaseModel):
    """How far delivery is. ``resting_until``: nothing is sent before; ``rate``: calls a minute that are allowed."""

    confirmed_at: datetime | None
    gone_at: datetime | None
    rate: int | None
    last_success_at: datetime | None
    resting_until: datetime | None
    cause: str | None
    waiting: int
    #: By the programme's clock: when the oldest of these was kept.
    oldest_at: datetime | None
    held: int
    failures: list[Failure]


#: What was not looked at yet, and of stuck subjects what was.
_WAITING = """
    SELECT count(*) AS waiting, min(at) AS oldest_at FROM delivery
    JOIN webhook USING (subscription_id) LEFT JOIN webhook_stuck AS stuck USING (subscription_id, subject)
    WHERE subscription_id = :id AND (delivery.position > looked OR delivery.position >= stuck.position)"""
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


async def deliveries(database: Database, id: UUID) -> Deliveries | None:
    """How delivery stands; None of a subscription whose agency isn't called."""
    async with database.transaction() as connection:
        statement = "SELECT *, next_at AS resting_until FROM webhook WHERE subscription_id = :id"
        found = await rows(connection, statement, id=id)
        if not found:
            return None
        [waiting] = await rows(connection, _WAITING, id=id)
        failures = await rows(connection, _FAILURES, id=id, most=_MOST)
        [held] = await rows(
            connection, "SELECT count(*) AS held FROM webhook_stuck WHERE subscription_id = :id AND held", id=id
        )
    shown: dict[str, Any] = {}
    for row in (found[0], waiting, held):
        shown |= row._mapping
    return Deliveries.model_validate(shown | {"failures": [dict(row._mapping) for row in failures]})


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
    """Have what failed or is held tried now, of one subject or of all."""
    await run(connection, _AGAIN, id=id, subject=subject, now=now)
    await run(connection, "UPDATE webhook SET next_at = NULL WHERE subscription_id = :id", id=id)
