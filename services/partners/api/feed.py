"""The pull feed, for agencies with nothing but an HTTP client: what comes after what they have."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.arrivals import Arrivals
from services.partners.cursors import POSITION, cursor
from services.partners.delivering import Waiting, delivered, hand_out, in_force, kept_after, owed_after, told_of
from services.partners.domain.subscription import State, Subscription
from services.partners.keys import AgencySuspended, agency_of
from services.partners.registry import Standing, registry_of
from shared.audit.trail import Deed
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Invalid, NotFound
from shared.persistence.database import rows
from shared.web.access import require
from shared.web.bodies import Position
from shared.web.commands import Desk, action_of
from shared.web.limits import limits_of

router = APIRouter(tags=["feed"])

Receiver = Annotated[Principal, Depends(require(Permission.EVENTS_RECEIVE))]

#: Seconds that a poll may wait for something to come.
LONGEST_WAIT = 30.0
#: Events in one answer.
MOST = 1000


class AheadOfFeed(Invalid):
    """There is no event of this number yet: ask after the answer's ``next``."""


class Feed(BaseModel):
    """Events in CloudEvents' JSON format, in order, and ``next``: ask for what comes after it once you have these.

    Whoever asks for what comes after a number says that it has everything up to there. During a pause there is only
    what must be destroyed; what of it comes after ``next`` comes again until it is acknowledged by itself.
    """

    events: list[dict[str, Any]]
    next: int


@router.get("/feed")
async def feed(
    request: Request,
    principal: Receiver,
    subscription: UUID,
    after: Position = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
) -> Feed:
    """The events after a number; with ``wait``, up to so many seconds until there is one."""
    desk: Desk = request.app.state.desk
    arrivals: Arrivals = request.app.state.arrivals
    async with desk.database.statement() as connection:
        standing = await _standing(connection, subscription, principal)
        had, epoch = await _acknowledge(connection, subscription, after)
    # During a pause the same may come again, and who asks all the time would get it all the time.
    if wait and (standing.subscription.state is State.PAUSED or arrivals.head(subscription) <= had):
        arrived = arrivals.next(subscription)
        with suppress(TimeoutError), limits_of(request.scope).waiting(), arrivals.polled(subscription):
            async with asyncio.timeout(wait):
                await arrived.wait()
    events, upto = await _look(request, principal, subscription, had, limit)
    return Feed(events=events, next=cursor(epoch, upto))


async def _look(
    request: Request, principal: Principal, id: UUID, after: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """What is there, by a transaction that is over before screening is asked."""
    state = request.app.state
    desk: Desk = state.desk
    async with desk.database.transaction() as connection:
        standing = await _standing(connection, id, principal)
        subscription, agreement = standing.subscription, standing.agreement
        waiting, upto = await _next(connection, subscription, after, limit)
        if told := told_of(waiting, agreement):
            await desk.trail.append(connection, Deed(principal, action_of(request), None, {None: told}))
    base = state.service.settings.public_url.rstrip("/")
    flows = in_force(agreement, subscription, desk.clock.today())
    events = await delivered(waiting, agreement, in_force=flows, names=state.names, base=base)
    return events, upto


async def _next(
    connection: AsyncConnection, subscription: Subscription, after: int, limit: int
) -> tuple[list[Waiting], int]:
    """What is given, and up to where everything is had by who has it."""
    if subscription.state is State.PAUSED:
        # All of it whatever the limit is: who gets a part would get the same part again.
        return await owed_after(connection, subscription.id, after, MOST)
    await hand_out(connection, subscription.id, after, limit)
    waiting = await kept_after(connection, subscription.id, after, limit)
    return waiting, waiting[-1].position if waiting else after


async def _standing(connection: AsyncConnection, id: UUID, principal: Principal) -> Standing:
    registry = registry_of(connection)
    found = await registry.standing(connection, id)
    if found is None or found.agreement.agency.id != agency_of(principal):
        raise NotFound(f"There is no subscription {id}.")
    # It may have been suspended since its key was looked at, or while it waited.
    if found.agreement.agency.id in registry.suspended:
        raise AgencySuspended
    return found


#: ``asked_at`` is exact to a minute: who polls all the time need not write all the time. Who has it was told it.
_ACKNOWLEDGE = f"""
    WITH head AS (SELECT position, epoch, {POSITION} AS upto FROM subscription_head WHERE subscription_id = :id),
    had AS (SELECT upto FROM head WHERE upto <= position),
    asked AS (
        UPDATE subscription_head SET asked_at = now(), acknowledged = greatest(acknowledged, upto),
            handed = greatest(handed, upto)
        FROM had WHERE subscription_id = :id
            AND (acknowledged < upto OR asked_at IS NULL OR asked_at < now() - interval '1 minute')),
    acknowledged AS (
        UPDATE delivery SET acknowledged_at = now() FROM had WHERE subscription_id = :id AND position <= upto
            AND due_on IS NOT NULL AND acknowledged_at IS NULL)
    SELECT upto, epoch, position FROM head"""


async def _acknowledge(connection: AsyncConnection, id: UUID, after: int) -> tuple[int, int]:
    """Up to which position it has everything, and the epoch of the cursors that it is told.

    Raises AheadOfFeed: whoever asks after what was never there would acknowledge what it hasn't read.
    """
    [head] = await rows(connection, _ACKNOWLEDGE, id=id, after=after)
    if head.upto > head.position:
        raise AheadOfFeed(position=cursor(head.epoch, head.position))
    return head.upto, head.epoch
