"""Who a person is was recorded wrongly."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.screening import repository
from services.screening.domain.case import Case
from services.screening.domain.identity import Identity
from services.screening.repository import Unit
from services.screening.usecases import registration
from services.screening.usecases.households import see_who_is_accompanied
from shared.errors import NotFound
from shared.persistence.store import LostRace
from shared.protection.vault import Erased


async def correct_identity(uow: Unit, case_id: UUID, changes: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Put these members right, keep what they were, and look again for cases of the same person."""
    found = await repository.cases_of(uow.connection, [case_id])
    if not found:
        raise NotFound(f"There is no case {case_id}.")
    [before] = found
    if before.erased_on is not None:
        raise Erased(f"What was held of this person was destroyed on {before.erased_on}.")
    identity = Identity(**{**vars(before.identity), **changes})
    registration.check(uow, before.office, [identity])
    identity = registration.with_full_phone(identity, uow.programme.offices[before.office].country)
    await repository.register_alone(uow.connection, identity.likeness_keys())
    await _lock(uow, before, identity)
    case = uow.cases.get(case_id)
    if (case.identity, case.household_id) != (before.identity, before.household_id):
        raise LostRace("the case has changed between the look-up and the lock")
    uow.record(*case.correct(identity, reason, at=uow.clock.now(), by=uow.actor))
    await uow.find_anew(case)
    uow.record(*await registration.suspect(uow, [case]))
    if case.household_id:
        see_who_is_accompanied(uow, [case.household_id])
    return {
        "case_id": case_id,
        "corrections": len(case.corrections),
        "suspected_duplicates": [each.other_case_id for each in case.open_suspicions],
    }


async def _lock(uow: Unit, case: Case, identity: Identity) -> None:
    """Load the case, its household and whoever is like the person at once, as the lock order asks."""
    async with uow.across_offices():
        alike = {id for _, id in await repository.known_by(uow.connection, identity.likeness_keys())}
        await uow.load(households=[case.household_id] if case.household_id else [], cases={case.id, *alike})
    await uow.see(cases=[case.id])
