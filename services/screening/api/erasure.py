"""Routes of erasure: what is requested, what falls due, and the four eyes that decide."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.screening import repository
from services.screening.api.models import Note
from services.screening.domain.vocabulary import Ground
from services.screening.repository import Unit
from services.screening.usecases import erasure
from shared.auth.permissions import Permission
from shared.web.bodies import Body
from shared.web.commands import Command, PersonalReading, command, personal

router = APIRouter(tags=["erasure"])

Requesting = Annotated[Command[Unit], Depends(command(Permission.ERASURES_REQUEST))]
Approving = Annotated[Command[Unit], Depends(command(Permission.ERASURES_APPROVE))]
Looking = Annotated[PersonalReading, personal(Permission.ERASURES_READ)]
Limit = Annotated[int, Query(ge=1, le=1000)]


class RequestErasure(Body):
    """On which ground, and why."""

    ground: Ground
    reason: Note


class ErasureRequested(BaseModel):
    """It waits for somebody else's approval."""

    case_id: UUID
    requested_at: datetime


class Erased(BaseModel):
    """All cases of the person, of whom nothing is held any more."""

    case_id: UUID
    erased_on: date
    case_ids: list[UUID]


class Waiting(BaseModel):
    """An erasure that waits for approval."""

    case_id: UUID
    reference: str
    ground: Ground
    requested_at: datetime
    requested_by: str


class Due(BaseModel):
    """A case whose person the retention schedule will erase."""

    case_id: UUID
    reference: str
    ended_on: date
    erased_on: date


class Erasures(BaseModel):
    """What waits for approval, and what the schedule will erase by that day."""

    requested: list[Waiting]
    due: list[Due]


@router.post("/cases/{case_id}/erasure", response_model=ErasureRequested)
async def request_erasure(case_id: UUID, body: RequestErasure, command: Requesting) -> Any:
    """Ask for the erasure of a person whose cases have ended."""
    return await command.run(lambda uow: erasure.request_erasure(uow, case_id, body.ground, body.reason))


@router.post("/cases/{case_id}/erasure/approval", response_model=Erased)
async def approve_erasure(case_id: UUID, command: Approving) -> Any:
    """Erase the person: it can't be undone, and somebody else has to have asked for it."""
    return await command.run(lambda uow: erasure.approve_erasure(uow, case_id))


@router.get("/erasures")
async def show_erasures(reading: Looking, limit: Limit = 200) -> Erasures:
    """What waits for approval, and whom the retention schedule erases within the time that it is reported before."""
    retention, today = reading.programme.retention, reading.clock.today()
    ended_by = today - retention.after_end + retention.reported
    due = await repository.to_be_erased(reading.connection, ended_by, limit)
    requested = await repository.erasures_requested(reading.connection, limit)
    reading.disclose_each((each.id, each.office) for each in (*due, *requested))
    return Erasures(
        requested=[
            Waiting(
                case_id=case.id,
                reference=case.reference,
                ground=case.erasure.ground,
                requested_at=case.erasure.at,
                requested_by=case.erasure.by,
            )
            for case in requested
            if case.erasure
        ],
        due=[
            Due(
                case_id=row.id,
                reference=row.reference,
                ended_on=row.ended_on,
                erased_on=row.ended_on + retention.after_end,
            )
            for row in due
        ],
    )
