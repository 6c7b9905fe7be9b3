"""Tombstones that agencies have not acknowledged, and to whom it is escalated when they are late."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.concern import ESCALATED_AFTER, Owed, Told
from services.partners.domain.rules import NothingOwed
from services.partners.repository import Unit
from shared.persistence.database import Database, rows, run
from shared.scheduler import Scheduled

log = structlog.get_logger()

_OPEN = "due_on IS NOT NULL AND acknowledged_at IS NULL"
#: What is shown of one subscription at most.
_MOST = 500


class Tombstone(BaseModel):
    """One that is not acknowledged. ``escalated_to``: who was told that it is late."""

    event_id: UUID
    subject: UUID
    sequence: int
    due_on: date
    overdue: bool
    escalated_to: list[Told]


async def owed(connection: AsyncConnection, ids: Sequence[UUID], today: date) -> Mapping[UUID, Owed]:
    """By subscription, for those of these that owe any."""
    found = await rows(
        connection,
        f"""SELECT subscription_id, count(*) AS due, count(*) FILTER (WHERE due_on < :today) AS overdue,
                min(due_on) AS first_due
            FROM delivery WHERE {_OPEN} AND subscription_id = ANY(:ids) GROUP BY subscription_id""",
        ids=list(ids),
        today=today,
    )
    return {row.subscription_id: Owed(row.due, row.overdue, row.first_due) for row in found}


async def overdue_by_agency(database: Database, today: date) -> Mapping[UUID, int]:
    """How many each agency has not acknowledged in time, of those that have not."""
    async with database.transaction() as connection:
        found = await rows(
            connection,
            f"""SELECT agency_id, count(*) AS overdue
                FROM delivery JOIN subscription ON subscription.id = subscription_id
                WHERE {_OPEN} AND due_on < :today GROUP BY agency_id""",
            today=today,
        )
    return {row.agency_id: row.overdue for row in found}


async def escalated(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, list[Told]]:
    """By subscription: who was told that some of it is late."""
    found = await rows(
        connection,
        f"""SELECT DISTINCT subscription_id, told FROM delivery JOIN escalation ON tombstone = delivery.id
            WHERE {_OPEN} AND subscription_id = ANY(:ids) ORDER BY told DESC""",
        ids=list(ids),
    )
    told: dict[UUID, list[Told]] = {}
    for row in found:
        told.setdefault(row.subscription_id, []).append(Told(row.told))
    return told


async def tombstones(connection: AsyncConnection, id: UUID, today: date) -> list[Tombstone]:
    """Those of one subscription that are not acknowledged, the latest last."""
    found = await rows(
        connection,
        f"""SELECT delivery.id AS event_id, subject, sequence, due_on, due_on < :today AS overdue,
                coalesce((SELECT array_agg(told ORDER BY told DESC) FROM escalation WHERE tombstone = delivery.id),
                         '{{}}') AS escalated_to
            FROM delivery WHERE {_OPEN} AND subscription_id = :id ORDER BY due_on, position LIMIT :most""",
        id=id,
        today=today,
        most=_MOST,
    )
    return [Tombstone.model_validate(row, from_attributes=True) for row in found]


async def acknowledge(connection: AsyncConnection, id: UUID, subject: UUID) -> None:
    """The agency has said otherwise than by its way that this is destroyed. Raises NothingOwed."""
    statement = (
        f"UPDATE delivery SET acknowledged_at = now() WHERE {_OPEN} AND subscription_id = :id AND subject = :subject"
    )
    if not await run(connection, statement, id=id, subject=subject):
        raise NothingOwed


def _late(told: Told) -> Callable[[AsyncConnection, datetime, int], Awaitable[list[UUID]]]:
    async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
        found = await rows(
            connection,
            f"""SELECT id FROM delivery WHERE {_OPEN} AND due_on < :day
                AND NOT EXISTS (SELECT FROM escalation WHERE tombstone = delivery.id AND told = :told)
                ORDER BY due_on LIMIT :limit""",
            day=now.date() - ESCALATED_AFTER[told],
            told=told,
            limit=limit,
        )
        return [row.id for row in found]

    return due


async def _escalate(told: Told, uow: Any, id: UUID) -> None:
    unit: Unit = uow
    found = await rows(
        unit.connection, f"SELECT subscription_id, due_on FROM delivery WHERE id = :id AND {_OPEN}", id=id
    )
    for row in found:
        unit.insert("escalation", {"tombstone": id, "told": told.value, "at": unit.clock.now()})
        log.warning(
            "an agency has not acknowledged a tombstone in time",
            subscription=str(row.subscription_id),
            tombstone=str(id),
            due_on=row.due_on.isoformat(),
            told=told.value,
        )


#: By the programme's clock: each is told once of each tombstone that is late.
ESCALATIONS = tuple(Scheduled(f"escalate to {told}", _late(told), partial(_escalate, told)) for told in Told)
