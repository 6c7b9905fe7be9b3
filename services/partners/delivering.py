"""What an agency gets of what was kept for it: looked at again at the moment of delivery.

Who the person is, is asked of screening now and kept nowhere; screening tells of those alone who consent. Between the
moment an event was kept and this one the agreement may have ended or the person may have changed their mind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agreement
from services.partners.domain.redaction import person
from services.partners.domain.subscription import Subscription
from services.partners.kept import SOURCE, TOLD_ALWAYS, WITHHELD
from services.partners.names import Names
from shared.persistence.database import rows

_COLUMNS = "delivery.position, case_id, subject, sequence, id, source, type, time, data"


@dataclass(frozen=True)
class Waiting:
    """One event as it was kept."""

    position: int
    case: UUID | None
    subject: UUID
    envelope: dict[str, Any]


async def kept_after(connection: AsyncConnection, subscription: UUID, position: int, limit: int) -> list[Waiting]:
    """The next events of a subscription, in its order."""
    after = "FROM delivery WHERE subscription_id = :id AND position > :position ORDER BY position LIMIT :limit"
    return await kept_of(connection, after, id=subscription, position=position, limit=limit)


async def kept_of(connection: AsyncConnection, which: str, **parameters: Any) -> list[Waiting]:
    """The events that a statement chooses: all of it that follows the columns' names."""
    found = await rows(connection, f"SELECT {_COLUMNS} {which}", **parameters)
    return [Waiting(row.position, row.case_id, row.subject, _envelope(row)) for row in found]


async def delivered(
    waiting: Sequence[Waiting], agreement: Agreement, *, in_force: bool, names: Names, base: str
) -> list[dict[str, Any]]:
    """The events as they leave. Raises NamesUnavailable when screening can't say who they are about."""
    terms = agreement.terms
    named = terms.person and in_force
    wanted = {str(each.case) for each in waiting if each.case and named and each.envelope["type"] not in TOLD_ALWAYS}
    known = await names.of(agreement.agency.kind, wanted)
    return [_leaving(each, agreement, known, base, in_force=in_force) for each in waiting]


def _leaving(
    waiting: Waiting, agreement: Agreement, known: Mapping[str, Any], base: str, *, in_force: bool
) -> dict[str, Any]:
    event = dict(waiting.envelope)
    told_always = event["type"] in TOLD_ALWAYS
    identity = known.get(str(waiting.case))
    about_somebody = waiting.case is not None and bool(agreement.terms.person)
    if not told_always and (not in_force or (about_somebody and identity is None)):
        event |= {"source": SOURCE, "type": WITHHELD, "data": {}}
    elif identity is not None and not told_always:
        event["data"] = event["data"] | {"person": person(identity, agreement.terms)}
    return event | {"dataschema": f"{base}/schemas/{event['type']}.json"}


def _envelope(row: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(row.id),
        "source": row.source,
        "type": row.type,
        "subject": str(row.subject),
        "time": row.time,
        "sequence": str(row.sequence),
        "datacontenttype": "application/json",
        "data": row.data,
    }


def in_force(agreement: Agreement, subscription: Subscription, today: Any) -> bool:
    """Whether more than tombstones may leave."""
    return agreement.in_force(today) and subscription.ended_on is None


def told_of(waiting: Iterable[Waiting], agreement: Agreement) -> set[UUID]:
    """The cases of which the agency hears who they are."""
    return {each.case for each in waiting if each.case} if agreement.terms.person else set()
