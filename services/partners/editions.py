"""Figures in the database: the counts, which lead to nobody, and the editions in which they were told.

There is one edition of a month for everybody; an agreement leaves out what it doesn't name. So nobody learns more by
laying two agreements side by side than from that edition.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import Fact
from services.partners.domain.figures import (
    FIGURES,
    FIGURES_SOURCE,
    Cell,
    edition_id,
    members,
    subject_of,
    whole_months,
)
from services.partners.domain.suppression import Told, told
from services.partners.domain.vocabulary import AgeGroup, Measure
from shared.persistence.database import rows, run, scalar
from shared.programme import Programme

#: A country, and a month by its first day.
Place = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Edition:
    """What is told of one month of one country; 1 is the first."""

    number: int
    told: Mapping[Measure, Told]
    #: By the programme's time.
    made_at: datetime

    def fact(self, country: str, month: date) -> Fact:
        """All that can be told of it."""
        id, data = edition_id(country, month, self.number), members(country, month, self.number, self.told)
        return Fact(id, FIGURES_SOURCE, FIGURES, subject_of(country), self.made_at, data)


def blank(at: datetime) -> Edition:
    """What is told of a month in which nobody was counted when its figures were made."""
    return Edition(1, dict.fromkeys(Measure, Told()), at)


def places(agreement: Agreement, programme: Programme, last: date) -> list[Place]:
    """Of which an agreement's figures are, up to the last month: whole months within it."""
    homes = {programme.offices[each.to_office].country for each in programme.corridors.values()}
    countries = sorted(agreement.terms.countries or homes)
    months = whole_months(agreement.valid_from, agreement.valid_until, last)
    return [(country, month) for month in months for country in countries]


async def tally(connection: AsyncConnection, changed: Mapping[Cell, int]) -> None:
    """Add to the counts, in one order, or two replicas would wait for each other."""
    cells = sorted(changed)
    await run(
        connection,
        """INSERT INTO figure (country, month, measure, age_group, count)
           SELECT * FROM unnest(CAST(:countries AS text[]), CAST(:months AS date[]), CAST(:measures AS text[]),
                                CAST(:age_groups AS text[]), CAST(:counts AS bigint[]))
           ON CONFLICT (country, month, measure, age_group) DO UPDATE SET count = figure.count + excluded.count""",
        countries=[cell.country for cell in cells],
        months=[cell.month for cell in cells],
        measures=[cell.measure.value for cell in cells],
        age_groups=[cell.age_group.value for cell in cells],
        counts=[changed[cell] for cell in cells],
    )


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Until the transaction ends nobody else makes editions or tells of them; who reads doesn't wait."""
    await run(connection, "LOCK TABLE figure_edition IN SHARE ROW EXCLUSIVE MODE")


async def issued(connection: AsyncConnection) -> date | None:
    """The last month whose figures were made."""
    found: date | None = await scalar(connection, "SELECT max(month) FROM figure_issue")
    return found


async def issue(connection: AsyncConnection, month: date, at: datetime) -> None:
    """Make the editions of this month and all before it, where there is something new to tell. Once for each month."""
    await one_at_a_time(connection)
    if not await run(connection, "INSERT INTO figure_issue VALUES (:month, :at) ON CONFLICT DO NOTHING",
                     month=month, at=at):  # fmt: skip
        return
    before = await editions(connection, month)
    made = []
    for place, counts in (await _counts(connection, month)).items():
        earlier = before.get(place, [])
        now = _next(counts, earlier)
        if not earlier or now != earlier[-1].told:
            made.append((place, Edition(len(earlier) + 1, now, at)))
    await keep(connection, made)


def _next(counts: Mapping[Measure, Mapping[AgeGroup, int]], earlier: Sequence[Edition]) -> dict[Measure, Told]:
    return {measure: told(counts.get(measure, {}), [each.told[measure] for each in earlier]) for measure in Measure}


async def keep(connection: AsyncConnection, made: Iterable[tuple[Place, Edition]]) -> None:
    """Keep new editions; who calls is the only one who does."""
    records = [
        {
            "country": country,
            "month": month,
            "edition": edition.number,
            "told": {measure.value: astuple(told) for measure, told in edition.told.items()},
            "made_at": edition.made_at,
        }
        for (country, month), edition in made
    ]
    if records:
        await run(
            connection,
            """INSERT INTO figure_edition SELECT * FROM jsonb_populate_recordset(
                   NULL::figure_edition, CAST(CAST(:rows AS text) AS jsonb))""",
            rows=orjson.dumps(records).decode(),
        )


async def editions(
    connection: AsyncConnection, upto: date, countries: Iterable[str] | None = None
) -> dict[Place, list[Edition]]:
    """By place all editions up to a month, the first of each first; of these countries, or of all."""
    found = await rows(
        connection,
        """SELECT * FROM figure_edition WHERE month <= :upto
             AND (CAST(:countries AS text[]) IS NULL OR country = ANY(:countries)) ORDER BY edition""",
        upto=upto,
        countries=None if countries is None else list(countries),
    )
    by_place: dict[Place, list[Edition]] = {}
    for row in found:
        # A measure that is newer than the edition wasn't told.
        numbers = {measure: Told(*row.told.get(measure.value, ())) for measure in Measure}
        by_place.setdefault((row.country, row.month), []).append(Edition(row.edition, numbers, row.made_at))
    return by_place


async def _counts(connection: AsyncConnection, upto: date) -> dict[Place, dict[Measure, dict[AgeGroup, int]]]:
    # What a newer build counts besides is told by that one.
    statement = """SELECT country, month, measure, age_group, count FROM figure
                   WHERE month <= :upto AND measure = ANY(:measures)"""
    by_place: dict[Place, dict[Measure, dict[AgeGroup, int]]] = {}
    for row in await rows(connection, statement, upto=upto, measures=list(Measure)):
        of_place = by_place.setdefault((row.country, row.month), {})
        of_place.setdefault(Measure(row.measure), {})[AgeGroup(row.age_group)] = row.count
    return by_place


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to which edition of a month a subscription was told, and under which number of the country's events."""

    edition: int
    sequence: int


async def reached(connection: AsyncConnection, subscription: UUID) -> dict[Place, Reached]:
    """What a subscription was told."""
    statement = "SELECT country, month, edition, sequence FROM figure_told WHERE subscription_id = :id"
    found = await rows(connection, statement, id=subscription)
    return {(row.country, row.month): Reached(row.edition, row.sequence) for row in found}


async def reach(connection: AsyncConnection, subscription: UUID, told: Mapping[Place, Reached]) -> None:
    """Keep what a subscription was told."""
    await run(
        connection,
        """INSERT INTO figure_told (subscription_id, country, month, edition, sequence)
           SELECT :id, * FROM unnest(CAST(:countries AS text[]), CAST(:months AS date[]), CAST(:editions AS int[]),
                                     CAST(:sequences AS bigint[]))
           ON CONFLICT (subscription_id, country, month)
           DO UPDATE SET edition = excluded.edition, sequence = excluded.sequence""",
        id=subscription,
        countries=[country for country, _ in told],
        months=[month for _, month in told],
        editions=[each.edition for each in told.values()],
        sequences=[each.sequence for each in told.values()],
    )
