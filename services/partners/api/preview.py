"""What an agency has received or would receive of a case, and why not the rest."""

import asyncio
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.partners.handlers import FOLLOWS
from services.partners.registry import pseudonyms_of
from services.partners.rehearsal import Line, Rehearsal, unheard
from services.partners.tables import AGREEMENTS, CASES, FLIGHTS
from shared.auth.permissions import Permission
from shared.errors import NotFound
from shared.protection.vault import vault_of
from shared.web.commands import PersonalReading, personal

router = APIRouter(tags=["preview"])

Looking = Annotated[PersonalReading, personal(Permission.TRANSFERS_PREVIEW)]

#: Events of one case in one log.
_MANY = 1000


class PreviewLine(BaseModel):
    """One event of the case: ``sent``, or why not; and what leaves besides who the person is."""

    type: str
    time: datetime
    verdict: str
    event: dict[str, Any] | None


class Preview(BaseModel):
    """All of a case under an agreement. ``person``: what of who the person is goes with each event."""

    agreement_id: UUID
    case_id: UUID
    lines: list[PreviewLine]
    person: list[str]
    never_told: dict[str, int]


@router.get("/agreements/{agreement_id}/preview/{case_id}")
async def preview(request: Request, agreement_id: UUID, case_id: UUID, reading: Looking) -> Preview:
    """What the agency would have received of this case if the agreement had been there, and why not the rest."""
    agreements = await AGREEMENTS.find(reading.connection, "id = :id", id=agreement_id)
    cases = await CASES.find(reading.connection, "id = :id", id=case_id)
    if not agreements or not cases:
        raise NotFound("There is no such agreement, or no such case.")
    [agreement], [case] = agreements, cases
    if agreement.approved_by is None:
        # Who is to put it in force sees what it would tell, had it always been there.
        agreement = replace(agreement, approved_by="preview", valid_from=date.min, valid_until=date.max)
    reading.disclose([case_id], case.office)
    service = request.app.state.service
    logs = [service.producers[source].of_subjects([(str(case_id), 0)], _MANY) for source in FOLLOWS]
    events = [event for log in await asyncio.gather(*logs) for event in log]
    flights = await FLIGHTS.find(reading.connection, "true")
    rehearsal = Rehearsal(agreement, pseudonyms_of(vault_of(reading.connection), agreement.agency.id), flights)
    rehearsal.hear(events, case.referrals)
    return Preview(
        agreement_id=agreement_id,
        case_id=case_id,
        lines=[_line(each) for each in rehearsal.lines],
        person=sorted(agreement.terms.person),
        never_told=dict(unheard(events)),
    )


def _line(line: Line) -> PreviewLine:
    event = line.event and {"id": str(line.event.id), "subject": str(line.event.subject), "data": line.event.data}
    return PreviewLine(type=line.type, time=line.time, verdict=line.verdict.value, event=event or None)
