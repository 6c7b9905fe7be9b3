"""The pull feed, for agencies with nothing but an HTTP client: what comes after what they have."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from services.partners.arrivals import Arrivals
from services.partners.cursors import cursor
from services.partners.delivering import delivered, in_force
from services.partners.domain.subscription import State
from services.partners.feeds import MOST, Feeds, Page, Poll
from shared.audit.trail import Deed
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.web.access import require
from shared.web.bodies import Position
from shared.web.commands import action_of
from shared.web.limits import limits_of

router = APIRouter(tags=["feed"])

Receiver = Annotated[Principal, Depends(require(Permission.EVENTS_RECEIVE))]

#: Seconds that a poll may wait for something to come.
LONGEST_WAIT = 30.0


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
    state = request.app.state
    arrivals: Arrivals = state.arrivals
    feeds: Feeds = state.feeds
    poll = Poll(Deed(principal, action_of(request), None, {}), subscription, after, limit)
    had = await feeds.acknowledge(poll)
    # During a pause the same may come again, and who asks all the time would get it all the time.
    if wait and (had.standing.subscription.state is State.PAUSED or arrivals.head(subscription) <= had.position):
        arrived = arrivals.next(subscription)
        with suppress(TimeoutError), limits_of(request.scope).waiting(), arrivals.polled(subscription):
            async with asyncio.timeout(wait):
                await arrived.wait()
    page = await feeds.look(poll, had.position)
    return Feed(events=await _leaving(request, page), next=cursor(had.epoch, page.upto))


async def _leaving(request: Request, page: Page) -> list[dict[str, Any]]:
    """As it leaves, once the transaction that chose it is over: screening is asked."""
    state, agreement = request.app.state, page.standing.agreement
    base = state.service.settings.public_url.rstrip("/")
    flows = in_force(agreement, page.standing.subscription, state.desk.clock.today())
    return await delivered(page.waiting, agreement, in_force=flows, names=state.names, base=base)
