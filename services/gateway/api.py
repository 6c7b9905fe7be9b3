"""The operators' reads: cases, flights, figures and the live stream."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from services.gateway.answers import CasePage, CaseStatus, FlightRow
from services.gateway.reads import CaseReads, Reader, Reads
from services.gateway.repository import Filter
from services.gateway.stages import Stage
from services.gateway.stream import Stream
from shared.audit.trail import Deed, by_office
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.errors import HomewardError
from shared.persistence.offices import Sight, seen_by, sight_of
from shared.web.access import access_token, check, require, verified
from shared.web.bodies import Name
from shared.web.commands import PERSONAL, Desk, action_of
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


@dataclass(frozen=True)
class Watch:
    """Who watches, for what, and whose cases."""

    principal: Principal
    purpose: Purpose
    sight: Sight

    async def disclose(self, request: Request, cases: Iterable[Mapping[str, Any]]) -> None:
        """Write down whose cases are about to be told of."""
        desk: Desk = request.app.state.desk
        told = by_office((UUID(case["case_id"]), case["office"]) for case in cases)
        async with seen_by(self.sight, desk.database) as connection:
            await desk.trail.append(connection, Deed(self.principal, action_of(request), self.purpose, told))


async def watching(
    request: Request,
    principal: CaseReader,
    purpose: PurposeHeader = None,
    asked: Annotated[str | None, Query(alias="purpose", description="As the header, which browsers can't send")] = None,
) -> Watch:
    """What the caller sees from now on: that it was begun is written down."""
    watch = Watch(principal, claim(principal, purpose or asked), sight_of(principal, request.app.state.desk.programme))
    await watch.disclose(request, ())
    return watch


setattr(watching, PERSONAL, True)


def case_reads(request: Request, principal: CaseReader, purpose: PurposeHeader = None) -> CaseReads:
    """The caller's reads of cases."""
    return case_reads_for(request, principal, claim(principal, purpose))


setattr(case_reads, PERSONAL, True)


def case_reads_for(request: Request, principal: Principal, purpose: Purpose) -> CaseReads:
    """Somebody's reads of cases for a purpose; the audit has them under the route's name."""
    state, reads = request.app.state, reads_for(request, principal)
    reader = Reader(principal, access_token(request), purpose, action_of(request))
    return CaseReads(reads.database, reads.sight, state.neighbours, state.desk.trail, reader)


def reads_for(request: Request, principal: Principal) -> Reads:
    """Somebody's reads of figures and flights."""
    service = request.app.state.service
    return Reads(service.database, sight_of(principal, service.programme))


CaseReading = Annotated[CaseReads, Depends(case_reads)]


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
    reading: CaseReading,
    filter: Annotated[Filter, Depends(case_filter)],
    q: Annotated[str | None, Query(max_length=100, description="A name, or the beginning of a reference")] = None,
    after: Annotated[UUID | None, Query(description="The cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    names: bool = False,
) -> CasePage:
    """Cases in order of registration, page by page, for a purpose; with names where the caller may read them."""
    return await reading.cases(filter, q=q, after=after, limit=limit, with_names=names)


@router.get("/cases/{case}")
async def show_case(reading: CaseReading, case: Name, parts: bool = True, names: bool = False) -> CaseStatus:
    """One case for a purpose, by its id or reference: stage, holds, missing gates, timeline, and what the services say
    of it.
    """
    return await reading.case(_id_or_reference(case), with_parts=parts, with_names=names)


@router.get("/flights")
async def list_flights(
    request: Request, principal: CaseReader, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> Flights:
    """Flights with how many cases are on them."""
    return Flights(flights=await reads_for(request, principal).flights(limit))


@router.get("/figures")
async def figures(request: Request, principal: Operator) -> Figures:
    """Counts per stage, corridor and office."""
    return Figures.model_validate(await reads_for(request, principal).figures())


@router.get("/stream", response_class=EventSourceResponse)
async def live(
    request: Request,
    watch: Annotated[Watch, Depends(watching)],
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,19}$")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """After each commit: which cases and flights have changed, and the figures; the audit has whose cases they were."""
    stream: Stream = request.app.state.stream
    after = int(last_event_id) if last_event_id else None
    async with aclosing(stream.messages(watch.sight, after, seconds=STREAM_SECONDS)) as messages:
        async for cursor, told in messages:
            if not await still_admitted(request):
                return
            if told["cases"]:
                await watch.disclose(request, told["cases"])
            yield _event(cursor, told)


async def still_admitted(request: Request) -> bool:
    """Whether the caller may still watch: a session may end while its stream is open."""
    try:
        check(await verified(request, access_token(request)), Permission.STATUS_READ)
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
