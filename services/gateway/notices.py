"""Notices of emergency accesses, for those who look after people's data."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from services.gateway import emergencies
from services.gateway.emergencies import Emergency
from shared.audit.trail import Deed
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.errors import NotFound, RuleBroken
from shared.web.access import require
from shared.web.commands import Desk, PersonalReading, action_of, personal

router = APIRouter(prefix="/api/notices", tags=["break-glass"])

Told = Annotated[PersonalReading, personal(Permission.NOTICES_READ)]
Acknowledging = Annotated[Principal, Depends(require(Permission.NOTICES_ACKNOWLEDGE))]


class OwnEmergency(RuleBroken):
    """Somebody else acknowledges the notice of an emergency access than who has opened it."""


class Notices(BaseModel):
    """Those that nobody has acknowledged first, then the newest."""

    notices: list[Emergency]


@router.get("")
async def list_notices(reading: Told, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Notices:
    """Who has opened whose file in an emergency, why and until when."""
    found = await emergencies.latest(reading.connection, limit)
    reading.disclose([], None)
    for office, case_ids in emergencies.subjects(found).items():
        reading.disclose(case_ids, office)
    return Notices(notices=found)


@router.post("/{id}/acknowledgement", status_code=204)
async def acknowledge_notice(request: Request, principal: Acknowledging, id: UUID) -> Response:
    """Somebody of data protection has looked into it. Raises OwnEmergency."""
    await acknowledge(request, principal, id)
    return Response(status_code=204)


async def acknowledge(request: Request, principal: Principal, id: UUID) -> None:
    """The same, for the console. Raises NotFound and OwnEmergency."""
    desk: Desk = request.app.state.desk
    async with desk.database.transaction() as connection:
        found = await emergencies.find(connection, id)
        if found is None or not principal.sees(found.office):
            raise NotFound("There is no such notice, or it is another office's.")
        if found.actor == principal.id:
            raise OwnEmergency
        await emergencies.acknowledge(connection, id, principal.id)
        deed = Deed(principal, action_of(request), Purpose.SUPERVISION, emergencies.subjects([found]))
        await desk.trail.append(connection, deed)
