"""What the gateway knows of a case, a flight and a household: one pure fold per source.

A source's events of one subject come in order; the sources come in any order. Each sub-state is changed by its own
source alone, and the stage is computed from the sub-states, so the order in which sources arrive can't matter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.gateway.vocabulary import Arrival, Boarding, Paper, Plan
from shared.contracts import monitoring, reintegration, screening, travel
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup, AssistanceCode, Gate


@dataclass
class Screening:
    """What screening has told."""

    reference: str | None = None
    person_id: UUID | None = None
    household_id: UUID | None = None
    office: str | None = None
    country: str | None = None
    age_group: AgeGroup | None = None
    registered_on: date | None = None
    suspected: list[UUID] = field(default_factory=list)
    band: int | None = None
    assistance: list[AssistanceCode] = field(default_factory=list)
    escort_required: bool = False
    care_required: bool = False
    care_arranged: bool = False
    declared: bool = False
    withdrawn: bool = False
    holds: list[UUID] = field(default_factory=list)
    fit: bool | None = None
    fit_until: datetime | None = None
    cleared: bool = False
    declined: bool = False
    merged_into: UUID | None = None
    erased_on: date | None = None

    def apply(self, data: Contract) -> None:
        match data:
            case screening.CaseRegistered():
                self.reference = data.reference
                self.person_id, self.household_id = data.person_id, data.household_id
                self.office, self.country = data.office, data.country_of_origin
                self.age_group, self.registered_on = data.age_group, data.registered_on
            case screening.DuplicateSuspected():
                self.suspected = [*self.suspected, data.other_case_id]
            case screening.DuplicateDecided():
                self.suspected = [other for other in self.suspected if other != data.other_case_id]
                self.person_id = data.person_id
            case screening.CaseMerged():
                self.merged_into = data.into_case_id
            case screening.HoldPlaced():
                self.holds = [*self.holds, data.hold_id]
            case screening.HoldLifted():
                self.holds = [hold for hold in self.holds if hold != data.hold_id]
            case screening.CaseDeclined():
                self.declined = True
            case screening.IdentityCorrected():
                self.country, self.age_group = data.country_of_origin, data.age_group
            case screening.PersonErased():
                self.erased_on = data.erased_on
                self._forget()
            case _:
                self._apply_gate(data)

    def _forget(self) -> None:
        """Nothing of the person's needs is told any more."""
        self.band = self.fit = self.fit_until = self.age_group = None
        self.escort_required = self.care_required = self.care_arranged = False
        self.assistance, self.holds, self.suspected = [], [], []

    def _apply_gate(self, data: Contract) -> None:
        match data:
            case screening.CaseAssessed():
                self.band, self.assistance = data.band, list(data.assistance)
                self.escort_required, self.care_required = data.escort_required, data.care_required
            case screening.CareArranged():
                self.care_arranged = data.arranged
            case screening.DeclarationSigned():
                self.declared, self.withdrawn = True, False
            case screening.ConsentWithdrawn():
                self.withdrawn = True
            case screening.FitnessRecorded():
                self.fit, self.fit_until = data.fit, data.valid_until
                self.assistance = sorted({*self.assistance, *data.assistance})
            case screening.CaseCleared():
                self.cleared = True
            case screening.ClearanceRevoked():
                self.cleared = False

    def missing(self) -> set[Gate]:
        """The gates of screening that are not met."""
        met = {
            Gate.CONSENT: self.declared and not self.withdrawn,
            Gate.ASSESSMENT: self.band is not None,
            Gate.IDENTITY: not self.suspected,
            Gate.HOLD: not self.holds,
            Gate.CARE: self.care_arranged or not self.care_required,
            Gate.FITNESS: bool(self.fit),
            Gate.CLEARANCE: self.cleared,
        }
        return {gate for gate, holds in met.items() if not holds}


#: Fitness is recorded by screening, but whether it still holds on the flight's date is travel's to say.
TRAVEL_GATES = frozenset({Gate.FITNESS, Gate.DOCUMENT, Gate.EXIT_VISA, Gate.ESCORT, Gate.FAMILY, Gate.SEAT})


