"""The operators' reads: cases, flights, figures and the live stream."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from services.gateway.answers import CasePage, CaseStatus, FlightRow
from services.gateway.reads import Reads
from services.gateway.repository import Filter
from services.gateway.stages import Stage
from services.gateway.stream import Stream
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.errors import HomewardError
from shared.persistence.offices import Sight, sight_of
from shared.web.access import access_token, require, verified
from shared.web.bodies import Name
from shared.web.purpose import PurposeHeader, claim

router = APIRouter(prefix="/api", tags=["status"])

Operator = Annotated[Principal, Depends(require(Permission.FIGURES_READ))]
#: Auditors see figures and no cases.
CaseReader = Annotated[Principal, Depends(require(Permission.STATUS_READ))]

#: Seconds after which a stream ends and the browser comes back, so that its token is looked at again.
STREAM_SECONDS = 900


class Figures(BaseModel):
    """How many cases are at each stage, on each corridor (office-country) and of each office."""

    stages: dict[str, int]
    corridors: dict[str, int]
    offices: dict[str, int]


class Flights(BaseModel):
    """Flights, the latest departure first."""

    flights: list[FlightRow]


def sight(request: Request, principal: CaseReader) -> Sight:
    """What the caller sees."""
    return sight_of(principal, request.app.state.service.programme)


def reads(request: Request, principal: CaseReader, purpose: PurposeHeader = None) -> Reads:
    """The caller's reads."""
    return reads_for(request, principal, claim(principal, purpose) if purpose else None)


def reads_for(request: Request, principal: Principal, purpose: Purpose | None) -> Reads:
    """Somebody's reads for a purpose."""
    state = request.app.state
    seen = sight_of(principal, state.service.programme)
    return Reads(state.service.database, state.neighbours, seen, access_token(request), principal, purpose)


Reading = Annotated[Reads, Depends(reads)]


def case_filter(
    stage: Stage | None = None,
    office: Name | None = None,
    country: Name | None = None,
    corridor: Name | None = None,
    flight: UUID | None = None,
    holds: Annotated[bool | None, Query(description="Only cases with (true) or without (false) open holds")] = None,
) -> Filter:
    """Which cases to list."""
    return Filter(stage, office, country, corridor, flight, holds)


@router.get("/cases")
async def list_cases(
    reading: Reading,
    filter: Annotated[Filter, Depends(case_filter)],
    q: Annotated[str | None, Query(max_length=100, description="A name, or the beginning of a reference")] = None,
    after: Annotated[UUID | None, Query(description="The cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    names: bool = False,
) -> CasePage:
    """Cases in order of registration, page by page; names, and searching by name, need a purpose."""
    return await reading.cases(filter, q=q, after=after, limit=limit, with_names=names)


@router.get("/cases/{case}")
async def show_case(reading: Reading, case: Name, parts: bool = True, names: bool = False) -> CaseStatus:
    """One case, by its id or reference: stage, holds, missing gates, timeline, and what the services say of it.

    The name, and what reintegration and monitoring say, are personal: they need a purpose.
    """
    return await reading.case(_id_or_reference(case), with_parts=parts, with_names=names)


@router.get("/flights")
async def list_flights(reading: Reading, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Flights:
    """Flights with how many cases are on them."""
    return Flights(flights=await reading.flights(limit))


@router.get("/figures")
async def figures(request: Request, principal: Operator) -> Figures:
    """Counts per stage, corridor and office."""
    return Figures.model_validate(await reads_for(request, principal, None).figures())


@router.get("/stream", response_class=EventSourceResponse)
async def live(
    request: Request,
    seen: Annotated[Sight, Depends(sight)],
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,19}$")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """After each commit: the cases and flights that have changed, and the figures."""
    stream: Stream = request.app.state.stream
    after = int(last_event_id) if last_event_id else None
    async with aclosing(stream.messages(seen, after, seconds=STREAM_SECONDS)) as messages:
        async for cursor, told in messages:
            if not await still_admitted(request):
                return
            yield _event(cursor, told)


async def still_admitted(request: Request) -> bool:
    """Whether the caller's token is still good: a session may end while its stream is open."""
    try:
        await verified(request, access_token(request))
    except HomewardError:
        return False
    return True


def _id_or_reference(case: str) -> UUID | str:
    try:
        return UUID(case)
    except ValueError:
        return case.upper()


def _event(cursor: int, told: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(data=told, event="changed", id=str(cursor), retry=2000)
