"""What movement operations do with flights and seats, and the desk on departure day: one function per command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.travel.airports import local
from services.travel.clients import ConsentNow
from services.travel.domain.case import Case
from services.travel.domain.flight import Flight, Outcome, require_plannable
from services.travel.domain.rules import (
    ConsentMissing,
    HoldOpen,
    NoConsentToTransfer,
    OverrideWithoutReason,
    WrongOrigin,
)
from services.travel.domain.seating import Allotment, allot
from services.travel.domain.vocabulary import FlightKind, RefusedBy
from services.travel.queries import blocked_cases, read_flight, waiting_units
from services.travel.repository import Unit
from services.travel.usecases.cases import Answer
from shared.errors import Unavailable
from shared.ids import new_id

#: People named as waiting in one answer.
_WAITING_SHOWN = 500


@dataclass(frozen=True)
class PlannedFlight:
    """A flight to be planned."""

    carrier: str
    number: str
    origin: str
    destination: str
    departs_at: datetime
    capacity: int
    kind: FlightKind
    office: str
    country_of_origin: str


async def plan_flight(uow: Unit, planned: PlannedFlight) -> Answer:
    """Plan a flight or a charter."""
    airports, now = uow.programme.offices[planned.office].airports, uow.clock.now()
    if planned.origin not in airports:
        raise WrongOrigin(planned.origin, planned.office, airports)
    require_plannable(planned.departs_at, now)
    there = replace(planned, departs_at=local(planned.departs_at, planned.origin))
    flight = Flight(new_id(), **vars(there))
    uow.flights.add(flight)
    uow.record(*flight.schedule(now))
    return {"flight_id": flight.id}


async def reschedule_flight(uow: Unit, flight_id: UUID, departs_at: datetime) -> Answer:
    """Leave at another time: the gates of everybody on it are evaluated again."""
    flight, now = await uow.load_flight(flight_id), uow.clock.now()
    uow.record(*flight.reschedule(departs_at, now))
    for party in uow.parties(_passengers(uow, flight)):
        uow.record(*party.settle(now))
    return {"flight_id": flight_id, "status": flight.status}


async def cancel_flight(uow: Unit, flight_id: UUID, reason: str) -> Answer:
    """Won't leave: its seats are free, its passengers go back."""
    flight, now = await uow.load_flight(flight_id), uow.clock.now()
    passengers = _passengers(uow, flight)
    uow.record(*flight.cancel(now.date()))
    for party in uow.parties(passengers):
        uow.record(*party.flight_cancelled(flight, now))
    uow.keep_decision("flight_cancelled", reason, flight_id=flight_id)
    return {"flight_id": flight_id, "status": flight.status, "released": len(passengers)}


async def fill_seats(uow: Unit, flight_id: UUID) -> Answer:
    """Give the free seats by priority."""
    known = await read_flight(uow.connection, flight_id)
    after = uow.programme.travel.documents_after_booking
    # Units that turn out not to fit are passed over for smaller ones, so look at more than there are seats.
    line = await waiting_units(uow.connection, known, after, 2 * max(known.free, 0) + 20)
    await uow.load(flights=[flight_id], cases=[case_id for unit in line for case_id in unit.cases])
    flight = uow.flights.get(flight_id)
    cases = [uow.cases.get(case_id) for unit in line for case_id in unit.cases]
    allotment = allot(flight, uow.parties(cases), uow.clock.now())
    uow.record(*allotment.events)
    blocked = await blocked_cases(uow.connection, flight, after, _WAITING_SHOWN)
    return _answer(allotment, blocked)


async def give_seats(uow: Unit, flight_id: UUID, case_ids: Sequence[UUID], override_reason: str | None) -> Answer:
    """Give seats to chosen people and their families; choosing them before others needs a reason."""
    await uow.load(flights=[flight_id], cases=case_ids)
    flight = uow.flights.get(flight_id)
    parties = uow.parties(uow.cases.get(case_id) for case_id in case_ids)
    chosen = [member.id for party in parties for member in party.members]
    after = uow.programme.travel.documents_after_booking
    first = await waiting_units(uow.connection, flight, after, 1, without=chosen)
    overridden = bool(first) and first[0].priority < max(party.priority for party in parties)
    if overridden and not override_reason:
        raise OverrideWithoutReason()
    allotment = allot(flight, parties, uow.clock.now(), by_hand=True)
    uow.record(*allotment.events)
    if override_reason:
        for case_id in allotment.booked:
            uow.keep_decision("seat_override", override_reason, case_id=case_id, flight_id=flight_id)
    return _answer(allotment, {})


