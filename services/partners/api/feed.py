"""The pull feed, for agencies with nothing but an HTTP client: what comes after what they have."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from services.partners.delivering import delivered, in_force, kept_after, told_of
from services.partners.domain.agreement import Agreement
from services.partners.domain.subscription import State, Subscription
from services.partners.keys import agency_of
from services.partners.tables import AGREEMENTS, SUBSCRIPTIONS
from shared.audit.trail import Deed
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import NotFound
from shared.persistence.database import run
from shared.web.access import require
from shared.web.bodies import Position
from shared.web.commands import Desk, action_of

router = APIRouter(tags=["feed"])

Receiver = Annotated[Principal, Depends(require(Permission.EVENTS_RECEIVE))]

#: Seconds that a poll may wait for something to come.
LONGEST_WAIT = 30.0


class Feed(BaseModel):
    """Events in CloudEvents' JSON format, in order, and ``next``: ask for what comes after it once you have these.

    Whoever asks for what comes after a number says that it has everything up to there.
    """

    events: list[dict[str, Any]]
    next: int


@router.get("/feed")
async def feed(
    request: Request,
    principal: Receiver,
    subscription: UUID,
    after: Position = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
) -> Feed:
    """The events after a number; with ``wait``, up to so many seconds until there is one."""
    arrived = request.app.state.arrivals.next(subscription)
    found = await _look(request, principal, subscription, after, limit)
    if not found.events and wait:
        try:
            async with asyncio.timeout(wait):
                await arrived.wait()
        except TimeoutError:
            return found
        found = await _look(request, principal, subscription, after, limit)
    return found


async def _look(request: Request, principal: Principal, id: UUID, after: int, limit: int) -> Feed:
    """Acknowledges what was had, in a transaction that is over before screening is asked."""
    desk: Desk = request.app.state.desk
    service = request.app.state.service
    async with desk.database.transaction() as connection:
        subscription, agreement = await _standing(connection, id, principal)
        await _acknowledge(connection, id, after)
        waiting = await kept_after(connection, id, after, limit) if subscription.state is not State.PAUSED else []
    events = await delivered(
        waiting,
        agreement,
        in_force=in_force(agreement, subscription, desk.clock.today()),
        names=request.app.state.names,
        base=service.settings.public_url.rstrip("/"),
    )
    if told := told_of(waiting, agreement):
        async with desk.database.transaction() as connection:
            await desk.trail.append(connection, Deed(principal, action_of(request), None, {None: told}))
    return Feed(events=events, next=waiting[-1].position if waiting else after)


async def _standing(connection: Any, id: UUID, principal: Principal) -> tuple[Subscription, Agreement]:
    found = await SUBSCRIPTIONS.find(connection, "id = :id AND agency_id = :agency", id=id, agency=agency_of(principal))
    if not found:
        raise NotFound(f"There is no subscription {id}.")
    [agreement] = await AGREEMENTS.find(connection, "id = :id", id=found[0].agreement_id)
    return found[0], agreement


async def _acknowledge(connection: Any, id: UUID, position: int) -> None:
    await run(
        connection,
        """UPDATE subscription_head
           SET asked_at = now(), acknowledged = greatest(acknowledged, least(:position, position))
           WHERE subscription_id = :id""",
        id=id,
        position=position,
    )
    await run(
        connection,
        """UPDATE delivery SET acknowledged_at = now() WHERE subscription_id = :id AND position <= :position
           AND due_on IS NOT NULL AND acknowledged_at IS NULL""",
        id=id,
        position=position,
    )
