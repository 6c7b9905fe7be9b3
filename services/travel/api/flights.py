"""Routes of movement operations: flights, seats and the manifest up to its lock."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, Field, model_validator

from services.travel.airports import CARRIER, country_of
from services.travel.api.cases import Answer, Reason
from services.travel.clients import Screening
from services.travel.domain.case import Case
from services.travel.domain.flight import Flight, FlightStatus, Passenger
from services.travel.domain.vocabulary import AgeGroup, FlightKind, Gate
from services.travel.queries import identities_of, read_cases, read_flight, read_flights
from services.travel.repository import Unit
from services.travel.usecases import flights as usecases
from services.travel.usecases.flights import PlannedFlight
from shared.auth.permissions import Permission
from shared.auth.purposes import Purpose
from shared.errors import Invalid
from shared.programme import Programme
from shared.web.bodies import Body
from shared.web.commands import Command, PersonalReading, Reading, command, personal, reading

router = APIRouter(tags=["travel: flights"])

Planning = Annotated[Command[Unit], Depends(command(Permission.FLIGHTS_PLAN))]
Seating = Annotated[Command[Unit], Depends(command(Permission.SEATS_GIVE))]
Locking = Annotated[Command[Unit], Depends(command(Permission.MANIFEST_LOCK))]
#: Flights and their figures, without passengers.
Read = Annotated[Reading, Depends(reading(Permission.TRAVEL_READ))]
ReadManifest = Annotated[PersonalReading, personal(Permission.MANIFEST_READ)]
Airport = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="IATA code", examples=["MJI"])]


class FlightBody(Body):
    """A flight or charter."""

    carrier: str = Field(pattern=f"^{CARRIER.pattern}$".replace("(?!\\d\\d)", ""), examples=["YL"])
    number: str = Field(pattern=r"^\d{1,4}[A-Z]?$", examples=["6402"])
    origin: Airport
    destination: Airport
    departs_at: AwareDatetime
    capacity: int = Field(ge=1, le=900)
    kind: FlightKind
    office: str = Field(min_length=1, max_length=100)
    country_of_origin: str = Field(pattern=r"^[A-Z]{2}$", description="where the passengers come from and go to")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if not CARRIER.fullmatch(self.carrier):
            raise ValueError("carrier is not an IATA designator: two characters, not both digits")
        if self.origin == self.destination:
            raise ValueError("origin and destination are the same airport")
        return self


class Rescheduled(Body):
    """The new time."""

    departs_at: AwareDatetime


class CancelReason(Body):
    """Why the flight won't leave."""

    reason: Reason


class Seats(Body):
    """Whom to give seats; nobody named: by priority, as many as there are seats."""

    case_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=900)
    override_reason: Reason | None = None


class SeatBack(Body):
    """Whose seat is taken back, and why."""

    case_id: UUID
    reason: Reason


class WaitingPerson(BaseModel):
    """Somebody without a seat."""

    case_id: UUID
    missing: list[str]


class SeatsAnswer(BaseModel):
    """Who has a seat now and who waits."""

    booked: list[UUID]
    waiting: list[WaitingPerson]


@router.post("/flights", status_code=201)
async def plan_flight(body: FlightBody, command: Planning) -> Answer:
    """Plan a flight or a charter."""
    command.require_office(body.office)
    planned = _planned(body, command.desk.programme)
    return await command.run(lambda uow: usecases.plan_flight(uow, planned))


def _planned(body: FlightBody, programme: Programme) -> PlannedFlight:
    if body.office not in programme.offices:
        raise Invalid("There is no such office.", known=sorted(programme.offices))
    country_of(body.origin)
    if country_of(body.destination) != body.country_of_origin:
        raise Invalid(f"{body.destination} is not in {body.country_of_origin}, where the passengers come from.")
    return PlannedFlight(**dict(body))


@router.post("/flights/{flight_id}/reschedule")
async def reschedule_flight(flight_id: UUID, body: Rescheduled, command: Planning) -> Answer:
    """Leave at another time; a locked manifest is a draft again."""
    return await command.run(lambda uow: usecases.reschedule_flight(uow, flight_id, body.departs_at))


@router.post("/flights/{flight_id}/cancel")
async def cancel_flight(flight_id: UUID, body: CancelReason, command: Planning) -> Answer:
    """Cancel: every seat is free, people go back to where their gates stand."""
    return await command.run(lambda uow: usecases.cancel_flight(uow, flight_id, body.reason))


