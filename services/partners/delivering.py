"""What an agency gets of what was kept for it: looked at again at the moment of delivery.

Who the person is, is asked of screening now and kept nowhere; screening tells of those alone who consent. Between the
moment an event was kept and this one the agreement may have ended or the person may have changed their mind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners import handed
from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import Case
from services.partners.domain.redaction import person
from services.partners.domain.subscription import Subscription
from services.partners.domain.vocabulary import Verdict
from services.partners.kept import SOURCE, TOLD_ALWAYS, WITHHELD
from services.partners.names import Names
from services.partners.tables import CASES
from shared.persistence.database import rows, run, scalar

#: Of a CloudEvent in JSON, alone.
CONTENT_TYPE = "application/cloudevents+json"
_COLUMNS = "delivery.position, case_id, subject, sequence, id, source, type, time, data, untold"


@dataclass(frozen=True)
class Waiting:
    """One event as it was kept."""

    position: int
    case: UUID | None
    subject: UUID
    envelope: dict[str, Any]
    #: As ``handed`` has it.
    untold: bool | None = None
    #: The case as it stands now; None of what is about no case.
    about: Case | None = None

    def counts_by(self, upto: int) -> bool:
        """Whether it counts as handed out where everything up to there does."""
        return self.position <= upto if self.untold is None else not self.untold


#: By subject, up to where an acknowledgement is owed: what was kept until then tells nothing and may go at any time.
OWED = """
    (SELECT subject, max(position) AS upto FROM delivery
     WHERE subscription_id = :id AND due_on IS NOT NULL AND acknowledged_at IS NULL GROUP BY subject)"""
_OWED_AFTER = f"""
    FROM delivery JOIN {OWED} AS owed USING (subject)
    WHERE subscription_id = :id AND delivery.position > :position AND delivery.position <= upto
    ORDER BY delivery.position LIMIT :limit"""
#: What comes before the first event that isn't among these is had once these are.
_HAD = """
    SELECT coalesce(
        (SELECT min(position) - 1 FROM delivery WHERE subscription_id = :id AND position > :position
         AND position <> ALL(:these)), :last)"""


async def owed_after(
    connection: AsyncConnection, subscription: UUID, position: int, limit: int
) -> tuple[list[Waiting], int]:
    """What may be delivered during a pause, and up to where everything is had by who has it."""
    upto = (await handed.lock(connection, [subscription]))[subscription]
    found = await kept_of(connection, _OWED_AFTER, id=subscription, position=position, limit=limit)
    these = [each.position for each in found]
    await handed.early(connection, subscription, these, upto)
    last = these[-1] if these else position
    return found, await scalar(connection, _HAD, id=subscription, position=position, these=these, last=last)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What comes after a position of a subscription; so many at most."""

    subscription: UUID
    after: int
    most: int


async def hand_out(connection: AsyncConnection, wanted: Sequence[Wanted]) -> list[list[Waiting]]:
    """The next events of each, in its order. They count as told from now on."""
    if not wanted:
        return []
    await handed.lock(connection, [each.subscription for each in wanted])
    found = await kept_after(connection, wanted)
    told: dict[UUID, int] = {}
    for each, given in zip(wanted, found, strict=True):
        if given:
            told[each.subscription] = max(given[-1].position, told.get(each.subscription, 0))
    await count_as_told(connection, told)
    return found


async def kept_after(connection: AsyncConnection, wanted: Sequence[Wanted]) -> list[list[Waiting]]:
    """The next events of each, in its order."""
    found = await rows(
        connection,
        _NEXT,
        ids=[each.subscription for each in wanted],
        afters=[each.after for each in wanted],
        mosts=[each.most for each in wanted],
    )
    given: list[list[Waiting]] = [[] for _ in wanted]
    for row, waiting in zip(found, await _waiting(connection, found), strict=True):
        given[row.n - 1].append(waiting)
    return given


