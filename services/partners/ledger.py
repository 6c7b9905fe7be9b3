"""What agencies were told of a person, for when the events themselves are emptied: by a withdrawal, or because their
time is over. It is in the event's own row, sealed with the case's key, and an erasure ends it.

Which fields of who a person is an agency gets, its agreement says for good; names themselves are kept nowhere.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agreement
from services.partners.handed import HANDED_OUT, lock
from services.partners.kept import SOURCE, TOLD_ALWAYS, TOMBSTONE, WITHHELD
from services.partners.offers import REFERRAL_WITHDRAWN
from services.partners.tables import AGREEMENTS
from shared.persistence.database import rows, run
from shared.protection.vault import seal, unseal, vault_of

#: Rows that are looked at in one transaction.
_AT_ONCE = 500
#: Whether it is known that the agency has it: it said so, or a receiver has taken all of that subject up to there.
TAKEN = """(delivery.position <= head.acknowledged OR EXISTS (
    SELECT FROM webhook WHERE webhook.subscription_id = delivery.subscription_id AND delivery.position <= looked
        AND NOT EXISTS (SELECT FROM webhook_stuck AS stuck WHERE stuck.subscription_id = delivery.subscription_id
                        AND stuck.subject = delivery.subject AND stuck.position <= delivery.position)))"""
#: The same, or its subject alone is stuck.
PASSED = """(delivery.position <= head.acknowledged OR delivery.position <= (
    SELECT looked FROM webhook WHERE webhook.subscription_id = delivery.subscription_id))"""
#: What was old and passed over, for its subject was stuck: it is stuck still.
LEFT_BEHIND = """(delivery.subject = ANY(ARRAY(
        SELECT subject FROM webhook_stuck AS stuck WHERE stuck.subscription_id = head.subscription_id))
    AND delivery.position <= head.expired AND type <> ALL(:always))"""
#: Who says that what a tombstone names is destroyed was told of it, by whatever means.
_TOLD = f"""
    SELECT agency.name AS agency, agreement_id, subscription_id, delivery.id AS event_id, sequence, type, time, at,
        data, CASE WHEN due_on IS NULL THEN {TAKEN} ELSE acknowledged_at IS NOT NULL END AS acknowledged,
        delivery.position, disclosed, key_id, wrapped
    FROM delivery JOIN subscription_head AS head USING (subscription_id)
        JOIN subscription ON subscription.id = subscription_id JOIN agency ON agency.id = agency_id
        LEFT JOIN data_key ON owner = case_id
    WHERE case_id = :id AND ({HANDED_OUT} OR acknowledged_at IS NOT NULL)
    ORDER BY at, agency.name, delivery.position"""


async def withhold(
    connection: AsyncConnection, subscription: UUID, subject: UUID, tombstone: int, *, forget: bool
) -> None:
    """Empty what was kept of a subject before its tombstone, which owes an acknowledgement if any of that was told.

    ``forget``: so that nothing leads back to the case either.
    """
    of: dict[str, Any] = {"subscription": subscription, "subject": subject, "tombstone": tombstone}
    if forget:
        await run(connection, _FORGET, **of, type=TOMBSTONE, withheld=WITHHELD, source=SOURCE)
    else:
        await _empty(connection, _BEFORE, **of, farewell=REFERRAL_WITHDRAWN)
    await run(connection, _RELEASE, **of, type=TOMBSTONE)


#: What says that it is over may be told.
_BEFORE = """
    subscription_id = :subscription AND subject = :subject AND sequence < :tombstone
    AND NOT (type = :farewell AND sequence = :tombstone - 1)"""
_FORGET = f"""
    UPDATE delivery SET source = :source, case_id = NULL, disclosed = NULL,
        untold = CASE WHEN type = :type OR {HANDED_OUT} THEN untold ELSE true END,
        type = CASE type WHEN :type THEN type ELSE :withheld END,
        data = CASE type WHEN :type THEN data ELSE '{{}}' END
    FROM subscription_head AS head
    WHERE delivery.subscription_id = :subscription AND head.subscription_id = :subscription AND subject = :subject
        AND sequence < :tombstone"""
#: What is there no more was told.
_RELEASE = f"""
    UPDATE delivery SET due_on = NULL
    WHERE subscription_id = :subscription AND subject = :subject AND sequence = :tombstone AND sequence - 1 = (
        SELECT count(*) FROM delivery JOIN subscription_head AS head USING (subscription_id)
        WHERE subscription_id = :subscription AND subject = :subject AND sequence < :tombstone
            AND (type = :type OR NOT {HANDED_OUT}))"""


async def kept_for(connection: AsyncConnection, cases: Iterable[UUID]) -> set[UUID]:
    """The subscriptions for which something is kept of these."""
    which = "SELECT DISTINCT subscription_id FROM delivery WHERE case_id = ANY(:cases)"
    return {row.subscription_id for row in await rows(connection, which, cases=list(cases))}


async def forget(connection: AsyncConnection, cases: Iterable[UUID]) -> None:
    """Empty all that was kept of cases, so that nothing leads back to them either."""
    await run(
        connection,
        """UPDATE delivery SET case_id = NULL, disclosed = NULL, source = :source,
               type = CASE type WHEN :tombstone THEN type ELSE :withheld END,
               data = CASE type WHEN :tombstone THEN data ELSE '{}' END
           WHERE case_id = ANY(:cases)""",
        source=SOURCE,
        tombstone=TOMBSTONE,
        withheld=WITHHELD,
        cases=list(cases),
    )


async def expire(connection: AsyncConnection, subscription: UUID, before: datetime | None) -> None:
    """Empty the next of a subscription's events: what is taken and from ``before``; without one, all.

    What is stuck stays for as long as it is, and keeps nothing else.
    """
    key = {"id": subscription}
    await lock(connection, [subscription])
    found = await rows(
        connection,
        f"""SELECT delivery.position, at, {PASSED} AS passed
           FROM subscription_head AS head JOIN delivery USING (subscription_id)
           WHERE subscription_id = :id AND delivery.position > expired ORDER BY delivery.position LIMIT :most""",
        most=_AT_ONCE,
        **key,
    )
    done = 0
    for row in found:
        if before is not None and not (row.passed and row.at < before):
            break
        done = row.position
    if before is None:
        await _empty(connection, f"subscription_id = :id AND {LEFT_BEHIND}", **key)
    if done:
        which = "subscription_id = :id AND delivery.position > head.expired AND delivery.position <= :done"
        await _empty(connection, which if before is None else f"{which} AND {TAKEN}", done=done, **key)
        upto = "UPDATE subscription_head SET expired = greatest(expired, :done) WHERE subscription_id = :id"
        await run(connection, upto, done=done, **key)


async def told(connection: AsyncConnection, case: UUID) -> list[dict[str, Any]]:
    """What each agency was told of a case, the oldest first.

    ``at``: from when on it could have it. ``fields``: the members of ``data``, which is None once it isn't kept.
    ``person``: what of who the person is may have been added when it was delivered.
    """
    found = await rows(connection, _TOLD, id=case)
    agreed = [row.agreement_id for row in found]
    agreements = {each.id: each for each in await AGREEMENTS.find(connection, "id = ANY(:ids)", ids=agreed)}
    return [await _entry(connection, case, row, agreements[row.agreement_id]) for row in found]


async def _empty(connection: AsyncConnection, which: str, **parameters: Any) -> None:
    """Empty events, and write down of those about a case what they told: what was not handed out never will."""
    # In one order, or two who empty at once would wait for each other.
    found = await rows(
        connection,
        f"""SELECT subscription_id, delivery.position, case_id, type, data, {TAKEN} AS acknowledged,
                {HANDED_OUT} AS told
            FROM delivery JOIN subscription_head AS head USING (subscription_id)
            WHERE {which} AND type <> ALL(:always)
            ORDER BY subscription_id, delivery.position FOR UPDATE OF delivery""",
        always=sorted(TOLD_ALWAYS),
        **parameters,
    )
    if not found:
        return
    ciphers = await vault_of(connection).ciphers(connection, {row.case_id for row in found if row.case_id})
    await run(
        connection,
        """UPDATE delivery SET source = :source, type = :withheld, data = '{}', disclosed = new.disclosed,
               untold = CASE WHEN told THEN untold ELSE true END
           FROM unnest(CAST(:subscriptions AS uuid[]), CAST(:positions AS bigint[]), CAST(:told AS boolean[]),
               CAST(:disclosed AS bytea[])) AS new (subscription, position, told, disclosed)
           WHERE delivery.subscription_id = new.subscription AND delivery.position = new.position""",
        source=SOURCE,
        withheld=WITHHELD,
        subscriptions=[row.subscription_id for row in found],
        positions=[row.position for row in found],
        told=[row.told for row in found],
        disclosed=[
            seal(ciphers[row.case_id], _said(row), _place(row)) if row.told and row.case_id else None for row in found
        ],
    )


def _said(row: Any) -> str:
    said = {"type": row.type, "fields": sorted(row.data), "acknowledged": row.acknowledged}
    return orjson.dumps(said).decode()


async def _entry(connection: AsyncConnection, case: UUID, row: Any, agreement: Agreement) -> dict[str, Any]:
    kept = ("agency", "agreement_id", "subscription_id", "event_id", "sequence", "type", "time", "at", "data")
    entry = {name: getattr(row, name) for name in kept}
    entry |= {"fields": sorted(row.data), "acknowledged": row.acknowledged}
    if row.disclosed and row.wrapped:
        cipher = await vault_of(connection).cipher(case, row.key_id, row.wrapped)
        entry |= {"data": None} | orjson.loads(unseal(cipher, row.disclosed, _place(row)))
    personal = entry["type"] not in TOLD_ALWAYS
    return entry | {"person": sorted(agreement.terms.person) if personal else []}


def _place(row: Any) -> str:
    return f"delivery.disclosed/{row.subscription_id}/{row.position}"
