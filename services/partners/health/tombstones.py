"""Tombstones that agencies have not acknowledged, and to whom it is escalated that they are late, or can't be given."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.concern import ESCALATED_AFTER, Owed, Told
from services.partners.domain.rules import NothingOwed, ToldAnotherDay
from services.partners.domain.vocabulary import Means
from services.partners.repository import Unit
from shared.persistence.database import Database, rows, run, scalar
from shared.scheduler import Scheduled

log = structlog.get_logger()

_OPEN = "due_on IS NOT NULL AND acknowledged_at IS NULL"
#: Who was to be called wants nothing any more, or has not taken it for three days: it is tried no more.
_UNDELIVERABLE = """EXISTS (
    SELECT FROM webhook WHERE webhook.subscription_id = delivery.subscription_id AND (
        gone_at IS NOT NULL OR EXISTS (
            SELECT FROM webhook_stuck AS stuck WHERE stuck.subscription_id = delivery.subscription_id
                AND stuck.subject = delivery.subject AND held)))"""
#: What is shown of one subscription at most.
_MOST = 500


class Tombstone(BaseModel):
    """One that is not acknowledged. ``undeliverable``: it is tried no more, and the agency must be told by other means.
    ``escalated_to``: who was told that it is late, or that it can't be delivered.
    """

    event_id: UUID
    subject: UUID
    sequence: int
    due_on: date
    overdue: bool
    undeliverable: bool
    escalated_to: list[Told]


class Otherwise(BaseModel):
    """An agency was told by other means that it must destroy what it holds of a subject, and has said that it does."""

    subject: UUID
    by: Means
    #: Who at the agency.
    to: str
    on: date


async def owed(connection: AsyncConnection, ids: Sequence[UUID], today: date) -> Mapping[UUID, Owed]:
    """By subscription, for those of these that owe any."""
    found = await rows(
        connection,
        f"""SELECT subscription_id, count(*) AS due, count(*) FILTER (WHERE due_on < :today) AS overdue,
                min(due_on) AS first_due, count(*) FILTER (WHERE {_UNDELIVERABLE}) AS undeliverable
            FROM delivery WHERE {_OPEN} AND subscription_id = ANY(:ids) GROUP BY subscription_id""",
        ids=list(ids),
        today=today,
    )
    return {row.subscription_id: Owed(row.due, row.overdue, row.first_due, row.undeliverable) for row in found}


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
                {_UNDELIVERABLE} AS undeliverable,
                coalesce((SELECT array_agg(told ORDER BY told DESC) FROM escalation WHERE tombstone = delivery.id),
                         '{{}}') AS escalated_to
            FROM delivery WHERE {_OPEN} AND subscription_id = :id ORDER BY due_on, position LIMIT :most""",
        id=id,
        today=today,
        most=_MOST,
    )
    return [Tombstone.model_validate(row, from_attributes=True) for row in found]


async def told_otherwise(connection: AsyncConnection, id: UUID) -> list[Otherwise]:
    """What the liaison has written down of one subscription, the latest first."""
    found = await rows(
        connection,
        """SELECT DISTINCT subject, means AS by, told AS "to", told_on AS "on", at FROM told_otherwise
           WHERE subscription_id = :id ORDER BY at DESC LIMIT :most""",
        id=id,
        most=_MOST,
    )
    return [Otherwise.model_validate(row, from_attributes=True) for row in found]


async def acknowledge(connection: AsyncConnection, id: UUID, said: Otherwise, by: str, now: datetime) -> None:
    """The agency was told by other means than its way; ``by`` writes it down. Raises NothingOwed, ToldAnotherDay."""
    open_ones = f"SELECT count(*) FROM delivery WHERE {_OPEN} AND subscription_id = :id AND subject = :subject"
    if not await scalar(connection, open_ones, id=id, subject=said.subject):
        raise NothingOwed
    told: dict[str, Any] = {"means": said.by, "told": said.to, "told_on": said.on, "by": by, "now": now}
    written = await run(connection, _ACKNOWLEDGE, id=id, subject=said.subject, **told)
    if said.on > now.date() or not written:
        raise ToldAnotherDay


#: On that day it could be told of what was there by then.
_ACKNOWLEDGE = f"""
    WITH done AS (
        UPDATE delivery SET acknowledged_at = now()
        WHERE {_OPEN} AND subscription_id = :id AND subject = :subject
            AND CAST(at AT TIME ZONE 'UTC' AS date) <= :told_on
        RETURNING id)
    INSERT INTO told_otherwise (tombstone, subscription_id, subject, means, told, told_on, written_by, at)
    SELECT id, :id, :subject, :means, :told, :told_on, :by, :now FROM done"""


def _late(told: Told) -> Callable[[AsyncConnection, datetime, int], Awaitable[list[UUID]]]:
    # Nothing that is waited for could still come.
    at_once = f"OR {_UNDELIVERABLE}" if told is Told.LIAISON else ""

    async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
        found = await rows(
            connection,
            f"""SELECT id FROM delivery WHERE {_OPEN} AND (due_on < :day {at_once})
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
        unit.connection,
        f"SELECT subscription_id, due_on, {_UNDELIVERABLE} AS lost FROM delivery WHERE id = :id AND {_OPEN}",
        id=id,
    )
    for row in found:
        unit.insert("escalation", {"tombstone": id, "told": told.value, "at": unit.clock.now()})
        lost = row.lost and told is Told.LIAISON
        log.warning(
            "a tombstone can't be delivered" if lost else "an agency has not acknowledged a tombstone in time",
            subscription=str(row.subscription_id),
            tombstone=str(id),
            due_on=row.due_on.isoformat(),
            told=told.value,
        )


#: By the programme's clock: each is told once of each tombstone that is late or can't be delivered.
ESCALATIONS = tuple(Scheduled(f"escalate to {told}", _late(told), partial(_escalate, told)) for told in Told)
