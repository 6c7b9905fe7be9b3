"""People come in: one, a household, or a list."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import phonenumbers

from services.screening import repository
from services.screening.domain import rules
from services.screening.domain.case import Case
from services.screening.domain.household import Household, accompany
from services.screening.domain.identity import Identity, search_key
from services.screening.domain.vocabulary import HouseholdRole, Likeness, PlaceKind, Status
from services.screening.repository import Unit
from shared.errors import Invalid
from shared.ids import new_id
from shared.persistence.store import LostRace


@dataclass(frozen=True)
class Newcomer:
    """A person to be registered."""

    identity: Identity
    place: str
    place_kind: PlaceKind
    role: HouseholdRole | None = None
    list_reference: str | None = None
    unaccompanied: bool = False


async def register_case(uow: Unit, office: str, newcomer: Newcomer) -> dict[str, Any]:
    """Register one person who comes alone."""
    check(uow, office, [newcomer.identity])
    if newcomer.unaccompanied and not newcomer.identity.is_child(uow.clock.today()):
        raise rules.NotAChild
    await lock(uow, office, [newcomer])
    await _refuse_taken_references(uow, office, [newcomer])
    [case] = await enrol(uow, office, [newcomer])
    uow.record(case.registered(), *await suspect(uow, [case]))
    return {**answer(case), "person_id": case.person_id, "household_id": None}


async def register_household(uow: Unit, office: str, newcomers: Sequence[Newcomer]) -> dict[str, Any]:
    """Register people who travel together."""
    check(uow, office, [newcomer.identity for newcomer in newcomers])
    await lock(uow, office, newcomers)
    await _refuse_taken_references(uow, office, newcomers)
    cases = await enrol(uow, office, newcomers)
    household = found_household(uow, office, cases)
    accompany(cases, uow.clock.now())
    suspicions = await suspect(uow, cases)
    uow.record(*(case.registered() for case in cases), household.changed(), *suspicions)
    return {"household_id": household.id, "cases": [answer(case) for case in cases]}


def check(uow: Unit, office: str, identities: Sequence[Identity]) -> None:
    """Refuse an unknown office and identities that can't be right. Raises Invalid with every fault."""
    if office not in uow.programme.offices:
        raise Invalid("There is no such office.", offices=sorted(uow.programme.offices))
    faults = [
        f"person {number}: {fault}"
        for number, identity in enumerate(identities, 1)
        for fault in identity.faults(uow.clock.today())
    ]
    if faults:
        raise Invalid("; ".join(faults), reasons=faults)


async def lock(uow: Unit, office: str, newcomers: Iterable[Newcomer]) -> None:
    """Let nobody else register the same people meanwhile: of two at once, the second then sees the first."""
    keys = {key for newcomer in newcomers for key in newcomer.identity.likeness_keys()}
    entries = {search_key(office + entry(newcomer)) for newcomer in newcomers}
    await repository.register_alone(uow.connection, keys | entries)


async def enrol(uow: Unit, office: str, newcomers: Sequence[Newcomer], *, listed: bool = False) -> list[Case]:
    """Make a case for each; people of a list are found again by it, with or without a reference."""
    numbers = await repository.next_numbers(uow.connection, len(newcomers))
    region = uow.programme.offices[office].country
    cases = []
    for newcomer, number in zip(newcomers, numbers, strict=True):
        case = Case(
            id=new_id(),
            person_id=new_id(),
            reference=f"{office[:3].upper()}-{number:06d}",
            list_reference=newcomer.list_reference,
            office=office,
            place=newcomer.place,
            place_kind=newcomer.place_kind,
            identity=with_full_phone(newcomer.identity, region),
            registered_at=uow.clock.now(),
            registered_by=uow.actor,
            role=newcomer.role,
        )
        uow.cases.add(case)
        entries = [(entry(newcomer), newcomer.identity.fingerprint())] if listed or newcomer.list_reference else []
        uow.remember(case, entries, {*case.identity.likeness_keys(), *case.search_keys()})
        cases.append(case)
    return cases


def found_household(uow: Unit, office: str, cases: Iterable[Case]) -> Household:
    """Put these cases into a new household."""
    household = Household(new_id(), office)
    household.join(cases)
    uow.households.add(household)
    return household


async def suspect(uow: Unit, cases: Sequence[Case], households: Iterable[UUID] = ()) -> list[object]:
    """Flag new cases that may be of a person who has a case already or is in the same list above, and those others;
    for a case whose identity was corrected, those that were not suspected before.

    All of them are locked at once, and these households before them, as the lock order asks.
    """
    keys = {case.id: case.identity.likeness_keys() for case in cases}
    known: dict[str, list[UUID]] = {}
    wanted = {key for each in keys.values() for key in each}
    # People come to two offices too. Their officers hear of the other case by its id.
    async with uow.across_offices():
        for key, case_id in await repository.known_by(uow.connection, wanted):
            known.setdefault(key, []).append(case_id)
        elder = {case_id for each in known.values() for case_id in each}
        await uow.load(households=households, cases=elder)
    if any(uow.cases.get(case_id).status is Status.MERGED for case_id in elder):
        raise LostRace("a case was merged between the look-up and the lock: its person has another now")
    events: list[object] = []
    for case in cases:
        suspected = {case.id, *(each.other_case_id for each in case.suspicions)}
        for other, likeness in _like(keys[case.id], known, suspected).items():
            events += case.suspect(other, likeness, uow.clock.now())
            events += uow.cases.get(other).suspect(case.id, likeness, uow.clock.now(), of_elder=False)
        for key in keys[case.id]:
            known.setdefault(key, []).append(case.id)
    return events


def _like(keys: dict[str, Likeness], known: dict[str, list[UUID]], but: Collection[UUID]) -> dict[UUID, set[Likeness]]:
    found: dict[UUID, set[Likeness]] = {}
    for key, likeness in keys.items():
        for other in (each for each in known.get(key, ()) if each not in but):
            found.setdefault(other, set()).add(likeness)
    return found


def answer(case: Case) -> dict[str, Any]:
    """What a caller hears of a registered case. It is stored: nothing by which others know the person is in it."""
    return {
        "case_id": case.id,
        "reference": case.reference,
        "suspected_duplicates": [suspicion.other_case_id for suspicion in case.like_elders],
    }


def entry(newcomer: Newcomer) -> str:
    """By what a person is found again in an office's lists: the list's reference, or who the person is."""
    if newcomer.list_reference:
        return f"reference {newcomer.list_reference}"
    return f"person {newcomer.identity.fingerprint()}"


async def _refuse_taken_references(uow: Unit, office: str, newcomers: Sequence[Newcomer]) -> None:
    entries = [entry(newcomer) for newcomer in newcomers if newcomer.list_reference]
    if len(set(entries)) < len(entries) or await repository.listed(uow.connection, office, entries):
        raise rules.ReferenceTaken


def with_full_phone(identity: Identity, region: str) -> Identity:
    return replace(identity, phone=full_phone(identity.phone, region))


def full_phone(phone: str | None, region: str) -> str | None:
    """The number in E.164 (``+218911234567``), or as it was given when it can't be read as one."""
    if not phone or not phone.strip():
        return None
    try:
        return phonenumbers.format_number(phonenumbers.parse(phone, region), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return phone.strip()
