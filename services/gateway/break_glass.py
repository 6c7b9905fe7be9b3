"""Emergency accesses: opened by who needs one, ended early, and shown to services as a token of two minutes."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.gateway import emergencies
from services.gateway.emergencies import Emergency
from services.gateway.passes import NoSigningKey
from services.gateway.repository import find_case
from services.gateway.settings import Settings
from shared.audit.trail import Deed
from shared.auth.break_glass import Opening
from shared.auth.keys import load_or_generate_key
from shared.auth.permissions import Permission
from shared.auth.principal import Principal, emergency_principal
from shared.auth.purposes import Purpose
from shared.auth.tokens import Signer
from shared.errors import Forbidden, NotFound
from shared.ids import new_id
from shared.web.access import check, require
from shared.web.bodies import Body, Name
from shared.web.commands import Desk, action_of
from shared.web.emergency import OtherFile

router = APIRouter(prefix="/api/break-glass", tags=["break-glass"])

InNeed = Annotated[Principal, Depends(require(Permission.BREAK_GLASS_OPEN))]
Ending = Annotated[Principal, Depends(require(Permission.BREAK_GLASS_END))]

log = structlog.get_logger()


class NotOpened(Forbidden):
    """No emergency access of yours is open for this case: open one with a reason by POST /api/break-glass."""


class Need(Body):
    """Which case's file is needed, why, and for how long."""

    #: Its id or reference.
    case: Name
    reason: str = Field(min_length=10, max_length=1000)
    minutes: int = Field(default=30, ge=1, le=60)


class Opened(BaseModel):
    """From now on ``Purpose: break-glass`` reads this case's file."""

    id: UUID
    case_id: UUID
    until: datetime


def signer_of(settings: Settings) -> Signer | None:
    """What signs emergency accesses, when the settings name a key."""
    return Signer(load_or_generate_key(settings.private_key)) if settings.private_key else None


# The name is what the audit has as the action.
@router.post("", status_code=201, name="break-glass")
async def open_emergency(request: Request, principal: InNeed, need: Need) -> Opened:
    """Open one case's file for oneself, of whatever office; data protection is told."""
    _signer(request)
    desk: Desk = request.app.state.desk
    # Not under the caller's sight: in an emergency the case may be any office's.
    async with desk.database.transaction() as connection:
        case = await find_case(connection, _id_or_reference(need.case))
        if case is None or case.screening.office is None:
            raise NotFound("There is no such case.")
        emergency = _emergency(principal, need, case.id, case.screening.office)
        await emergencies.add(connection, emergency)
        deed = Deed(principal, action_of(request), Purpose.BREAK_GLASS, emergencies.subjects([emergency]))
        await desk.trail.append(connection, deed)
    _tell(emergency)
    return Opened(id=emergency.id, case_id=emergency.case_id, until=emergency.until)


@router.post("/{id}/revocation", status_code=204)
async def revoke_break_glass(request: Request, principal: Ending, id: UUID) -> Response:
    """End an emergency access before its time: one's own, or another's as data protection."""
    desk: Desk = request.app.state.desk
    async with desk.database.transaction() as connection:
        found = await emergencies.find(connection, id)
        if found is None or not _may_end(principal, found):
            raise NotFound("There is no such emergency access, or it is none that you may end.")
        await emergencies.revoke(connection, id, principal.id)
        deed = Deed(principal, action_of(request), Purpose.BREAK_GLASS, emergencies.subjects([found]))
        await desk.trail.append(connection, deed)
    return Response(status_code=204)


async def in_emergency(request: Request, principal: Principal, case_id: UUID | None) -> Principal:
    """As whom services are asked for this case's file. Raises OtherFile and NotOpened."""
    check(principal, Permission.BREAK_GLASS_OPEN)
    if case_id is None:
        raise OtherFile
    async with request.app.state.service.database.transaction() as connection:
        found = await emergencies.current(connection, principal.id, case_id)
    if found is None:
        raise NotOpened
    opening = Opening(found.case_id, found.office, int(found.until.timestamp()), found.id)
    return emergency_principal(principal.id, principal.name, opening)


def _signer(request: Request) -> Signer:
    found: Signer | None = request.app.state.signer
    if found is None:
        raise NoSigningKey
    return found


def _emergency(principal: Principal, need: Need, case_id: UUID, office: str) -> Emergency:
    now = emergencies.now()
    return Emergency(
        id=new_id(),
        case_id=case_id,
        office=office,
        actor=principal.id,
        name=principal.name,
        reason=need.reason,
        opened_at=now,
        until=now + timedelta(minutes=need.minutes),
    )


def _tell(emergency: Emergency) -> None:
    """To those who watch the suite: ids alone, the reason may name somebody."""
    told = emergency.model_dump(mode="json", include={"id", "case_id", "office", "actor", "until"})
    log.warning("break-glass opened", **told)


def _may_end(principal: Principal, emergency: Emergency) -> bool:
    told = principal.may(Permission.NOTICES_READ) and principal.sees(emergency.office)
    return told or emergency.actor == principal.id


def _id_or_reference(case: str) -> UUID | str:
    try:
        return UUID(case)
    except ValueError:
        return case.upper()
