"""What is kept for subscriptions: events as they will be delivered, but for who the person is."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.redaction import Redacted
from shared.persistence.database import rows, run

SOURCE = "/homeward/partners"
#: Whoever was told of this subject destroys what it holds of it, and says so.
TOMBSTONE = "org.homeward.partners.tombstone.v1"
#: What stood under this number is not told any more.
WITHHELD = "org.homeward.partners.withheld.v1"
#: A subscription's own test.
TEST = "org.homeward.partners.test.v1"


#: Delivered whatever has become of the agreement and of consent: it tells nothing of anybody.
TOLD_ALWAYS = frozenset({TOMBSTONE, WITHHELD, TEST})


class Gone(StrEnum):
    """Why an agency must destroy what it holds."""

    CONSENT_WITHDRAWN = "consent_withdrawn"
    ERASED = "erased"
    DUPLICATE = "ended_as_duplicate"
    #: The person's nationality was corrected: the agency should not have heard.
    OF_ANOTHER_COUNTRY = "of_another_country"
    #: The agency has rejected the referral, or it was withdrawn: what it was told for is over.
    REFERRAL_ENDED = "referral_ended"


@dataclass(frozen=True, slots=True)
class Kept:
    """One event for one subscription. ``sequence`` is dense for the subscription and the subject."""

    subscription: UUID
    #: Whose id the agency doesn't know; None for what is about no case.
    case: UUID | None
    sequence: int
    event: Redacted
    at: datetime
    #: Until when an agency must have acknowledged it.
    due_on: date | None = None


async def keep(connection: AsyncConnection, kept: Iterable[Kept]) -> None:
    """Keep these, numbered on in each subscription."""
    each = list(kept)
    positions = await _positions(connection, [one.subscription for one in each])
    records = [_record(one, next(positions[one.subscription])) for one in each]
    await run(
        connection,
        """INSERT INTO delivery SELECT * FROM jsonb_populate_recordset(
               NULL::delivery, CAST(CAST(:rows AS text) AS jsonb))""",
        rows=orjson.dumps(records).decode(),
    )


async def lock(connection: AsyncConnection, subscriptions: Iterable[UUID]) -> None:
    """Nothing is kept for these or handed out by others meanwhile.

    In one order, and before any of their events, or two replicas would wait for each other.
    """
    await rows(
        connection,
        """SELECT 1 FROM subscription_head WHERE subscription_id = ANY(:ids)
           ORDER BY subscription_id FOR NO KEY UPDATE""",
        ids=sorted(subscriptions),
    )


async def _positions(connection: AsyncConnection, subscriptions: list[UUID]) -> Mapping[UUID, Iterator[int]]:
    counts = Counter(subscriptions)
    ids = sorted(counts)
    await lock(connection, ids)
    heads = await rows(
        connection,
        """UPDATE subscription_head AS head SET position = position + new.count
           FROM unnest(CAST(:ids AS uuid[]), CAST(:counts AS int[])) AS new (id, count)
           WHERE subscription_id = new.id RETURNING subscription_id, position""",
        ids=ids,
        counts=[counts[id] for id in ids],
    )
    return {id: iter(range(last - counts[id] + 1, last + 1)) for id, last in heads}


def _record(kept: Kept, position: int) -> dict[str, Any]:
    event = kept.event
    return {
        "subscription_id": kept.subscription,
        "position": position,
        "case_id": kept.case,
        "subject": event.subject,
        "sequence": kept.sequence,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time,
        "data": event.data,
        "at": kept.at,
        "due_on": kept.due_on,
    }
