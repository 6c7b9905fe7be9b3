"""The right to be forgotten: requested, approved by somebody else, or due by the retention schedule."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.screening import repository
from services.screening.domain.records import ErasureRequest
from services.screening.domain.vocabulary import Ground
from services.screening.repository import Unit
from services.screening.usecases.households import see_all
from shared.policy import Policy


async def request_erasure(uow: Unit, case_id: UUID, ground: Ground, reason: str) -> dict[str, Any]:
    """Ask for the erasure of a person whose case has ended."""
    await uow.load(cases=[case_id])
    case = uow.cases.get(case_id)
    case.request_erasure(ErasureRequest(ground, reason, uow.clock.now(), uow.actor))
    return {"case_id": case_id, "requested_at": uow.clock.now()}


async def approve_erasure(uow: Unit, case_id: UUID) -> dict[str, Any]:
    """Erase the person, in all of the person's cases, as somebody else than who has asked for it."""
    cases = await uow.load_person(case_id)
    uow.cases.get(case_id).approve_erasure(by=uow.actor)
    await see_all(uow, [case.id for case in cases])
    for case in cases:
        case.check_ended()
    await uow.erase(uow.cases.get(case_id).person_id)
    return {"case_id": case_id, "erased_on": uow.clock.today(), "case_ids": [case.id for case in cases]}


async def erase_due(uow: Unit, case_id: UUID) -> None:
    """The retention schedule says that the person's data are no longer needed."""
    cases = await uow.load_person(case_id)
    limit = uow.clock.today() - uow.programme.retention.after_end
    if cases and all(case.ended_on is not None and case.ended_on <= limit for case in cases):
        await uow.erase(cases[0].person_id)


async def due(connection: AsyncConnection, now: datetime, limit: int, policy: Policy) -> list[UUID]:
    """Cases whose person is due to be erased."""
    day = now.date() - policy.current.retention.after_end
    return [row.id for row in await repository.to_be_erased(connection, day, limit)]
