"""The page of notices to data protection."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway import emergencies
from services.gateway.console.rendering import HEADERS, ConsoleRoute, page
from services.gateway.emergencies import Emergency
from services.gateway.notices import Acknowledging, acknowledge
from shared.audit.trail import Deed
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.persistence.offices import seen_by, sight_of
from shared.web.access import require
from shared.web.commands import PERSONAL, Desk

router = APIRouter(prefix="/notices", route_class=ConsoleRoute)

Told = Annotated[Principal, Depends(require(Permission.NOTICES_READ))]

NOTICES = 200


async def told(request: Request, principal: Told) -> list[Emergency]:
    """The notices; it is an entry in the audit that they are read, as by the API."""
    desk: Desk = request.app.state.desk
    async with seen_by(sight_of(principal, desk.programme), desk.database) as connection:
        found = await emergencies.latest(connection, NOTICES)
        deed = Deed(principal, "list_notices", Purpose.SUPERVISION, emergencies.subjects(found))
        await desk.trail.append(connection, deed)
    return found


setattr(told, PERSONAL, True)


@router.get("")
async def notices(request: Request, principal: Told, found: Annotated[list[Emergency], Depends(told)]) -> Response:
    """Who has opened whose file in an emergency."""
    return page("notices.html", request, principal, notices=found)


@router.post("/{id}/acknowledgement")
async def acknowledge_on_page(request: Request, principal: Acknowledging, id: UUID) -> Response:
    """And back to the page."""
    await acknowledge(request, principal, id)
    return RedirectResponse("/notices", 303, HEADERS)
