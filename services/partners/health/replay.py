"""What was kept from a day on is delivered again: the same events, under the same ids and sequences."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.cursors import cursor
from services.partners.domain.subscription import Subscription, Way
from services.partners.health.ways import means_of
from services.partners.repository import Unit
from shared.persistence.database import rows


class Replayed(BaseModel):
    """How many events are delivered again. ``after``: of a feed, after which number to ask for them."""

    subscription_id: UUID
    events: int
    after: int | None


async def replay(uow: Unit, subscription: Subscription, since: date) -> Replayed:
    """Deliver again all that was kept since the beginning of a day, by the programme's clock."""
    async with uow.across_offices():
        epoch, first, events = await _kept_since(uow.connection, subscription.id, since)
    if events:
        again = means_of(subscription.way).replay
        uow.write(lambda connection: again(connection, subscription.id, first))
    after = cursor(epoch, first - 1) if subscription.way is Way.FEED else None
    return Replayed(subscription_id=subscription.id, events=events, after=after)


async def _kept_since(connection: AsyncConnection, id: UUID, since: date) -> tuple[int, int, int]:
    """The epoch of its cursors, the position of the first event or of the next one, and how many there are."""
    [found] = await rows(
        connection,
        # The first alone would be looked for from the subscription's beginning.
        """SELECT epoch, coalesce(first, position + 1) AS first, events
           FROM subscription_head, (SELECT min(position) AS first, count(*) AS events FROM delivery
               WHERE subscription_id = :id AND at >= CAST(:since AS timestamp) AT TIME ZONE 'UTC') AS kept
           WHERE subscription_id = :id""",
        id=id,
        since=since,
    )
    return found.epoch, found.first, found.events
