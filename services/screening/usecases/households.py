"""Who belongs together, and who turns out to be the same person."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.screening import repository
from services.screening.domain import duplicates
from services.screening.domain.duplicates import Decision, Merger
from services.screening.domain.household import accompany
from services.screening.domain.rules import ElsewhereToo, NotSuspected
from services.screening.repository import Unit
from services.screening.usecases.registration import found_household
from shared.ids import new_id


async def split_household(uow: Unit, household_id: UUID, leaving: list[UUID], reason: str) -> dict[str, Any]:
    """Let members go who decide otherwise than the rest; several who leave together stay together."""
    await uow.load(households=[household_id])
    household = uow.households.get(household_id)
    # One of them may go on under another office's case.
    await uow.see(cases=leaving)
    household.split(leaving, reason=reason, at=uow.clock.now(), by=uow.actor)
    gone = [uow.cases.get(case_id) for case_id in leaving]
    for case in gone:
        case.household_id = None
        case.left.append(household_id)
    new = found_household(uow, household.office, gone) if len(gone) > 1 else None
    uow.record(household.changed(), *([new.changed()] if new else []))
    uow.record(*accompany(gone, uow.clock.now()))
    see_who_is_accompanied(uow, [household_id])
    return {
        "household_id": household_id,
        "case_ids": household.members,
        "new_household_id": new.id if new else None,
    }


async def decide_duplicate(
    uow: Unit, case_id: UUID, other_id: UUID, *, same_person: bool, reason: str
) -> dict[str, Any]:
    """Decide a suspected duplicate: of one person the elder case goes on, and the younger ends."""
    # Whoever sees one of the two hears that there is another; who decides sees both.
    async with uow.across_offices():
        survivors = await repository.surviving(uow.connection, [case_id, other_id])
        people = await repository.of_the_same_people(uow.connection, [case_id, other_id, *survivors.values()])
        await uow.load(
            households={row.household_id for row in people} - {None},
            cases={case_id, other_id, *(row.id for row in people)},
        )
    await uow.see(cases=[case_id])
    get = uow.cases.get
    first, second = (duplicates.goes_on_as(get(each), get) for each in (case_id, other_id))
    try:
        alike = duplicates.pair(first, second, uow.cases)
    except NotSuspected:
        # To who doesn't see it, a case that isn't suspected is no case.
        await uow.see(cases=[other_id])
        get(other_id)
        raise
    await see_all(uow, {case_id, other_id, first.id, second.id})
    duplicates.check_eyes(alike, uow.cases, uow.actor)
    decision = Decision(same_person, reason, uow.clock.now(), uow.actor)
    if not same_person:
        uow.record(*duplicates.different_people(alike, decision))
        return {"case_id": case_id, "merged_into": None}
    events, merger = duplicates.same_person(alike, decision, uow.cases, new_id=new_id)
    uow.record(*events)
    if merger is not None:
        _leave_household(uow, merger)
    return {"case_id": case_id, "merged_into": merger.kept.id if merger else None}


async def see_all(uow: Unit, case_ids: Iterable[UUID]) -> None:
    """Raise ElsewhereToo unless the caller sees all of these loaded cases."""
    wanted = set(case_ids)
    await uow.see(cases=wanted)
    if any(uow.cases.find(each) is None for each in wanted):
        raise ElsewhereToo


def _leave_household(uow: Unit, merger: Merger) -> None:
    # The person goes on under the other case, and is to be found there by this one's papers and spelling too.
    uow.find_by(merger.kept.id, merger.ended.identity.likeness_keys())
    if merger.ended.household_id is None:
        return
    household = uow.households.get(merger.ended.household_id)
    household.replace(merger.ended, merger.kept)
    merger.ended.household_id = None
    uow.record(household.changed())
    see_who_is_accompanied(uow, [household.id])


def see_who_is_accompanied(uow: Unit, household_ids: Iterable[UUID]) -> None:
    """See anew who of these loaded households is a child with a parent among them."""
    for household_id in household_ids:
        members = [uow.cases.get(member) for member in uow.households.get(household_id).members]
        uow.record(*accompany(members, uow.clock.now()))
