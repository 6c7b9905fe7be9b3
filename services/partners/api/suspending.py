"""Suspending an agency: nothing leaves to it, what happens is kept, and a second person has it go on."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.partners.api.queues import wake
from services.partners.domain.access import Suspension
from services.partners.domain.rules import NotSuspended, SuspendedAlready
from services.partners.repository import Unit
from services.partners.suspensions import resume, suspension, suspensions
from shared.auth.permissions import Permission
from shared.ids import new_id
from shared.web.bodies import Body
from shared.web.commands import Command, command

router = APIRouter(tags=["agencies"])

Suspender = Annotated[Command[Unit], Depends(command(Permission.AGENCIES_SUSPEND))]
Resumer = Annotated[Command[Unit], Depends(command(Permission.AGENCIES_OPEN))]


class SuspensionReason(Body):
    """Why; the agency isn't told."""

    reason: Annotated[str, Field(min_length=3, max_length=1000, pattern=r"^[^\x00]+$")]


class AgencyState(BaseModel):
    """The agency after a command."""

    agency_id: UUID
    suspended: bool


@router.post("/agencies/{agency_id}/suspend")
async def suspend_agency(agency_id: UUID, body: SuspensionReason, command: Suspender) -> AgencyState:
    """Let nothing leave to the agency from now on: keys refuse, calls stop, its queues and connections are gone."""

    async def suspend(uow: Unit) -> dict[str, Any]:
        if await _suspended(uow, agency_id):
            raise SuspendedAlready
        made = Suspension(body.reason, uow.actor, uow.clock.now())
        uow.insert("agency_suspension", suspension(new_id(), agency_id, made))
        return {"agency_id": agency_id, "suspended": True}

    return await _changed(command, suspend)


@router.post("/agencies/{agency_id}/resume")
async def resume_agency(agency_id: UUID, command: Resumer) -> AgencyState:
    """Let everything leave that was kept, if somebody else has suspended the agency."""

    async def go_on(uow: Unit) -> dict[str, Any]:
        found = await _suspended(uow, agency_id)
        if found is None:
            raise NotSuspended
        found.check_resumption(uow.actor)
        uow.write(lambda connection: resume(connection, agency_id, uow.actor, uow.clock.now()))
        return {"agency_id": agency_id, "suspended": False}

    return await _changed(command, go_on)


async def _suspended(uow: Unit, agency_id: UUID) -> Suspension | None:
    """How the agency stands, which nobody else changes meanwhile. Raises NotFound."""
    await uow.load(agencies=[agency_id])
    uow.agencies.get(agency_id)
    uow.agreed_anew = True
    return (await suspensions(uow.connection, [agency_id])).get(agency_id)


async def _changed(command: Command[Unit], change: Any) -> AgencyState:
    changed = AgencyState.model_validate(await command.run(change))
    state = command.request.app.state
    # Before it is answered: rounds of this process stop. Those of another one do within a second.
    await state.sender.refresh()
    state.sender.wake()
    wake(command.request)
    return changed
