"""Which of a subscription's events were handed out: in an answer of the feed, to its queue, or sent to its receiver.
Who was told owes that it is destroyed, and the person hears of it.

``handed`` says it of all up to there. ``untold`` of an event says otherwise: true of one that was not, false of one
that was although it comes later, as during a pause.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.kept import WITHHELD
from shared.persistence.database import rows, run

#: Of ``head``. A process of a version that doesn't know ``handed`` tells how far its way is; of a page of the feed that
#: is known once the next one is asked for.
_UPTO = """greatest(head.handed, head.acknowledged,
    (SELECT looked FROM webhook WHERE webhook.subscription_id = head.subscription_id),
    (SELECT published FROM amqp WHERE amqp.subscription_id = head.subscription_id))"""


def _by(upto: str) -> str:
    return f"coalesce(NOT delivery.untold, delivery.position <= {upto})"


#: Of a ``delivery``, with its subscription's ``head``.
HANDED_OUT = _by(_UPTO)


async def lock(connection: AsyncConnection, subscriptions: Iterable[UUID]) -> Mapping[UUID, int]:
    """Up to where each one's events were handed out. Who withholds any of them waits for this transaction, or was first
    and is seen by what is read from now on.
    """
    found = await rows(connection, _LOCK, ids=list(subscriptions))
    return {row.subscription_id: row.upto for row in found}


#: In one order, or two who lock would wait for each other.
_LOCK = f"""
    SELECT subscription_id, {_UPTO} AS upto FROM subscription_head AS head WHERE subscription_id = ANY(:ids)
    ORDER BY subscription_id FOR NO KEY UPDATE OF head"""


async def early(connection: AsyncConnection, subscription: UUID, these: Collection[int], upto: int) -> list[int]:
    """Have these count as handed out although they weren't by that; which of them. What is withheld tells nothing."""
    if not these:
        return []
    found = await rows(connection, _EARLY, id=subscription, these=list(these), upto=upto, withheld=WITHHELD)
    return [row.position for row in found]


_EARLY = f"""
    UPDATE delivery SET untold = false
    WHERE subscription_id = :id AND position = ANY(:these) AND type <> :withheld
        AND NOT {_by("CAST(:upto AS bigint)")} RETURNING position"""


async def not_after_all(connection: AsyncConnection, subscription: UUID, **round: Any) -> None:
    """What was skipped in a round, or found no time or nobody there, was handed to nobody.

    ``handed`` and ``upto``: from where to where the round was. ``early``: what counted early. ``told``: what was sent.
    """
    await run(connection, _NOT_AFTER_ALL, id=subscription, **round)


_NOT_AFTER_ALL = """
    UPDATE delivery SET untold = true
    WHERE subscription_id = :id AND position <> ALL(:told)
        AND (position > :handed AND position <= :upto AND untold IS NULL OR position = ANY(:early))"""