@dataclass
class Travel:
    """What travel has told of a case."""

    document: Paper = Paper.NONE
    document_until: date | None = None
    exit_visa: Paper = Paper.NONE
    exit_visa_until: date | None = None
    gates_on: date | None = None
    met: list[Gate] = field(default_factory=list)
    missing: list[Gate] = field(default_factory=list)
    lapsing: list[Gate] = field(default_factory=list)
    ready: bool = False
    #: The flight of the seat, or the one that was boarded or missed last.
    flight_id: UUID | None = None
    seated: bool = False
    provisional: bool = False
    boarding: Boarding = Boarding.OPEN
    departed: bool = False
    arrival: Arrival = Arrival.OPEN
    arrived_on: date | None = None
    withdrawn: bool = False
    too_late: bool = False

    def apply(self, data: Contract) -> None:
        match data:
            case travel.GatesEvaluated():
                self.gates_on, self.ready = data.on, data.ready
                self.met, self.missing, self.lapsing = list(data.met), list(data.missing), list(data.lapsing)
                # Who has withdrawn may declare again: then travel finds consent met and the case goes on.
                self.withdrawn = self.withdrawn and Gate.CONSENT not in data.met
            case travel.SeatBooked():
                self.flight_id, self.seated, self.provisional = data.flight_id, True, data.provisional
                self.boarding = Boarding.OPEN
            case travel.SeatReleased():
                self.seated = self.provisional = False
            case travel.WithdrawnAtGate():
                self.withdrawn, self.seated = True, False
            case travel.WithdrawalTooLate():
                self.too_late = True
            case _:
                self._apply_paper(data)
                self._apply_departure(data)

    def _apply_paper(self, data: Contract) -> None:
        match data:
            case travel.DocumentRequested():
                self.document = Paper.REQUESTED
            case travel.DocumentIssued():
                self.document, self.document_until = Paper.ISSUED, data.expires_on
            case travel.DocumentRefused():
                self.document = Paper.REFUSED
            case travel.DocumentLapsed():
                self.document = Paper.LAPSED
            case travel.ExitVisaRequested():
                self.exit_visa = Paper.REQUESTED
            case travel.ExitVisaIssued():
                self.exit_visa, self.exit_visa_until = Paper.ISSUED, data.expires_on
            case travel.ExitVisaRefused():
                self.exit_visa = Paper.REFUSED
            case travel.ExitVisaLapsed():
                self.exit_visa = Paper.LAPSED

    def _apply_departure(self, data: Contract) -> None:
        match data:
            case travel.Boarded():
                self.flight_id, self.boarding = data.flight_id, Boarding.BOARDED
            case travel.NoShow():
                self.boarding, self.seated = Boarding.NO_SHOW, False
            case travel.BoardingRefused():
                self.boarding, self.seated = Boarding.REFUSED, False
            case travel.BoardingCorrected():
                self.boarding = Boarding.BOARDED if data.boarded else Boarding.OPEN
                self.departed = self.departed and data.boarded
            case travel.Departed():
                self.flight_id, self.departed = data.flight_id, True
            case travel.ArrivalConfirmed():
                self.departed, self.arrival, self.arrived_on = True, Arrival.CONFIRMED, data.arrived_on
            case travel.MissingAtArrival():
                self.departed, self.arrival = True, Arrival.MISSING
            case travel.ArrivalCorrected():
                self.arrival = Arrival.CONFIRMED if data.arrived else Arrival.MISSING
                self.arrived_on = data.corrected_on if data.arrived else None

    @property
    def begun(self) -> bool:
        """Whether anybody has worked on papers or a seat."""
        return self.document is not Paper.NONE or self.exit_visa is not Paper.NONE or self.flight_id is not None

    def open_gates(self) -> set[Gate]:
        """The gates of travel that are not met."""
        if self.gates_on is not None:
            return {gate for gate in self.missing if gate in TRAVEL_GATES}
        papers = {Gate.DOCUMENT: self.document, Gate.EXIT_VISA: self.exit_visa}
        return {gate for gate, paper in papers.items() if paper is not Paper.ISSUED}


@dataclass
class Reintegration:
    """What reintegration has told of a case. Amounts are in the currency's minor unit."""

    opened_on: date | None = None
    plan: Plan = Plan.NONE
    amount: int = 0
    currency: str | None = None
    delivered: dict[int, int] = field(default_factory=dict)
    completed_on: date | None = None
    cancelled: str | None = None

    def apply(self, data: Contract) -> None:
        match data:
            case reintegration.ReintegrationOpened():
                self.opened_on, self.cancelled = data.inception_on, None
            case reintegration.PlanSubmitted():
                self.plan, self.amount, self.currency = Plan.SUBMITTED, data.amount, data.currency
            case reintegration.PlanApproved():
                self.plan = Plan.APPROVED
            case reintegration.PlanRejected():
                self.plan = Plan.REJECTED
            case reintegration.LineDelivered():
                self.delivered = {**self.delivered, data.line: data.amount}
            case reintegration.DeliveryCorrected():
                self.delivered = {line: amount for line, amount in self.delivered.items() if line != data.line}
                self.completed_on = None
            case reintegration.ReintegrationCompleted():
                self.completed_on = data.completed_on
            case reintegration.ReintegrationCancelled():
                self.cancelled = data.reason

    @property
    def running(self) -> bool:
        """Whether it was opened and not cancelled."""
        return self.opened_on is not None and self.cancelled is None


