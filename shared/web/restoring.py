"""A service whose database was set back: what it is told meanwhile, what it says afterwards, and nothing else."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Unavailable
from shared.web.access import of_every_office, require
from shared.web.bodies import Body, Name, Position
from shared.web.deeds import note
from shared.web.limits import PROBES

log = structlog.get_logger()

#: What is answered all the same, and asked of replicas that aren't ready: whether it is ready and why not, and the
#: reports for which it waits.
ANSWERED = PROBES | {"/health", "/restoration/positions", "/restoration/without"}

router = APIRouter(prefix="/restoration", tags=["internal"], dependencies=[Depends(of_every_office)])

Following = Annotated[Principal, Depends(require(Permission.EVENTS_FOLLOW))]
Verifying = Annotated[Principal, Depends(require(Permission.EVENTS_VERIFY))]
Admin = Annotated[Principal, Depends(require(Permission.REPAIR_DECIDE))]


class Restoring(Unavailable):
    """The database was set back to an earlier moment, and the others have not all said yet what they have of it."""


class Restorations:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, under_way: Callable[[], bool]) -> None:
        self.app, self._under_way = app, under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._under_way() and scope["path"] not in ANSWERED:
            raise Restoring(retry_after=2)
        await self.app(scope, receive, send)


class Reached(Body):
    """A page of what a follower has: pairs of a subject and the highest number; ``whole``: it is the last page."""

    positions: list[tuple[Name, Position]] = Field(max_length=5000)
    whole: bool


class Absent(Body):
    """A follower that will never report, and why."""

    follower: Name
    reason: Annotated[str, Field(min_length=5, max_length=500)]


@router.post("/positions")
async def reached(request: Request, follower: Following, body: Reached) -> dict[str, bool]:
    """How far a follower is, told while this service waits for it. Who has more than there is shows that it should."""
    name = follower.id.removeprefix("service:")
    return {"waiting": await request.app.state.service.restoration.take(name, body.positions, whole=body.whole)}


@router.post("/without")
async def go_on_without(request: Request, principal: Admin, body: Absent) -> dict[str, str]:
    """Go on without a follower's report: what only that one has handled of the lost time is not found out."""
    await note(request, principal)
    await request.app.state.service.restoration.do_without(body.follower)
    log.warning("goes on without a follower's report", follower=body.follower, by=principal.id, reason=body.reason)
    return {"without": body.follower}


@router.get("/lost")
async def lost(
    request: Request,
    _: Verifying,
    after: Name = "",
    number: Position = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """Which numbers of which subjects are lost, because the database was set back, and must be entered again.

    By subject and number; ``next`` has what the next page is asked with, when there may be one.
    """
    found = await request.app.state.service.restoration.lost((after, number), limit)
    more = {"after": found[-1].subject, "number": found[-1].lost_from} if len(found) == limit else None
    return {"lost": [asdict(each) for each in found], "next": more}