def _answer(allotment: Allotment, blocked: Mapping[UUID, Sequence[str]]) -> Answer:
    waiting = {**blocked, **allotment.waiting}
    shown = [{"case_id": case_id, "missing": list(gates)} for case_id, gates in waiting.items()]
    return {"booked": allotment.booked, "waiting": shown[:_WAITING_SHOWN]}


async def release_seat(uow: Unit, flight_id: UUID, case_id: UUID, reason: str) -> Answer:
    """Take a seat back, and with it the family's."""
    case, flight = await _at_the_desk(uow, flight_id, case_id)
    uow.record(*uow.party(case).release(case, flight, uow.clock.now()))
    uow.keep_decision("seat_released", reason, case_id=case_id, flight_id=flight_id)
    return {"case_id": case_id, "status": case.status}


async def lock_manifest(
    uow: Unit, flight_id: UUID, identities: Mapping[UUID, Mapping[str, Any]], asked: Sequence[UUID]
) -> Answer:
    """Make the manifest final, with the identities as they are now: a departure must work with screening down."""
    flight, now = await uow.load_flight(flight_id), uow.clock.now()
    passengers = _passengers(uow, flight)
    absent = {case.id: uow.party(case).evaluate(case, now).absent for case in passengers}
    blocked = [{"case_id": str(id), "missing": [gate.value for gate in gates]} for id, gates in absent.items() if gates]
    uow.record(*flight.lock(blocked, now))
    if lacking := [str(case.id) for case in passengers if case.id in asked and case.id not in identities]:
        raise NoConsentToTransfer(recipient="carrier", cases=lacking)
    if any(case.id not in identities for case in passengers):
        raise Unavailable("Screening has not given every passenger's identity: lock the manifest again.")
    for case in passengers:
        uow.keep_identity(flight, case.id, identities[case.id])
    return {"passengers": len(flight.passengers), "escorts": flight.escorts}


async def board(
    uow: Unit, flight_id: UUID, case_id: UUID, *, kit: bool, verbal_reconfirmation: bool, asked: ConsentNow | None
) -> Answer:
    """Let a person on board. ``asked`` is what screening says now, None when it can't be reached."""
    if asked is None and not verbal_reconfirmation:
        raise Unavailable(
            "Screening can't be reached, so consent can't be checked: ask the person whether they still want to"
            " return, and if they do, send verbal_reconfirmation=true."
        )
    case, flight = await _at_the_desk(uow, flight_id, case_id)
    if asked is not None and not asked.consent:
        raise ConsentMissing()
    if asked is not None and asked.holds:
        raise HoldOpen()
    uow.record(*uow.party(case).board(case, flight, kit=kit, now=uow.clock.now()))
    if verbal_reconfirmation:
        uow.keep_decision("verbal_reconfirmation", "", case_id=case_id, flight_id=flight_id)
    return {"case_id": case_id, "status": case.status}


async def record_no_show(uow: Unit, flight_id: UUID, case_id: UUID) -> Answer:
    """The person did not come."""
    case, flight = await _at_the_desk(uow, flight_id, case_id)
    uow.record(*uow.party(case).miss(case, flight, uow.clock.now()))
    return {"case_id": case_id, "status": case.status}


async def record_refusal(uow: Unit, flight_id: UUID, case_id: UUID, by: RefusedBy, reason: str) -> Answer:
    """The person was not let on board."""
    case, flight = await _at_the_desk(uow, flight_id, case_id)
    uow.record(*uow.party(case).refuse(case, flight, by, uow.clock.now()))
    uow.keep_decision("boarding_refused", reason, case_id=case_id, flight_id=flight_id)
    return {"case_id": case_id, "status": case.status}


async def validate_manifest(uow: Unit, flight_id: UUID) -> Answer:
    """Everybody on the manifest is accounted for."""
    await uow.load(flights=[flight_id])
    flight = uow.flights.get(flight_id)
    uow.record(*flight.validate())
    return {**flight.figures()}


async def depart(uow: Unit, flight_id: UUID, departed_at: datetime | None) -> Answer:
    """The flight has left with those on board."""
    flight = await uow.load_flight(flight_id)
    now = uow.clock.now()
    at = departed_at or now
    on_board = [each.case_id for each in flight.passengers.values() if each.outcome is Outcome.BOARDED]
    uow.record(*flight.depart(at, now))
    for case_id in on_board:
        uow.record(*uow.cases.get(case_id).depart(at))
    return {"flight_id": flight_id, "status": flight.status, "passengers": len(on_board)}


async def _at_the_desk(uow: Unit, flight_id: UUID, case_id: UUID) -> tuple[Case, Flight]:
    await uow.load(flights=[flight_id], cases=[case_id])
    return uow.cases.get(case_id), uow.flights.get(flight_id)


def _passengers(uow: Unit, flight: Flight) -> list[Case]:
    return [uow.cases.get(each.case_id) for each in flight.passengers.values() if each.seated]
