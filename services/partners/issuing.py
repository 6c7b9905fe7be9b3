"""Figures fall due some days after a month's end: they are made once, and then each subscription is told of them."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agreement, Terms
from services.partners.domain.fact import Country, Fact
from services.partners.domain.figures import FIGURES, last_settled, subject_of
from services.partners.domain.subscription import State, Subscription
from services.partners.editions import (
    Edition,
    Place,
    Reached,
    blank,
    editions,
    issue,
    issued,
    keep,
    one_at_a_time,
    places,
    reach,
    reached,
)
from services.partners.registry import Standing, pseudonyms_of
from services.partners.repository import Unit
from services.partners.tables import AGREEMENTS
from shared.persistence.database import rows, run
from shared.protection.vault import vault_of
from shared.scheduler import Scheduled


def figures_due(heard: Callable[[], bool]) -> list[Scheduled]:
    """``heard``: whether everything that the services have told is here; no figures are made before."""

    async def due(connection: AsyncConnection, now: datetime, _: int) -> list[UUID]:
        month, last = last_settled(now.date()), await issued(connection)
        # A month is known by its first day's number.
        return [UUID(int=month.toordinal())] if heard() and (last is None or last < month) else []

    return [Scheduled("figures", due=due, run=make), Scheduled("figures-told", due=to_be_told, run=tell)]


async def make(unit: Unit, id: UUID) -> None:
    """Make a month's editions, unless another replica has."""
    await issue(unit.connection, date.fromordinal(id.int), unit.clock.now())


async def to_be_told(connection: AsyncConnection, _: datetime, limit: int) -> list[UUID]:
    """The subscriptions that were not told of the last figures."""
    statement = """
        SELECT id FROM subscription LEFT JOIN figure_reader ON subscription_id = id
        WHERE CAST(state AS jsonb) -> 'types' @> CAST(:types AS jsonb) AND state_name <> 'ended'
          AND coalesce(upto, '-infinity') < (SELECT max(month) FROM figure_issue)
        ORDER BY id LIMIT :limit"""
    return [row.id for row in await rows(connection, statement, types=orjson.dumps([FIGURES]).decode(), limit=limit)]


async def tell(unit: Unit, id: UUID) -> None:
    """Have a subscription told of all figures that are new to it."""
    await unit.load(subscriptions=[id])
    await one_at_a_time(unit.connection)
    subscription, last = unit.subscriptions.get(id), await issued(unit.connection)
    if last is None or subscription.state is State.ENDED:
        return
    [agreement] = await AGREEMENTS.find(unit.connection, "id = :id", id=subscription.agreement_id)
    # One that is over comes into force no more.
    if agreement.in_force(unit.clock.today()):
        await _tell(unit, subscription, agreement, last)
    await run(
        unit.connection,
        """INSERT INTO figure_reader VALUES (:id, :last)
           ON CONFLICT (subscription_id) DO UPDATE SET upto = excluded.upto""",
        id=id,
        last=last,
    )


async def _tell(unit: Unit, subscription: Subscription, agreement: Agreement, last: date) -> None:
    wanted = [
        (country, month)
        for country, month in places(agreement, unit.programme, last)
        if not subscription.countries or country in subscription.countries
    ]
    known = await _known(unit, wanted, last)
    had = await reached(unit.connection, subscription.id)
    standing = Standing(subscription, agreement, pseudonyms_of(vault_of(unit.connection), agreement.agency.id))
    homes = {country: _home(country, subscription, had) for country, _ in wanted}
    new: dict[Place, Reached] = {}
    for country, month in wanted:
        all_editions, before = known[country, month], had.get((country, month))
        fact = all_editions[-1].fact(country, month)
        if before is None or _news(agreement.terms, all_editions[before.edition - 1].fact(country, month), fact):
            unit.give(fact, homes[country], standing)
            new[country, month] = Reached(all_editions[-1].number, homes[country].given[subscription.id])
    await reach(unit.connection, subscription.id, new)


async def _known(unit: Unit, wanted: list[Place], last: date) -> dict[Place, list[Edition]]:
    """The editions of these, of each at least one."""
    known = await editions(unit.connection, last, {country for country, _ in wanted})
    new = {place: blank(unit.clock.now()) for place in wanted if place not in known}
    await keep(unit.connection, new.items())
    return known | {place: [each] for place, each in new.items()}


def _home(country: str, subscription: Subscription, had: Mapping[Place, Reached]) -> Country:
    """The country, with how many of its events the subscription has."""
    given = max((each.sequence for (of, _), each in had.items() if of == country), default=0)
    return Country(subject_of(country), country, given={subscription.id: given})


def _news(terms: Terms, before: Fact, now: Fact) -> bool:
    """Whether anything that leaves is another than before."""
    return any(before.data[name] != now.data[name] for name in terms.events[FIGURES] - {"edition"})