async def count_as_told(connection: AsyncConnection, upto: Mapping[UUID, int]) -> None:
    """Of these subscriptions, which are locked, everything up to there."""
    if upto:
        await run(connection, _HAND_OUT, ids=list(upto), uptos=list(upto.values()))


_NEXT = f"""
    SELECT n, {_COLUMNS}
    FROM unnest(CAST(:ids AS uuid[]), CAST(:afters AS bigint[]), CAST(:mosts AS bigint[])) WITH ORDINALITY
        AS wanted (wanted_id, after, most, n)
    CROSS JOIN LATERAL (
        SELECT * FROM delivery WHERE subscription_id = wanted_id AND delivery.position > after
        ORDER BY delivery.position LIMIT most) AS delivery
    ORDER BY n, delivery.position"""
_HAND_OUT = """
    UPDATE subscription_head AS head SET handed = upto
    FROM unnest(CAST(:ids AS uuid[]), CAST(:uptos AS bigint[])) AS told (id, upto)
    WHERE subscription_id = told.id AND handed < upto"""


async def kept_of(connection: AsyncConnection, which: str, **parameters: Any) -> list[Waiting]:
    """The events that a statement chooses: all of it that follows the columns' names."""
    return await _waiting(connection, await rows(connection, f"SELECT {_COLUMNS} {which}", **parameters))


async def _waiting(connection: AsyncConnection, found: Sequence[Any]) -> list[Waiting]:
    ids = sorted({row.case_id for row in found if row.case_id})
    cases = {each.id: each for each in await CASES.find(connection, "id = ANY(:ids)", ids=ids)} if ids else {}
    return [
        Waiting(row.position, row.case_id, row.subject, _envelope(row), row.untold, cases.get(row.case_id))
        for row in found
    ]


async def delivered(
    waiting: Sequence[Waiting], agreement: Agreement, *, in_force: bool, names: Names, base: str
) -> list[dict[str, Any]]:
    """The events as they leave. Raises NamesUnavailable when screening can't say who they are about."""
    terms = agreement.terms
    named = terms.person and in_force
    events = [each for each in waiting if named and each.about and each.envelope["type"] not in TOLD_ALWAYS]
    wanted = {str(each.case) for each in events if _stands(each, agreement) is Verdict.SENT}
    known = await names.of(agreement.agency.kind, wanted)
    return [_leaving(each, agreement, known, base, in_force=in_force) for each in waiting]


def _leaving(
    waiting: Waiting, agreement: Agreement, known: Mapping[str, Any], base: str, *, in_force: bool
) -> dict[str, Any]:
    event = dict(waiting.envelope)
    if event["type"] not in TOLD_ALWAYS:
        event |= _standing(waiting, agreement, known, in_force=in_force)
    return event | {"dataschema": f"{base}/schemas/{event['type']}.json"}


#: The person is nobody's whom the agency flies or helps any more: it hears that this has ended, and not of whom.
_LEFT = (Verdict.NOT_OWN_FLIGHT, Verdict.NOT_REFERRED)


def _stands(waiting: Waiting, agreement: Agreement) -> Verdict:
    """Whether the agency has to do with it now: since it was kept a person may have withdrawn, or was corrected."""
    return agreement.stands(waiting.about) if waiting.about else Verdict.GONE


def _standing(waiting: Waiting, agreement: Agreement, known: Mapping[str, Any], *, in_force: bool) -> Mapping[str, Any]:
    """What is other than it was kept."""
    withheld = {"source": SOURCE, "type": WITHHELD, "data": {}}
    if not in_force:
        return withheld
    if waiting.case is None or (verdict := _stands(waiting, agreement)) in _LEFT:
        return {}
    identity = known.get(str(waiting.case))
    if verdict is not Verdict.SENT or (agreement.terms.person and identity is None):
        return withheld
    if identity is None:
        return {}
    return {"data": waiting.envelope["data"] | {"person": person(identity, agreement.terms)}}


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
