"""What each way of delivery says of itself. A new way gets its line in ``WAYS`` and is then everywhere."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.amqp import state as amqp
from services.partners.domain.concern import Progress
from services.partners.domain.subscription import Way
from services.partners.webhooks import state as webhooks
from services.partners.webhooks.state import Failure
from shared.persistence.database import rows


async def _asked(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, Progress]:
    """By what agencies have acknowledged, and by when they asked."""
    found = await rows(
        connection,
        """SELECT subscription_id, position - acknowledged AS waiting, asked_at AS last_success_at,
               (SELECT at FROM delivery WHERE delivery.subscription_id = head.subscription_id
                    AND delivery.position > acknowledged ORDER BY delivery.position LIMIT 1) AS oldest_at
           FROM subscription_head AS head WHERE subscription_id = ANY(:ids)""",
        ids=list(ids),
    )
    return {row.subscription_id: Progress(row.waiting, row.oldest_at, row.last_success_at) for row in found}


async def _no_failures(_: AsyncConnection, __: UUID) -> list[Failure]:
    """Whoever asks can't refuse."""
    return []


async def _nothing_more(_: AsyncConnection, __: UUID) -> dict[str, Any]:
    return {}


async def _asks_again(_: AsyncConnection, __: UUID, ___: int) -> None:
    """Whoever asks is told after which number to ask again, and nothing need be done."""


@dataclass(frozen=True)
class Means:
    """One way of delivery."""

    #: How far each of these subscriptions is.
    progress: Callable[[AsyncConnection, Sequence[UUID]], Awaitable[Mapping[UUID, Progress]]]
    #: What a subscription's receiver has not taken.
    failures: Callable[[AsyncConnection, UUID], Awaitable[list[Failure]]] = _no_failures
    #: What else there is to say of whoever receives.
    more: Callable[[AsyncConnection, UUID], Awaitable[dict[str, Any]]] = _nothing_more
    #: Have everything of a subscription delivered again, from a position on.
    replay: Callable[[AsyncConnection, UUID, int], Awaitable[None]] = _asks_again


WAYS: Mapping[Way, Means] = {
    Way.FEED: Means(_asked),
    Way.AMQP: Means(amqp.progress, replay=amqp.replay),
    Way.WEBHOOK: Means(webhooks.progress, webhooks.failures, webhooks.receiver, webhooks.replay),
}


def means_of(way: Way) -> Means:
    """What delivers this way."""
    return WAYS[way]


async def progress_of(connection: AsyncConnection, ways: Mapping[UUID, Way]) -> Mapping[UUID, Progress]:
    """How far each of these subscriptions is, by its own way."""
    found: dict[UUID, Progress] = {}
    for way in sorted(set(ways.values())):
        found |= await means_of(way).progress(connection, [id for id, each in ways.items() if each is way])
    return found
