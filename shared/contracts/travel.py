"""What travel publishes. Subject: the case's id; of ``flight-*`` and ``manifest-*`` the flight's."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import Gate, SeatReleaseReason

SOURCE = "/homeward/travel"


class DocumentRequested(Contract, type="org.homeward.travel.document-requested.v1"):
    """A consular authority was asked for a travel document."""

    authority: str


class DocumentIssued(Contract, type="org.homeward.travel.document-issued.v1"):
    """The travel document is there; it is valid to the end of ``expires_on``."""

    authority: str
    issued_on: date
    expires_on: date


class DocumentRefused(Contract, type="org.homeward.travel.document-refused.v1"):
    """The authority won't issue a travel document."""

    authority: str


class DocumentLapsed(Contract, type="org.homeward.travel.document-lapsed.v1"):
    """The travel document's validity has ended before departure."""

    expired_on: date


class ExitVisaRequested(Contract, type="org.homeward.travel.exit-visa-requested.v1"):
    """The authority in charge was asked for an exit visa."""

    authority: str


class ExitVisaIssued(Contract, type="org.homeward.travel.exit-visa-issued.v1"):
    """The exit visa is there; it is valid to the end of ``expires_on``."""

    authority: str
    issued_on: date
    expires_on: date


class ExitVisaRefused(Contract, type="org.homeward.travel.exit-visa-refused.v1"):
    """The authority won't issue an exit visa."""

    authority: str


class ExitVisaLapsed(Contract, type="org.homeward.travel.exit-visa-lapsed.v1"):
    """The exit visa's validity has ended before departure."""

    expired_on: date


class GatesEvaluated(Contract, type="org.homeward.travel.gates-evaluated.v1"):
    """What is met, missing, or will lapse by ``on``: the flight's date, or today without a flight."""

    on: date
    met: list[Gate]
    missing: list[Gate]
    lapsing: list[Gate]
    ready: bool


class SeatBooked(Contract, type="org.homeward.travel.seat-booked.v1"):
    """The person has a seat; provisional while a paper that needs the flight's details is missing."""

    flight_id: UUID
    provisional: bool
    escorted: bool


class SeatReleased(Contract, type="org.homeward.travel.seat-released.v1"):
    """The person no longer has a seat on the flight."""

    flight_id: UUID
    reason: SeatReleaseReason


class Boarded(Contract, type="org.homeward.travel.boarded.v1"):
    """The person is on board, with the kit that was handed out."""

    flight_id: UUID
    boarded_at: datetime
    kit: bool


class NoShow(Contract, type="org.homeward.travel.no-show.v1"):
    """The person did not come to the flight."""

    flight_id: UUID


class BoardingRefused(Contract, type="org.homeward.travel.boarding-refused.v1"):
    """The airline, the border or the programme did not let the person board."""

    flight_id: UUID
    refused_by: Literal["airline", "border", "programme"]


class BoardingCorrected(Contract, type="org.homeward.travel.boarding-corrected.v1"):
    """What was recorded at boarding was wrong; this is what happened."""

    flight_id: UUID
    boarded: bool


class WithdrawnAtGate(Contract, type="org.homeward.travel.withdrawn.v1"):
    """Consent ended before boarding, here or in screening: nothing is held for the person any more.

    ``recorded_in`` tells where it was recorded first: screening knows already of those that it has recorded itself.
    """

    withdrawn_on: date
    recorded_in: Literal["travel", "screening"] = "travel"


class WithdrawalTooLate(Contract, type="org.homeward.travel.withdrawal-too-late.v1"):
    """Consent was withdrawn when the person had boarded; the journey stands."""

    withdrawn_on: date


class Departed(Contract, type="org.homeward.travel.departed.v1"):
    """The person has left on the flight."""

    flight_id: UUID
    departed_at: datetime


class ArrivalConfirmed(Contract, type="org.homeward.travel.arrival-confirmed.v1"):
    """The receiving side has met the person."""

    flight_id: UUID
    arrived_on: date


class MissingAtArrival(Contract, type="org.homeward.travel.missing-at-arrival.v1"):
    """The receiving side did not meet the person."""

    flight_id: UUID


class ArrivalCorrected(Contract, type="org.homeward.travel.arrival-corrected.v1"):
    """What was recorded at arrival was wrong; this is what happened."""

    flight_id: UUID
    arrived: bool
    corrected_on: date


class FlightScheduled(Contract, type="org.homeward.travel.flight-scheduled.v1"):
    """A flight or charter is planned."""

    carrier: str
    number: str
    origin: str
    destination: str
    departs_at: datetime
    capacity: int
    kind: Literal["charter", "commercial"]
    #: None in what was published before these were told.
    office: str | None = None
    country_of_origin: str | None = None


class FlightRescheduled(Contract, type="org.homeward.travel.flight-rescheduled.v1"):
    """The flight leaves at another time."""

    departs_at: datetime


class FlightCancelled(Contract, type="org.homeward.travel.flight-cancelled.v1"):
    """The flight won't leave; its seats are free."""

    cancelled_on: date


class ManifestLocked(Contract, type="org.homeward.travel.manifest-locked.v1"):
    """The list of passengers is final until the desk validates it against who is present."""

    passengers: int
    escorts: int


class ManifestValidated(Contract, type="org.homeward.travel.manifest-validated.v1"):
    """Everybody on the manifest is accounted for."""

    boarded: int
    no_shows: int
    refused: int
    withdrawn: int
    offloaded: int


class FlightDeparted(Contract, type="org.homeward.travel.flight-departed.v1"):
    """The flight has left."""

    departed_at: datetime
    passengers: int