@dataclass
class Visit:
    """One follow-up."""

    code: str
    due_on: date
    completed_on: date | None = None
    overdue: bool = False
    attempts: int = 0


@dataclass
class Monitoring:
    """What monitoring has told of a case."""

    visits: dict[str, Visit] = field(default_factory=dict)
    lost: bool = False
    closed: str | None = None

    def apply(self, data: Contract) -> None:
        match data:
            case monitoring.FollowUpsScheduled():
                self.visits = {each.code: Visit(each.code, each.due_on) for each in data.visits}
            case monitoring.AttemptRecorded() if visit := self.visits.get(data.code):
                visit.attempts += 1
            case monitoring.FollowUpCompleted() if visit := self.visits.get(data.code):
                visit.completed_on = data.completed_on
            case monitoring.FollowUpOverdue() if visit := self.visits.get(data.code):
                visit.overdue = True
            case monitoring.FollowUpsCancelled():
                self.visits = {code: visit for code, visit in self.visits.items() if visit.completed_on}
            case monitoring.ContactLost():
                self.lost = True
            case monitoring.ContactRegained():
                self.lost = False
            case monitoring.CaseClosed():
                self.closed = data.reason

    @property
    def all_visited(self) -> bool:
        """Whether there were follow-ups and all of them were made."""
        return bool(self.visits) and all(visit.completed_on for visit in self.visits.values())


@dataclass
class CaseView:
    """One case as operators see it: one sub-state per source."""

    id: UUID
    screening: Screening = field(default_factory=Screening)
    travel: Travel = field(default_factory=Travel)
    reintegration: Reintegration = field(default_factory=Reintegration)
    monitoring: Monitoring = field(default_factory=Monitoring)
    #: The programme's time of the latest event.
    updated_at: datetime | None = None

    def apply(self, source: str, data: Contract, at: datetime) -> None:
        """Fold one event in."""
        parts: dict[str, Callable[[Contract], None]] = {
            screening.SOURCE: self.screening.apply,
            travel.SOURCE: self.travel.apply,
            reintegration.SOURCE: self.reintegration.apply,
            monitoring.SOURCE: self.monitoring.apply,
        }
        parts[source](data)
        self.updated_at = at if self.updated_at is None else max(self.updated_at, at)

    @property
    def corridor(self) -> str | None:
        """From which office to which country."""
        known = self.screening
        return f"{known.office}-{known.country}" if known.office and known.country else None

    @property
    def missing_gates(self) -> list[Gate]:
        """What is still missing before the person may fly, in the gates' own order; nothing once they have flown."""
        if self.travel.departed:
            return []
        missing = self.screening.missing() | self.travel.open_gates()
        return [gate for gate in Gate if gate in missing]


@dataclass
class FlightView:
    """One flight as operators see it."""

    id: UUID
    carrier: str = ""
    number: str = ""
    origin: str = ""
    destination: str = ""
    kind: str = ""
    departs_at: datetime | None = None
    capacity: int = 0
    office: str | None = None
    country: str | None = None
    status: str = "scheduled"
    counts: dict[str, int] = field(default_factory=dict)

    def apply(self, data: Contract) -> None:
        match data:
            case travel.FlightScheduled():
                self.carrier, self.number, self.kind = data.carrier, data.number, data.kind
                self.origin, self.destination = data.origin, data.destination
                self.departs_at, self.capacity = data.departs_at, data.capacity
                self.office, self.country = data.office, data.country_of_origin
            case travel.FlightRescheduled():
                self.departs_at = data.departs_at
            case travel.FlightCancelled():
                self.status = "cancelled"
            case travel.ManifestLocked():
                self.status, self.counts = "locked", data.model_dump(mode="json")
            case travel.ManifestValidated():
                self.status, self.counts = "validated", {**self.counts, **data.model_dump(mode="json")}
            case travel.FlightDeparted():
                self.status, self.departs_at = "departed", data.departed_at


@dataclass
class HouseholdView:
    """Who travels together."""

    id: UUID
    case_ids: list[UUID] = field(default_factory=list)

    def apply(self, data: Contract) -> None:
        if isinstance(data, screening.HouseholdChanged):
            self.case_ids = list(data.case_ids)
