"""What the gateway's reads answer: made from the projections alone, without names."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.gateway.projection import CaseView, FlightView, Visit
from services.gateway.sentences import sentence
from services.gateway.stages import Stage, stage
from services.gateway.vocabulary import Paper
from shared.contracts.vocabulary import Gate


class CaseRow(BaseModel):
    """One case in a list."""

    case_id: UUID
    reference: str
    stage: Stage
    office: str
    country: str
    corridor: str
    holds: int
    missing_gates: list[Gate]
    flight_id: UUID | None
    updated_at: datetime
    #: Only when names were asked for, and screening gave them.
    name: str | None = None
    list_reference: str | None = None


class CasePage(BaseModel):
    """Cases in order of registration, and the cursor of the next page; ``gaps`` are services that can't be reached."""

    cases: list[CaseRow]
    next: UUID | None
    gaps: list[str] = []


class Gates(BaseModel):
    """What travel has found at a date."""

    on: date | None
    met: list[Gate]
    missing: list[Gate]
    lapsing: list[Gate]
    ready: bool


class PaperState(BaseModel):
    """A travel document or an exit visa."""

    state: Paper
    expires_on: date | None


class Seat(BaseModel):
    """The seat, and what happened at the gate and at the other end."""

    flight_id: UUID | None
    seated: bool
    provisional: bool
    boarding: str
    departed: bool
    arrival: str
    arrived_on: date | None


class Assistance(BaseModel):
    """Reintegration in short. Amounts in the currency's minor unit."""

    opened_on: date | None
    plan: str
    amount: int
    delivered: int
    currency: str | None
    completed_on: date | None
    cancelled: str | None


class FollowUp(BaseModel):
    """One follow-up visit."""

    code: str
    due_on: date
    completed_on: date | None
    overdue: bool
    attempts: int


class Member(BaseModel):
    """A member of the household."""

    case_id: UUID
    reference: str | None
    stage: Stage


class Entry(BaseModel):
    """One event of the timeline."""

    time: datetime
    source: str
    type: str
    text: str
    subject: UUID
    sequence: int
    data: dict[str, Any]
    trace_id: str | None


class FlightRow(BaseModel):
    """One flight; ``seats`` are the cases that have a seat on it or have flown."""

    flight_id: UUID
    carrier: str
    number: str
    origin: str
    destination: str
    kind: str
    departs_at: datetime | None
    capacity: int
    status: str
    seats: int
    counts: dict[str, int]


class CaseStatus(BaseModel):
    """One case; ``parts`` is what the services say of it themselves, ``gaps`` names those that can't be reached."""

    case_id: UUID
    reference: str | None
    stage: Stage
    office: str | None
    country: str | None
    corridor: str | None
    person_id: UUID | None
    merged_into: UUID | None
    household_id: UUID | None
    household: list[Member]
    age_group: str | None
    registered_on: date | None
    band: int | None
    assistance: list[str]
    escort_required: bool
    suspected_duplicates: list[UUID]
    holds: list[UUID]
    missing_gates: list[Gate]
    gates: Gates
    document: PaperState
    exit_visa: PaperState
    seat: Seat
    flight: FlightRow | None
    reintegration: Assistance
    visits: list[FollowUp]
    lost_contact: bool
    closed: str | None
    #: What was held of the person was destroyed on this day.
    erased_on: date | None
    updated_at: datetime | None
    timeline: list[Entry]
    #: Only when names were asked for, and screening gave them.
    name: str | None = None
    list_reference: str | None = None
    parts: dict[str, Any] = {}
    gaps: list[str] = []


def case_row(case: CaseView) -> CaseRow:
    """A registered case as a list shows it."""
    known = case.screening
    return CaseRow.model_validate(
        {
            "case_id": case.id,
            "reference": known.reference,
            "stage": stage(case),
            "office": known.office,
            "country": known.country,
            "corridor": case.corridor,
            "holds": len(known.holds),
            # Care stands for a child without a parent, of whom no list tells; the case's own page has every gate.
            "missing_gates": [gate for gate in case.missing_gates if gate is not Gate.CARE],
            "flight_id": case.travel.flight_id,
            "updated_at": case.updated_at,
        }
    )


def case_status(
    case: CaseView, household: tuple[UUID | None, Sequence[Any]], flight: FlightRow | None, events: Iterable[Any]
) -> CaseStatus:
    """Everything that the gateway knows of a case."""
    known, household_id = case.screening, household[0] or case.screening.household_id
    return CaseStatus(
        case_id=case.id,
        reference=known.reference,
        stage=stage(case),
        office=known.office,
        country=known.country,
        corridor=case.corridor,
        person_id=known.person_id,
        merged_into=known.merged_into,
        household_id=household_id,
        household=[Member(case_id=row.id, reference=row.reference, stage=row.stage) for row in household[1]],
        age_group=known.age_group,
        registered_on=known.registered_on,
        band=known.band,
        assistance=list(known.assistance),
        escort_required=known.escort_required,
        suspected_duplicates=known.suspected,
        holds=known.holds,
        missing_gates=case.missing_gates,
        flight=flight,
        updated_at=case.updated_at,
        timeline=[entry(row) for row in events],
        lost_contact=case.monitoring.lost,
        closed=case.monitoring.closed,
        erased_on=known.erased_on,
        **_travel(case),
        **_afterwards(case),
    )


def _travel(case: CaseView) -> dict[str, Any]:
    known = case.travel
    return {
        "gates": Gates(
            on=known.gates_on, met=known.met, missing=known.missing, lapsing=known.lapsing, ready=known.ready
        ),
        "document": PaperState(state=known.document, expires_on=known.document_until),
        "exit_visa": PaperState(state=known.exit_visa, expires_on=known.exit_visa_until),
        "seat": Seat(
            flight_id=known.flight_id,
            seated=known.seated,
            provisional=known.provisional,
            boarding=known.boarding,
            departed=known.departed,
            arrival=known.arrival,
            arrived_on=known.arrived_on,
        ),
    }


def _afterwards(case: CaseView) -> dict[str, Any]:
    known = case.reintegration
    return {
        "reintegration": Assistance(
            opened_on=known.opened_on,
            plan=known.plan,
            amount=known.amount,
            delivered=sum(known.delivered.values()),
            currency=known.currency,
            completed_on=known.completed_on,
            cancelled=known.cancelled,
        ),
        "visits": [_follow_up(visit) for visit in case.monitoring.visits.values()],
    }


def _follow_up(visit: Visit) -> FollowUp:
    return FollowUp(
        code=visit.code,
        due_on=visit.due_on,
        completed_on=visit.completed_on,
        overdue=visit.overdue and visit.completed_on is None,
        attempts=visit.attempts,
    )


def flight_row(flight: FlightView, seats: int) -> FlightRow:
    """A flight as lists show it."""
    return FlightRow(
        flight_id=flight.id,
        carrier=flight.carrier,
        number=flight.number,
        origin=flight.origin,
        destination=flight.destination,
        kind=flight.kind,
        departs_at=flight.departs_at,
        capacity=flight.capacity,
        status=flight.status,
        seats=seats,
        counts=flight.counts,
    )


def entry(row: Any) -> Entry:
    """One row of the timeline, with its sentence."""
    return Entry(
        time=row.time,
        source=row.source.rsplit("/", 1)[-1],
        type=row.type,
        text=sentence(row.type, row.data),
        subject=row.subject,
        sequence=row.sequence,
        data=row.data,
        trace_id=row.trace_id,
    )
