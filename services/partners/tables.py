"""The tables of agencies, what was agreed with them, and what decides who hears of a case."""

from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.agreement import Agency, Agreement
from services.partners.domain.answer import Answer, State
from services.partners.domain.fact import Case, Flight
from services.partners.domain.rules import CandidateErased
from services.partners.domain.subscription import Subscription
from shared.persistence.database import run
from shared.persistence.store import Column, Sealed, Store
from shared.protection.vault import SERVICE

FLIGHTS: Store[Flight] = Store("flights", "partner_flight", Flight)
CASES: Store[Case] = Store(
    "cases",
    "partner_case",
    Case,
    {
        "office": Column("text", lambda case: case.office),
        "country_of_origin": Column("text", lambda case: case.country_of_origin),
        "travelling": Column("boolean", lambda case: case.flight_id is not None),
        "referred": Column("boolean", lambda case: bool(case.referrals)),
    },
)
AGENCIES: Store[Agency] = Store("agencies", "agency", Agency, {"name": Column("text", lambda agency: agency.name)})
AGREEMENTS: Store[Agreement] = Store(
    "agreements", "agreement", Agreement, {"agency_id": Column("uuid", lambda agreement: agreement.agency.id)}
)
SUBSCRIPTIONS: Store[Subscription] = Store(
    "subscriptions",
    "subscription",
    Subscription,
    {
        "agency_id": Column("uuid", lambda subscription: subscription.agency_id),
        "agreement_id": Column("uuid", lambda subscription: subscription.agreement_id),
        "state_name": Column("text", lambda subscription: subscription.state.value),
    },
    # Whose they are is no person: they are sealed with the service's own key.
    Sealed(("secrets",), lambda _: SERVICE),
)
ANSWERS: Store[Answer] = Store(
    "answers",
    "answer",
    Answer,
    {
        "agency_id": Column("uuid", lambda answer: answer.agency_id),
        "state_name": Column("text", lambda answer: answer.state.value),
        "received_at": Column("timestamptz", lambda answer: answer.at),
        "case_id": Column("uuid", lambda answer: answer.case_id),
        "perishable": Column("boolean", lambda answer: answer.perishable),
        # Whom it may be about, for who may see it.
        "about": Column("json", lambda answer: orjson.dumps(_about(answer)).decode()),
    },
    Sealed(("content", "reason", "problem"), lambda answer: answer.case_id or SERVICE),
)

#: What is left of an answer that waits and could have been about somebody who was erased.
_CLOSED = {
    "state": State.REFUSED.value,
    "candidates": [],
    "cause": "/problems/candidate-erased",
    "problem": {
        "type": "/problems/candidate-erased",
        "title": " ".join((CandidateErased.__doc__ or "").split()),
        "status": 409,
    },
}


async def forget_answers(connection: AsyncConnection, case_id: UUID) -> None:
    """Destroy what was said about the case, and what may have been said about it."""
    await run(
        connection,
        """UPDATE answer SET sealed = NULL, sealed_for = NULL, perishable = false, about = '[]',
               state_name = 'refused',
               state = CAST(CAST(state AS jsonb) || CAST(CAST(:closed AS text) AS jsonb) AS json)
           WHERE state_name = 'waiting' AND CAST(about AS jsonb) @> to_jsonb(CAST(CAST(:case AS uuid) AS text))""",
        closed=orjson.dumps(_CLOSED).decode(),
        case=case_id,
    )
    await run(
        connection,
        "UPDATE answer SET sealed = NULL, sealed_for = NULL, perishable = false WHERE case_id = :case",
        case=case_id,
    )


def _about(answer: Answer) -> list[UUID]:
    return [answer.case_id] if answer.case_id else answer.candidates