@router.post("/flights/{flight_id}/seats")
async def give_seats(flight_id: UUID, command: Seating, body: Seats | None = None) -> SeatsAnswer:
    """Give seats by priority, or to chosen people."""
    if body is None or body.case_ids is None:
        return SeatsAnswer.model_validate(await command.run(lambda uow: usecases.fill_seats(uow, flight_id)))
    chosen, reason = body.case_ids, body.override_reason
    answer = await command.run(lambda uow: usecases.give_seats(uow, flight_id, chosen, reason))
    return SeatsAnswer.model_validate(answer)


@router.post("/flights/{flight_id}/seats/release")
async def release_seat(flight_id: UUID, body: SeatBack, command: Seating) -> Answer:
    """Take a seat back, and with it the family's."""
    return await command.run(lambda uow: usecases.release_seat(uow, flight_id, body.case_id, body.reason))


@router.post("/flights/{flight_id}/manifest/lock")
async def lock_manifest(flight_id: UUID, command: Locking, request: Request) -> Answer:
    """Make the manifest final, with the passengers' identities as screening knows them now."""
    async with command.looking() as connection:
        flight = await read_flight(connection, flight_id)
    identities: dict[UUID, dict[str, Any]] = {}
    if flight.status is FlightStatus.PLANNED and flight.passengers:
        screening = Screening(request.app.state.service.client("screening"))
        identities = await screening.identities(list(flight.passengers), Purpose.TRAVEL_ARRANGEMENT)
    asked = list(flight.passengers) if flight.status is FlightStatus.PLANNED else []
    return await command.run(lambda uow: usecases.lock_manifest(uow, flight_id, identities, asked))


@router.get("/flights")
async def list_flights(reading: Read, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Answer:
    """The flights, the latest departure first."""
    return {"flights": [_shown(flight) for flight in await read_flights(reading.connection, limit)]}


@router.get("/flights/{flight_id}")
async def show_flight(flight_id: UUID, reading: Read) -> Answer:
    """One flight."""
    return _shown(await read_flight(reading.connection, flight_id))


def _shown(flight: Flight) -> Answer:
    names = ("carrier", "number", "origin", "destination", "departs_at", "capacity", "kind", "office")
    return {
        "flight_id": flight.id,
        **{name: getattr(flight, name) for name in names},
        "country_of_origin": flight.country_of_origin,
        "status": flight.status,
        "actions": flight.actions,
        "departed_at": flight.departed_at,
        "taken": flight.taken(),
        "free": flight.free,
        "escorts": flight.escorts,
        "figures": flight.figures(),
    }


@router.get("/flights/{flight_id}/manifest")
async def show_manifest(flight_id: UUID, reading: ReadManifest) -> Answer:
    """Who is on the flight; names and papers once the manifest was locked."""
    flight = await read_flight(reading.connection, flight_id)
    cases = await read_cases(reading.connection, list(flight.passengers))
    identities = await identities_of(reading.connection, flight)
    reading.disclose([flight_id, *cases], flight.office)
    # Whom the caller may not see, such as those who were left behind, is counted in the flight's figures only.
    shown = [line for line in flight.passengers.values() if line.case_id in cases]
    lines = [_line(line, cases[line.case_id], identities.get(line.case_id)) for line in shown]
    return {
        "flight_id": flight_id,
        "status": flight.status,
        "passengers": lines,
        "escorts": flight.escorts,
        "totals": _totals(flight, shown, cases),
    }


def _line(line: Passenger, case: Case, identity: dict[str, Any] | None) -> Answer:
    names = ("given_name", "family_name")
    return {
        "case_id": case.id,
        "household_id": case.household_id,
        "name": " ".join(str(identity[name]) for name in names) if identity else None,
        "date_of_birth": identity.get("date_of_birth") if identity else None,
        "sex": identity.get("sex") if identity else None,
        "nationality": identity.get("nationality") if identity else None,
        "document_number": case.numbers.get(Gate.DOCUMENT) if identity else None,
        "age_group": case.age_group,
        "on_lap": line.on_lap,
        "assistance": case.assistance,
        "escorted": line.escorted,
        "outcome": line.outcome,
    }


def _totals(flight: Flight, shown: list[Passenger], cases: dict[UUID, Case]) -> dict[str, int]:
    seated = [cases[line.case_id].age_group for line in shown if line.seated]
    groups = {"adults": AgeGroup.ADULT, "children": AgeGroup.CHILD, "infants": AgeGroup.INFANT}
    counts = {name: seated.count(group) for name, group in groups.items()}
    return {"passengers": len(seated), **counts, "escorts": flight.escorts, "seats": flight.taken(), **flight.figures()}
