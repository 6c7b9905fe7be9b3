"""Registration by list: the good rows are taken, every other is named with its reasons, and nothing is taken twice."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.screening import repository
from services.screening.domain.case import Case
from services.screening.domain.household import Household, accompany
from services.screening.domain.vocabulary import HouseholdRole
from services.screening.repository import Listed, Unit
from services.screening.usecases.listing import Listing, Row
from services.screening.usecases.registration import (
    Newcomer,
    answer,
    check,
    enrol,
    entry,
    found_household,
    lock,
    suspect,
)


async def register_list(uow: Unit, office: str, listing: Listing) -> dict[str, Any]:
    """Register the people of a list who are not registered yet."""
    check(uow, office, [])
    # A copy: the whole command may be tried again.
    listing = Listing([replace(row, reasons=[*row.reasons]) for row in listing.rows], listing.ignored_columns)
    for row in listing.rows:
        _look_closer(row, uow)
    _name_repeated(listing.rows)
    good = [(row, row.newcomer) for row in listing.rows if row.newcomer and not row.reasons]
    people = [newcomer for _, newcomer in good]
    await lock(uow, office, people)
    known = await repository.listed(uow.connection, office, [entry(each) for each in people])
    _refuse_other_people(uow, good, known)
    new = [(row, each) for row, each in good if not row.reasons and entry(each) not in known]
    old = [(row, known[entry(each)]) for row, each in good if not row.reasons and entry(each) in known]
    cases = await _register(uow, office, new, old, listing.rows)
    return _report(listing, cases, old)


def _look_closer(row: Row, uow: Unit) -> None:
    if row.newcomer is None:
        return
    identity, today = row.newcomer.identity, uow.clock.today()
    row.reasons += identity.faults(today)
    if row.newcomer.unaccompanied and not identity.is_child(today):
        row.reasons.append("unaccompanied is yes, but the person is not under 18")


def _name_repeated(rows: Iterable[Row]) -> None:
    """Two rows that can't be told apart are one person or a mistake: a person has to look."""
    first: dict[str, int] = {}
    for row in rows:
        if row.newcomer is None or row.reasons:
            continue
        above = first.setdefault(entry(row.newcomer), row.number)
        if above == row.number:
            continue
        if row.newcomer.list_reference:
            row.reasons.append(f"list_reference is that of row {above}")
        else:
            row.reasons.append(f"says the same as row {above}; if these are two people, give each a list_reference")


def _refuse_other_people(uow: Unit, good: Iterable[tuple[Row, Newcomer]], known: dict[str, Listed]) -> None:
    for row, newcomer in good:
        there = known.get(entry(newcomer))
        if there is not None and there.fingerprint != uow.blind(newcomer.identity.fingerprint()):
            row.reasons.append(f"list_reference is that of another person, case {there.case.reference}")


async def _register(
    uow: Unit, office: str, new: Sequence[tuple[Row, Newcomer]], old: Sequence[tuple[Row, Listed]], rows: Iterable[Row]
) -> dict[int, Case]:
    labels = {row.household for row, _ in new} - {None}
    before = [(row.household, there.case.household_id) for row, there in old]
    homes = {label: home for label, home in before if label in labels and home}
    enrolled = await enrol(uow, office, [each for _, each in new], listed=True)
    suspicions = await suspect(uow, enrolled, homes.values())
    cases = {row.number: case for (row, _), case in zip(new, enrolled, strict=True)}
    households = [
        _settle(uow, office, label, homes.get(label), [(row, cases.get(row.number)) for row in rows])
        for label in sorted(label for label in labels if label)
    ]
    uow.record(*(case.registered() for case in enrolled), *(each.changed() for each in households), *suspicions)
    for household in households:
        uow.record(*accompany([uow.cases.get(member) for member in household.members], uow.clock.now()))
    return cases


def _settle(
    uow: Unit, office: str, label: str, home: UUID | None, rows: Iterable[tuple[Row, Case | None]]
) -> Household:
    """Put the new cases of one family into its household."""
    joining = [case for row, case in rows if row.household == label and case is not None]
    existing = uow.households.get(home) if home else None
    before = [uow.cases.get(member) for member in existing.members] if existing else []
    _give_roles(before, joining)
    if existing is None:
        return found_household(uow, office, joining)
    existing.join(joining)
    return existing


def _give_roles(before: Iterable[Case], joining: Iterable[Case]) -> None:
    headed = any(case.role is HouseholdRole.HEAD for case in (*before, *joining))
    for case in joining:
        if case.role is not None:
            continue
        if case.identity.is_child(case.registered_at.date()):
            case.role = HouseholdRole.CHILD
        else:
            case.role = HouseholdRole.OTHER if headed else HouseholdRole.HEAD
            headed = True


def _report(listing: Listing, cases: dict[int, Case], old: Sequence[tuple[Row, Listed]]) -> dict[str, Any]:
    registered = [{"row": number, "household_id": case.household_id, **answer(case)} for number, case in cases.items()]
    unchanged = [
        {"row": row.number, "household_id": there.case.household_id, **answer(there.case)} for row, there in old
    ]
    return {
        "rows": len(listing.rows),
        "registered": len(registered),
        "unchanged": len(unchanged),
        "rejected": [{"row": row.number, "reasons": row.reasons} for row in listing.rows if row.reasons],
        "cases": sorted(registered + unchanged, key=lambda each: each["row"]),
        "ignored_columns": listing.ignored_columns,
    }
