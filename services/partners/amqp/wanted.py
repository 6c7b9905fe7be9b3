"""What subscriptions say that there is to be at the broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.amqp.rounds import LEASES
from services.partners.domain.subscription import State
from services.partners.registry import registry_of
from shared.persistence.database import rows, run

#: Of one agency.
MOST_QUEUES = 20
#: Events that wait in a queue; the others wait in our database. What waits in a queue can't be taken back.
WAITING = 100
#: What a queue takes at most, should anything but our sender publish, or our sender be wrong.
_LENGTH, _BYTES = 10 * WAITING, 16 * 1024 * 1024
#: Of an agency's user; the virtual host's connections are ours too.
_CONNECTIONS, _CHANNELS, _OURS = 10, 50, 22
USER_LIMITS = {"max-connections": _CONNECTIONS, "max-channels": _CHANNELS}


@dataclass(frozen=True)
class Queue:
    """One subscription's. ``published``: up to where it was given to the queue, since it was made ``generation``."""

    subscription: UUID
    published: int
    generation: int
    acknowledged: int
    #: During a pause: up to there tombstones were given to it that are not acknowledged.
    buried: int = 0
    #: The agreement is over, and what lies in the queue has not been taken out of it yet.
    over: bool = False


@dataclass
class Wanted:
    """One agency's."""

    agency: UUID
    password: str
    queues: dict[UUID, Queue] = field(default_factory=dict)

    @property
    def limits(self) -> Mapping[str, int]:
        """Of its virtual host."""
        return {"max-connections": _CONNECTIONS + _OURS, "max-queues": 2 * max(MOST_QUEUES, len(self.queues))}


def arguments(version: int) -> dict[str, Any]:
    """With what a queue is declared, whatever it is for."""
    # 4.x drops what was redelivered 20 times, unless told: a connection that is cut would cost events.
    unlimited = {"x-delivery-limit": -1} if version >= 4 else {}
    return {"x-queue-type": "quorum"} | unlimited


def of_subscription(version: int, refused: str) -> dict[str, Any]:
    """With what a subscription's queue is declared. ``refused``: where what is rejected goes."""
    limits = {"x-max-length": _LENGTH, "x-max-length-bytes": _BYTES, "x-overflow": "reject-publish"}
    # Two who consume at once would have a case's events side by side: one has them, the other stands by.
    order = {"x-single-active-consumer": True}
    rejected = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": refused}
    return arguments(version) | limits | order | rejected | {"x-dead-letter-strategy": "at-least-once"}


#: Of an ended one the queue is there for as long as a tombstone has not been taken.
_ROWS = """
    SELECT subscription_id, published, generation, acknowledged, emptied,
        EXISTS (SELECT FROM delivery WHERE delivery.subscription_id = amqp.subscription_id
                AND due_on IS NOT NULL AND acknowledged_at IS NULL) AS owed,
        coalesce((SELECT max(position) FROM delivery WHERE delivery.subscription_id = amqp.subscription_id
                  AND due_on IS NOT NULL AND acknowledged_at IS NULL
                  AND delivery.position > published AND delivery.position <= buried), 0) AS buried
    FROM amqp JOIN subscription_head USING (subscription_id) ORDER BY subscription_id"""


async def wanted(connection: AsyncConnection, today: date) -> dict[UUID, Wanted]:
    """By agency."""
    registry = registry_of(connection)
    await registry.refresh(connection)
    found: dict[UUID, Wanted] = {}
    for row in await rows(connection, _ROWS):
        standing = registry.every[row.subscription_id]
        subscription, over = standing.subscription, not row.emptied and not standing.agreement.in_force(today)
        agency = subscription.agency_id
        # To who is suspended nothing is left open. What was in its queues and not taken comes again with new ones.
        if agency in registry.suspended or (subscription.state is State.ENDED and not row.owed):
            continue
        mine = found.setdefault(agency, Wanted(agency, subscription.secrets["password"]))
        at = (row.published, row.generation, row.acknowledged, row.buried)
        mine.queues[subscription.id] = Queue(subscription.id, *at, over)
    return found


async def rewind(connection: AsyncConnection, subscription: UUID) -> None:
    """Have everything published again that wasn't acknowledged, and what was being replayed: the queue is lost."""
    await run(
        connection,
        """UPDATE amqp SET generation = generation + 1, buried = 0, begun = 0, next_at = NULL, failures = 0,
               published = least(published, again_from,
                   (SELECT acknowledged FROM subscription_head WHERE subscription_id = :id))
           WHERE subscription_id = :id""",
        id=subscription,
    )


async def hold(connection: AsyncConnection, subscription: UUID) -> UUID | None:
    """Rewind, and keep everybody from publishing until the lease is given back; None while somebody does."""
    lease = await LEASES.hold(connection, subscription)
    if lease is not None:
        await rewind(connection, subscription)
    return lease


async def emptied(connection: AsyncConnection, subscription: UUID) -> None:
    """Remember that what lay in the queue is taken out."""
    await run(connection, "UPDATE amqp SET emptied = true WHERE subscription_id = :id", id=subscription)


async def give_again(connection: AsyncConnection, subscription: UUID) -> None:
    """Have what was rejected published again after a while, with what wasn't acknowledged before it."""
    await rewind(connection, subscription)
    await run(
        connection,
        """UPDATE amqp SET cause = 'the agency has rejected events', next_at = now() + interval '1 minute',
               failing_since = coalesce(failing_since, now()), failures = 1
           WHERE subscription_id = :id""",
        id=subscription,
    )
