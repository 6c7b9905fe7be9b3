"""What is counted of cases, for donors: how many persons of a country have reached what in which month.

A case remembers the month in which its person reached each thing first, so that a correction can take it back. The
counts are kept apart from cases, and stay when a person is erased: then nothing leads from the one to the other.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from services.partners.domain.fact import Case
from services.partners.domain.suppression import Told
from services.partners.domain.vocabulary import AgeGroup, Measure

#: One month of one country, as an agency is told of it. Its source isn't that of tombstones, which are told always.
FIGURES, FIGURES_SOURCE = "org.homeward.partners.figures.v1", "/homeward/partners/figures"
#: Days that a month is given after its end: what was done offline or recorded late is mostly there by then.
GRACE = timedelta(days=5)
#: Of a measure the member with its parts.
BY_AGE = "_by_age_group"
#: Without these nobody knows what the numbers are of.
FRAME = frozenset({"country_of_origin", "month", "edition"})
MEMBERS = FRAME | {f"{each}{part}" for each in Measure for part in ("", BY_AGE)}

_SPACE = UUID("0f1a9a3e-6f0c-5d0e-9a43-7d3a1d0f6b52")


class Cell(NamedTuple):
    """What is counted together."""

    country: str
    #: Its first day.
    month: date
    measure: Measure
    age_group: AgeGroup


def cells(case: Case) -> frozenset[Cell]:
    """Where the case counts. A duplicate's person counts by the other case alone."""
    if case.country_of_origin is None or case.age_group is None or case.gone:
        return frozenset()
    country, age_group = case.country_of_origin, case.age_group
    return frozenset(Cell(country, month, measure, age_group) for measure, month in case.reached.items())


def subject_of(country: str) -> UUID:
    """Under which a country's figures are known here."""
    return uuid5(_SPACE, country)


def edition_id(country: str, month: date, edition: int) -> UUID:
    """Under which one edition is known here."""
    return uuid5(_SPACE, f"{country} {month} {edition}")


def members(country: str, month: date, edition: int, told: Mapping[Measure, Told]) -> dict[str, object]:
    """The data of one edition with all its members: the agreement says which of them leave."""
    found: dict[str, object] = {"country_of_origin": country, "month": f"{month:%Y-%m}", "edition": edition}
    for measure in Measure:
        of = told[measure]
        found[measure.value] = cell(of.all)
        found[f"{measure}{BY_AGE}"] = {
            AgeGroup.ADULT.value: cell(of.adults),
            "CHD_INF": cell(of.under_twelve),
            AgeGroup.CHILD.value: cell(of.children),
            AgeGroup.INFANT.value: cell(of.infants),
        }
    return found


def cell(count: int | None) -> dict[str, object]:
    """One number, or that there is none."""
    return {"count": count, "suppressed": count is None}


def last_settled(today: date) -> date:
    """The first day of the last month whose figures may be told."""
    return _before((today - GRACE).replace(day=1))


def whole_months(start: date, end: date, last: date) -> Iterator[date]:
    """The first days of the months that are within these days as a whole, up to ``last``."""
    month = start if start.day == 1 else _after(start)
    while month <= last and _after(month) - timedelta(days=1) <= end:
        yield month
        month = _after(month)


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
