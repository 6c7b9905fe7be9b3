"""How delivery to each subscription stands, as the agency and who looks after it see it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.concern import Concern, Kind, Owed, Progress, Standing, Times, Told, concerns
from services.partners.domain.subscription import State, Subscription, Way
from services.partners.health.tombstones import Otherwise, Tombstone, escalated, owed, told_otherwise, tombstones
from services.partners.health.ways import means_of, progress_of
from services.partners.suspensions import suspensions
from services.partners.tables import AGREEMENTS
from services.partners.webhooks.state import Failure
from shared.persistence.database import Database, rows

#: Days of which it is shown how much was kept.
_DAYS = 14


class Line(BaseModel):
    """One subscription. What is said in words is said of the agency; ``concern`` is the worst of ``concerns``.

    ``lag_seconds``: by the programme's clock, since the first of what waits was kept. ``last_success_at``: of the feed,
    when it was asked. ``acknowledged``: up to which position the agency has said that it has everything.
    """

    subscription_id: UUID
    agency_id: UUID
    agency: str
    contact: str
    agreement_id: UUID
    in_force: bool
    #: Since when nothing leaves to the agency.
    suspended_on: date | None
    valid_until: date
    way: Way
    state: State
    position: int
    acknowledged: int
    waiting: int
    oldest_at: datetime | None
    lag_seconds: float | None
    last_success_at: datetime | None
    failing_since: datetime | None
    cause: str | None
    next_attempt_at: datetime | None
    held: int
    tombstones_due: int
    tombstones_overdue: int
    tombstones_undeliverable: int
    #: Who was told that an acknowledgement is late, or that a tombstone can't be delivered.
    escalated_to: list[Told]
    concern: str | None
    concerns: list[Concern]


class Day(BaseModel):
    """How many events were kept on it, by the programme's clock."""

    on: date
    events: int


class Deliveries(Line):
    """The same with what fails and why, what must still be destroyed, and the last days."""

    #: Of a webhook: since when the receiver wants to be called, since when no more, and how often a minute.
    confirmed_at: datetime | None = None
    gone_at: datetime | None = None
    rate: int | None = None
    #: From which day on it can be delivered again; None once nothing is told any more.
    kept_since: date | None
    failures: list[Failure]
    tombstones: list[Tombstone]
    #: What it was told by other means.
    told_otherwise: list[Otherwise]
    days: list[Day]


async def lines(database: Database, subscriptions: Sequence[Subscription], times: Times) -> list[Line]:
    """How each stands, the worst first; read as the tables' owner, for it tells of no case."""
    async with database.transaction() as connection:
        return await _lines(connection, subscriptions, times)


async def deliveries(database: Database, subscription: Subscription, times: Times) -> Deliveries:
    """How one stands, with its failures."""
    means = means_of(subscription.way)
    async with database.transaction() as connection:
        [line] = await _lines(connection, [subscription], times)
        return Deliveries(
            **line.model_dump(),
            **await means.more(connection, subscription.id),
            kept_since=await _kept_since(connection, subscription, times.today),
            failures=await means.failures(connection, subscription.id),
            tombstones=await tombstones(connection, subscription.id, times.today),
            told_otherwise=await told_otherwise(connection, subscription.id),
            days=await _days(connection, subscription.id, times.today),
        )


async def _lines(connection: AsyncConnection, subscriptions: Sequence[Subscription], times: Times) -> list[Line]:
    ids = [each.id for each in subscriptions]
    agreed = [each.agreement_id for each in subscriptions]
    agreements = {each.id: each for each in await AGREEMENTS.find(connection, "id = ANY(:ids)", ids=agreed)}
    found = await rows(connection, "SELECT * FROM subscription_head WHERE subscription_id = ANY(:ids)", ids=ids)
    heads = {row.subscription_id: row for row in found}
    progress = await progress_of(connection, {each.id: each.way for each in subscriptions})
    suspended = await suspensions(connection, {each.agency_id for each in subscriptions})
    owing, told = await owed(connection, ids, times.today), await escalated(connection, ids)
    lines = []
    for each in subscriptions:
        moved, debt, head = progress.get(each.id, Progress()), owing.get(each.id, Owed()), heads[each.id]
        at = {"position": head.position, "acknowledged": head.acknowledged}
        shut = suspended.get(each.agency_id)
        since = shut.suspended_at.date() if shut else None
        standing = Standing(each, agreements[each.agreement_id], moved, debt, since)
        lines.append(_line(standing, times, escalated_to=told.get(each.id, []), **at))
    return sorted(lines, key=_worst_first)


def _line(standing: Standing, times: Times, **more: Any) -> Line:
    subscription, agreement, progress = standing.subscription, standing.agreement, standing.progress
    known = concerns(standing, times)
    return Line(
        subscription_id=subscription.id,
        way=subscription.way,
        state=subscription.state,
        agency_id=agreement.agency.id,
        agency=agreement.agency.name,
        contact=agreement.contact,
        agreement_id=agreement.id,
        in_force=agreement.in_force(times.today),
        suspended_on=standing.suspended_on,
        valid_until=agreement.valid_until,
        lag_seconds=(times.programme - progress.oldest_at).total_seconds() if progress.oldest_at else None,
        tombstones_due=standing.owed.due,
        tombstones_overdue=standing.owed.overdue,
        tombstones_undeliverable=standing.owed.undeliverable,
        concern=known[0].words if known else None,
        concerns=known,
        **{name: value for name, value in asdict(progress).items() if name in Line.model_fields},
        **more,
    )


async def _kept_since(connection: AsyncConnection, subscription: Subscription, today: date) -> date | None:
    [agreement] = await AGREEMENTS.find(connection, "id = :id", id=subscription.agreement_id)
    return None if subscription.over(agreement, today) else agreement.kept_since(today)


async def _days(connection: AsyncConnection, id: UUID, today: date) -> list[Day]:
    first = today - timedelta(days=_DAYS - 1)
    found = await rows(
        connection,
        """SELECT day, count(delivery.position) AS events
           FROM generate_series(CAST(:first AS date), CAST(:today AS date), interval '1 day') AS days (day)
           LEFT JOIN delivery ON subscription_id = :id AND at >= CAST(:first AS timestamp) AT TIME ZONE 'UTC'
               AND CAST(at AT TIME ZONE 'UTC' AS date) = CAST(day AS date)
           GROUP BY day ORDER BY day""",
        id=id,
        first=first,
        today=today,
    )
    return [Day(on=row.day.date(), events=row.events) for row in found]


def _worst_first(line: Line) -> tuple[int, bool, float]:
    order = list(Kind)
    rank = order.index(line.concerns[0].kind) if line.concerns else len(order)
    return rank, line.state is State.ENDED, -(line.lag_seconds or 0)
