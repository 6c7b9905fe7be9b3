"""What leaves travel, field by field: no number of a paper, no reason, no name."""

from typing import assert_never

from services.travel.domain import events as domain
from services.travel.domain import vocabulary
from shared.contracts import travel as contracts
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import Gate, SeatReleaseReason
from shared.messaging.outbox import Outgoing

#: The published word for each of travel's gates.
_GATES = {gate: Gate(gate.value) for gate in vocabulary.Gate}


def publish(event: domain.TravelEvent) -> Outgoing:
    """The published form of a domain event; its subject is the case or the flight."""
    if isinstance(event, domain.FlightEvent):
        return Outgoing(event.flight_id, _of_flight(event))
    return Outgoing(event.case_id, _of_case(event))


def _of_case(event: domain.OfCase) -> Contract:
    match event:
        case domain.GatesEvaluated():
            return contracts.GatesEvaluated(
                on=event.on,
                met=[_GATES[gate] for gate in event.met],
                missing=[_GATES[gate] for gate in event.missing],
                lapsing=[_GATES[gate] for gate in event.lapsing],
                ready=event.ready,
            )
        case domain.SeatBooked(flight_id=flight_id):
            return contracts.SeatBooked(flight_id=flight_id, provisional=event.provisional, escorted=event.escorted)
        case domain.SeatReleased(flight_id=flight_id):
            return contracts.SeatReleased(flight_id=flight_id, reason=SeatReleaseReason(event.reason.value))
        case domain.Withdrawn(withdrawn_on=day):
            return contracts.WithdrawnAtGate(withdrawn_on=day, recorded_in=event.recorded_in.value)
        case domain.WithdrawalTooLate(withdrawn_on=day):
            return contracts.WithdrawalTooLate(withdrawn_on=day)
        case (
            domain.DocumentRequested()
            | domain.DocumentIssued()
            | domain.DocumentRefused()
            | domain.DocumentLapsed()
            | domain.ExitVisaRequested()
            | domain.ExitVisaIssued()
            | domain.ExitVisaRefused()
            | domain.ExitVisaLapsed()
        ):
            return _of_paper(event)
        case _:
            return _of_journey(event)


def _of_paper(event: domain.OfPaper) -> Contract:
    match event:
        case domain.DocumentRequested(authority=authority):
            return contracts.DocumentRequested(authority=authority)
        case domain.DocumentIssued(authority=authority, issued_on=issued_on, expires_on=expires_on):
            return contracts.DocumentIssued(authority=authority, issued_on=issued_on, expires_on=expires_on)
        case domain.DocumentRefused(authority=authority):
            return contracts.DocumentRefused(authority=authority)
        case domain.DocumentLapsed(expired_on=expired_on):
            return contracts.DocumentLapsed(expired_on=expired_on)
        case domain.ExitVisaRequested(authority=authority):
            return contracts.ExitVisaRequested(authority=authority)
        case domain.ExitVisaIssued(authority=authority, issued_on=issued_on, expires_on=expires_on):
            return contracts.ExitVisaIssued(authority=authority, issued_on=issued_on, expires_on=expires_on)
        case domain.ExitVisaRefused(authority=authority):
            return contracts.ExitVisaRefused(authority=authority)
        case domain.ExitVisaLapsed(expired_on=expired_on):
            return contracts.ExitVisaLapsed(expired_on=expired_on)
        case _:
            assert_never(event)


def _of_journey(event: domain.OfJourney) -> Contract:
    match event:
        case domain.Boarded(flight_id=flight_id, boarded_at=boarded_at, kit=kit):
            return contracts.Boarded(flight_id=flight_id, boarded_at=boarded_at, kit=kit)
        case domain.NoShow(flight_id=flight_id):
            return contracts.NoShow(flight_id=flight_id)
        case domain.BoardingRefused(flight_id=flight_id, refused_by=refused_by):
            return contracts.BoardingRefused(flight_id=flight_id, refused_by=refused_by.value)
        case domain.BoardingCorrected(flight_id=flight_id, boarded=boarded):
            return contracts.BoardingCorrected(flight_id=flight_id, boarded=boarded)
        case domain.Departed(flight_id=flight_id, departed_at=departed_at):
            return contracts.Departed(flight_id=flight_id, departed_at=departed_at)
        case domain.ArrivalConfirmed(flight_id=flight_id, arrived_on=arrived_on):
            return contracts.ArrivalConfirmed(flight_id=flight_id, arrived_on=arrived_on)
        case domain.MissingAtArrival(flight_id=flight_id):
            return contracts.MissingAtArrival(flight_id=flight_id)
        case domain.ArrivalCorrected(flight_id=flight_id, arrived=arrived, corrected_on=corrected_on):
            return contracts.ArrivalCorrected(flight_id=flight_id, arrived=arrived, corrected_on=corrected_on)
        case _:
            assert_never(event)


def _of_flight(event: domain.OfFlight) -> Contract:
    match event:
        case domain.FlightScheduled():
            return contracts.FlightScheduled(
                carrier=event.carrier,
                number=event.number,
                origin=event.origin,
                destination=event.destination,
                departs_at=event.departs_at,
                capacity=event.capacity,
                kind=event.kind.value,
                office=event.office,
                country_of_origin=event.country_of_origin,
            )
        case domain.FlightRescheduled(departs_at=departs_at):
            return contracts.FlightRescheduled(departs_at=departs_at)
        case domain.FlightCancelled(cancelled_on=cancelled_on):
            return contracts.FlightCancelled(cancelled_on=cancelled_on)
        case domain.ManifestLocked(passengers=passengers, escorts=escorts):
            return contracts.ManifestLocked(passengers=passengers, escorts=escorts)
        case domain.ManifestValidated():
            return contracts.ManifestValidated(
                boarded=event.boarded,
                no_shows=event.no_shows,
                refused=event.refused,
                withdrawn=event.withdrawn,
                offloaded=event.offloaded,
            )
        case domain.FlightDeparted(departed_at=departed_at, passengers=passengers):
            return contracts.FlightDeparted(departed_at=departed_at, passengers=passengers)
        case _:
            assert_never(event)
