"""What an agency has received or would receive of a case, and why not the rest."""

import asyncio
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.subscription import Subscription, Way
from services.partners.handlers import FOLLOWS
from services.partners.registry import Standing, pseudonyms_of
from services.partners.rehearsal import Line, Rehearsal, flights_of, unheard
from services.partners.tables import AGREEMENTS, CASES, FLIGHTS, SUBSCRIPTIONS
from shared.auth.permissions import Permission
from shared.errors import NotFound
from shared.ids import new_id
from shared.protection.vault import vault_of
from shared.web.commands import PersonalReading, personal

router = APIRouter(tags=["preview"])

Looking = Annotated[PersonalReading, personal(Permission.TRANSFERS_PREVIEW)]

#: Events of one case in one log.
_MANY = 1000


class PreviewLine(BaseModel):
    """One event of the case: ``sent``, or why not; and what leaves besides who the person is.

    ``sequence``: of what is sent, and of tombstones, whose ``verdict`` is the reason that they bear.
    """

    type: str
    time: datetime
    verdict: str
    sequence: int | None
    event: dict[str, Any] | None


class Preview(BaseModel):
    """All of a case under an agreement. ``person``: what of who the person is goes with each event."""

    agreement_id: UUID
    case_id: UUID
    lines: list[PreviewLine]
    person: list[str]
    never_told: dict[str, int]


@router.get("/agreements/{agreement_id}/preview/{case_id}")
async def preview(
    request: Request, agreement_id: UUID, case_id: UUID, reading: Looking, subscription: UUID | None = None
) -> Preview:
    """What the agency would have received of this case if the agreement had been there, and why not the rest.

    With ``subscription``: had it been there too, for it may ask for less.
    """
    cases = await CASES.find(reading.connection, "id = :id", id=case_id)
    standing = await _standing(reading.connection, agreement_id, subscription)
    if standing is None or not cases:
        raise NotFound("There is no such agreement, no such subscription under it, or no such case.")
    [case], terms = cases, standing.agreement.terms
    reading.disclose([case_id], case.office)
    service = request.app.state.service
    logs = [service.producers[source].of_subjects([(str(case_id), 0)], _MANY) for source in FOLLOWS]
    events = [event for log in await asyncio.gather(*logs) for event in log]
    flights = await FLIGHTS.find(reading.connection, "id = ANY(:ids)", ids=sorted(flights_of(events)))
    rehearsal = Rehearsal(standing, flights)
    rehearsal.hear(events, case.referrals)
    return Preview(
        agreement_id=agreement_id,
        case_id=case_id,
        lines=[_line(each) for each in rehearsal.lines],
        person=sorted(terms.person),
        never_told=dict(unheard(events)),
    )


async def _standing(connection: AsyncConnection, agreement_id: UUID, id: UUID | None) -> Standing | None:
    """The subscription, or one that asks for all that is agreed."""
    agreements = await AGREEMENTS.find(connection, "id = :id", id=agreement_id)
    if not agreements:
        return None
    [agreement] = agreements
    if agreement.approved_by is None:
        # Who is to put it in force sees what it would tell, had it always been there.
        agreement = replace(agreement, approved_by="preview", valid_from=date.min, valid_until=date.max)
    agency, types = agreement.agency.id, frozenset(agreement.terms.events)
    found = [Subscription(new_id(), agency, agreement_id, Way.FEED, types)]
    if id is not None:
        found = await SUBSCRIPTIONS.find(connection, "id = :id AND agreement_id = :of", id=id, of=agreement_id)
    return Standing(found[0], agreement, pseudonyms_of(vault_of(connection), agency)) if found else None


def _line(line: Line) -> PreviewLine:
    event = line.event and {"id": str(line.event.id), "subject": str(line.event.subject), "data": line.event.data}
    return PreviewLine(
        type=line.type, time=line.time, verdict=line.verdict.value, sequence=line.sequence, event=event or None
    )
