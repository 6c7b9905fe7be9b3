"""What is published next to a subscription's queue, and how far that is. All of it is in the database: another process
goes on where this one was.

Up to ``published`` everything was confirmed by the queue of this ``generation``.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners import handed
from services.partners.delivering import OWED, Waiting, Wanted, hand_out, kept_of
from services.partners.domain.agreement import Agreement
from services.partners.domain.subscription import State, Subscription
from services.partners.leases import LeaseLost, Leases
from services.partners.registry import Registry, registry_of
from services.partners.suspensions import UNSUSPENDED
from shared.persistence.database import run

#: Seconds after a failure: at least, and at most.
_FIRST, _LONGEST, _DOUBLINGS = 0.5, 60.0, 8

#: Of an ended one there is a queue only while a tombstone has not been taken. A paused one is given tombstones alone.
LEASES = Leases(
    "amqp",
    f"""(EXISTS (SELECT FROM subscription WHERE id = subscription_id AND {UNSUSPENDED} AND (state_name = 'active'
        OR state_name = 'ended' AND EXISTS (SELECT FROM delivery WHERE delivery.subscription_id = amqp.subscription_id
                                            AND due_on IS NOT NULL AND acknowledged_at IS NULL)))
    AND EXISTS (SELECT FROM subscription_head AS head
                WHERE head.subscription_id = amqp.subscription_id AND head.position > published)
    OR EXISTS (SELECT FROM subscription WHERE id = subscription_id AND state_name = 'paused' AND {UNSUSPENDED})
    AND EXISTS (SELECT FROM delivery WHERE delivery.subscription_id = amqp.subscription_id
                AND due_on IS NOT NULL AND acknowledged_at IS NULL AND position > greatest(published, buried)))""",
)


@dataclass
class Round:
    """One process's turn with one queue."""

    id: UUID
    subscription: Subscription
    agreement: Agreement
    published: int
    #: During a pause: up to there tombstones were published, with what was kept of their subjects before.
    buried: int
    #: The last of those: of one subject the next ones may come before what was published of another.
    begun: int
    generation: int
    failures: int
    registry: Registry

    @property
    def reached(self) -> int:
        """What was taken last."""
        return self.begun if self.paused else self.published

    @property
    def stopped(self) -> bool:
        """Whether nothing more may leave, although it was begun: the agency was suspended meanwhile."""
        return self.subscription.agency_id in self.registry.suspended

    @property
    def paused(self) -> bool:
        """Whether tombstones alone are given."""
        return self.subscription.state is State.PAUSED


async def begin(connection: AsyncConnection, id: UUID, now: datetime) -> Round | None:
    """Take the subscription's turn, unless another process has it or nothing is due."""
    columns = ("published", "buried", "begun", "generation", "failures")
    taken = await LEASES.take(connection, [id], now, columns)
    if id not in taken:
        return None
    lease, row = taken[id]
    registry = registry_of(connection)
    standing = await registry.standing(connection, id)
    if standing is None:
        raise LeaseLost
    stands = (standing.subscription, standing.agreement)
    place = (row.published, row.buried, row.begun)
    return Round(lease, *stands, *place, row.generation, row.failures, registry)


async def next_of(connection: AsyncConnection, round: Round, most: int) -> list[Waiting]:
    """What is published next: during a pause, of one subject what leads to its last tombstone."""
    id = round.subscription.id
    if round.paused:
        upto = (await handed.lock(connection, [id]))[id]
        after = {"published": round.published, "buried": round.buried, "begun": round.begun}
        found = await kept_of(connection, _BURIED, id=id, most=most, **after)
        await handed.early(connection, id, [each.position for each in found], upto)
        return found
    [waiting] = await hand_out(connection, [Wanted(id, round.published, most)])
    return waiting


#: Where ``begun`` is one of that subject's, it is what was published of it last: there was no room for more.
_BURIED = f"""
    FROM delivery JOIN (
        SELECT * FROM {OWED} AS owed WHERE upto > greatest(CAST(:published AS bigint), :buried) ORDER BY upto LIMIT 1
    ) AS first USING (subject)
    WHERE subscription_id = :id AND delivery.position > :published AND delivery.position <= upto
        AND delivery.position > coalesce((SELECT last.position FROM delivery AS last WHERE last.subscription_id = :id
            AND last.position = :begun AND last.subject = delivery.subject), 0)
    ORDER BY delivery.position LIMIT :most"""


#: Of a queue that was made anew meanwhile, what was confirmed is lost.
_SETTLE = """
    UPDATE amqp SET published = CASE WHEN generation = :generation THEN :published ELSE published END,
        buried = CASE WHEN generation = :generation THEN :buried ELSE buried END,
        begun = CASE WHEN generation = :generation THEN :begun ELSE begun END,
        failures = :failures, cause = :cause, next_at = :next_at, leased_by = NULL, leased_until = NULL,
        last_success_at = CASE WHEN :success THEN :now ELSE last_success_at END,
        failing_since = CASE WHEN :failures > 0 THEN coalesce(failing_since, :now) END
    WHERE subscription_id = :id AND leased_by = :lease"""


async def settle(connection: AsyncConnection, round: Round, upto: int, cause: str | None, now: datetime) -> None:
    """Keep how far it is, and why no farther. Raises LeaseLost."""
    failures = round.failures + 1 if cause else 0
    published, begun = (round.published, upto) if round.paused else (upto, round.begun)
    # Never less: what was published of another subject would come again, and the rest of this one never.
    parameters: dict[str, Any] = {"published": published, "buried": max(round.buried, begun), "begun": begun}
    parameters |= {"generation": round.generation, "success": upto != round.reached}
    parameters |= {"failures": failures, "cause": cause, "now": now}
    parameters["next_at"] = now + _pause(failures) if cause else None
    if not await run(connection, _SETTLE, id=round.subscription.id, lease=round.id, **parameters):
        raise LeaseLost


def _pause(failures: int) -> timedelta:
    longest: float = min(_LONGEST, _FIRST * 2 ** min(failures - 1, _DOUBLINGS))
    return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311
