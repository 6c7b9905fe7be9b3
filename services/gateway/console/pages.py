"""The console's pages. Each asks the reads that the API asks."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from services.gateway.api import CaseReader, Operator, case_reads_for, reads_for
from services.gateway.clients import Neighbours
from services.gateway.console.gates import gates_of
from services.gateway.console.journey import ASIDE, JOURNEY
from services.gateway.console.rendering import ConsoleRoute, page
from services.gateway.console.words import days_of
from services.gateway.reads import CaseReads
from services.gateway.repository import Filter
from services.gateway.stages import Stage
from shared.auth.principal import Principal
from shared.auth.purposes import purposes_of
from shared.errors import NotFound
from shared.web.access import access_token
from shared.web.bodies import Name
from shared.web.commands import PERSONAL

router = APIRouter(route_class=ConsoleRoute)

PAGE_SIZE = 50
FLIGHTS = 200
#: More than any aircraft holds.
PASSENGERS = 500

#: A form sends what isn't chosen as an empty text.
_emptied = BeforeValidator(lambda value: value or None)
Chosen = Annotated[Annotated[str, Field(max_length=100)] | None, _emptied]


def case_reads(request: Request, operator: CaseReader) -> CaseReads:
    """The operator's reads of cases, for what the operator's role mostly reads for."""
    return case_reads_for(request, operator, purposes_of(operator.roles)[0])


setattr(case_reads, PERSONAL, True)

CaseReading = Annotated[CaseReads, Depends(case_reads)]


class Listing(BaseModel):
    """Which cases to list."""

    q: Chosen = None
    stage: Annotated[Stage | None, _emptied] = None
    office: Chosen = None
    corridor: Chosen = None
    names: bool = False
    after: UUID | None = None

    def chosen(self, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
        """What was chosen, as a form's fields."""
        return self.model_dump(mode="json", exclude={"after", *without}, exclude_defaults=True)


@router.get("/")
async def pipeline(request: Request, operator: Operator) -> Response:
    """Where every case is, live."""
    figures = await reads_for(request, operator).figures()
    return page("pipeline.html", request, operator, journey=JOURNEY, aside=ASIDE, figures=figures)


@router.get("/cases")
async def cases(
    request: Request, reading: CaseReading, operator: Operator, listing: Annotated[Listing, Query()]
) -> Response:
    """Cases in order of registration, filtered."""
    return await _listed(request, reading, operator, listing)


@router.post("/cases")
async def search(
    request: Request, reading: CaseReading, operator: Operator, listing: Annotated[Listing, Form()]
) -> Response:
    """The same; who is searched for stands in no address, and so in nobody's log or history."""
    response = await _listed(request, reading, operator, listing)
    if listing.after is None:
        kept = urlencode(listing.chosen(without=frozenset({"q"})))
        response.headers["HX-Push-Url"] = f"/cases?{kept}" if kept else "/cases"
    return response


async def _listed(request: Request, reading: CaseReads, operator: Principal, listing: Listing) -> Response:
    filter = Filter(stage=listing.stage, office=listing.office, corridor=listing.corridor)
    found = await reading.cases(filter, q=listing.q, after=listing.after, limit=PAGE_SIZE, with_names=listing.names)
    return page(
        "cases.html",
        request,
        operator,
        found=found,
        figures=await reading.figures(),
        stages=[*JOURNEY, *(each.stage for each in ASIDE)],
        listing=listing,
    )


@router.get("/cases/{name}")
async def case(request: Request, reading: CaseReading, operator: Operator, name: Name) -> Response:
    """One case, by its id or reference."""
    found = await reading.case(_id_or_reference(name), with_parts=True, with_names=True)
    return page("case.html", request, operator, case=found, gates=gates_of(found), days=days_of(found.timeline))


@router.get("/flights")
async def flights(request: Request, reader: CaseReader, operator: Operator) -> Response:
    """Flights, the latest departure first."""
    return page("flights.html", request, operator, flights=await reads_for(request, reader).flights(FLIGHTS))


@router.get("/flights/{flight_id}")
async def flight(request: Request, reading: CaseReading, operator: Operator, flight_id: UUID) -> Response:
    """One flight: its figures as travel has them, and the cases on it."""
    known = await reading.flights(FLIGHTS)
    found = next((each for each in known if each.flight_id == flight_id), None)
    if found is None:
        raise NotFound("There is no such flight.")
    neighbours: Neighbours = request.app.state.neighbours
    asked = await neighbours.ask_each({"travel": f"/flights/{flight_id}"}, token=access_token(request))
    passengers = await reading.cases(
        Filter(flight_id=flight_id), q=None, after=None, limit=PASSENGERS, with_names=False
    )
    travel: dict[str, Any] | None = asked.answers.get("travel")
    return page(
        "flight.html", request, operator, flight=found, travel=travel, gaps=asked.gaps, passengers=passengers.cases
    )


def _id_or_reference(name: str) -> UUID | str:
    try:
        return UUID(name)
    except ValueError:
        return name.upper()
