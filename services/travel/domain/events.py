"""What happens in travel. ``outgoing.py`` decides what of it leaves the service."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.travel.domain.vocabulary import FlightKind, Gate, RecordedIn, RefusedBy, ReleaseReason


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to one person's case."""

    case_id: UUID


@dataclass(frozen=True, slots=True)
class DocumentRequested(CaseEvent):
    authority: str


@dataclass(frozen=True, slots=True)
class DocumentIssued(CaseEvent):
    authority: str
    issued_on: date
    expires_on: date


@dataclass(frozen=True, slots=True)
class DocumentRefused(CaseEvent):
    authority: str


@dataclass(frozen=True, slots=True)
class DocumentLapsed(CaseEvent):
    expired_on: date


@dataclass(frozen=True, slots=True)
class ExitVisaRequested(CaseEvent):
    authority: str


@dataclass(frozen=True, slots=True)
class ExitVisaIssued(CaseEvent):
    authority: str
    issued_on: date
    expires_on: date


@dataclass(frozen=True, slots=True)
class ExitVisaRefused(CaseEvent):
    authority: str


@dataclass(frozen=True, slots=True)
class ExitVisaLapsed(CaseEvent):
    expired_on: date


@dataclass(frozen=True, slots=True)
class GatesEvaluated(CaseEvent):
    on: date
    met: tuple[Gate, ...]
    missing: tuple[Gate, ...]
    lapsing: tuple[Gate, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class SeatBooked(CaseEvent):
    flight_id: UUID
    provisional: bool
    escorted: bool


@dataclass(frozen=True, slots=True)
class SeatReleased(CaseEvent):
    flight_id: UUID
    reason: ReleaseReason


@dataclass(frozen=True, slots=True)
class Boarded(CaseEvent):
    flight_id: UUID
    boarded_at: datetime
    kit: bool


@dataclass(frozen=True, slots=True)
class NoShow(CaseEvent):
    flight_id: UUID


@dataclass(frozen=True, slots=True)
class BoardingRefused(CaseEvent):
    flight_id: UUID
    refused_by: RefusedBy


@dataclass(frozen=True, slots=True)
class BoardingCorrected(CaseEvent):
    flight_id: UUID
    boarded: bool


@dataclass(frozen=True, slots=True)
class Withdrawn(CaseEvent):
    withdrawn_on: date
    recorded_in: RecordedIn


@dataclass(frozen=True, slots=True)
class WithdrawalTooLate(CaseEvent):
    withdrawn_on: date


@dataclass(frozen=True, slots=True)
class Departed(CaseEvent):
    flight_id: UUID
    departed_at: datetime


@dataclass(frozen=True, slots=True)
class ArrivalConfirmed(CaseEvent):
    flight_id: UUID
    arrived_on: date


@dataclass(frozen=True, slots=True)
class MissingAtArrival(CaseEvent):
    flight_id: UUID


@dataclass(frozen=True, slots=True)
class ArrivalCorrected(CaseEvent):
    flight_id: UUID
    arrived: bool
    corrected_on: date


@dataclass(frozen=True, slots=True)
class FlightEvent:
    """Something that happened to a flight."""

    flight_id: UUID


@dataclass(frozen=True, slots=True)
class FlightScheduled(FlightEvent):
    carrier: str
    number: str
    origin: str
    destination: str
    departs_at: datetime
    capacity: int
    kind: FlightKind
    office: str
    country_of_origin: str


@dataclass(frozen=True, slots=True)
class FlightRescheduled(FlightEvent):
    departs_at: datetime


@dataclass(frozen=True, slots=True)
class FlightCancelled(FlightEvent):
    cancelled_on: date


@dataclass(frozen=True, slots=True)
class ManifestLocked(FlightEvent):
    passengers: int
    escorts: int


@dataclass(frozen=True, slots=True)
class ManifestValidated(FlightEvent):
    boarded: int
    no_shows: int
    refused: int
    withdrawn: int
    offloaded: int


@dataclass(frozen=True, slots=True)
class FlightDeparted(FlightEvent):
    departed_at: datetime
    passengers: int


OfPaper = (
    DocumentRequested
    | DocumentIssued
    | DocumentRefused
    | DocumentLapsed
    | ExitVisaRequested
    | ExitVisaIssued
    | ExitVisaRefused
    | ExitVisaLapsed
)
OfJourney = (
    Boarded
    | NoShow
    | BoardingRefused
    | BoardingCorrected
    | Departed
    | ArrivalConfirmed
    | MissingAtArrival
    | ArrivalCorrected
)
OfCase = OfPaper | GatesEvaluated | SeatBooked | SeatReleased | Withdrawn | WithdrawalTooLate | OfJourney
OfFlight = FlightScheduled | FlightRescheduled | FlightCancelled | ManifestLocked | ManifestValidated | FlightDeparted
TravelEvent = OfCase | OfFlight
