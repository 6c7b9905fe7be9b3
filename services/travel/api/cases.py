"""Routes about one case: papers, gates, withdrawal at the desk, arrival, corrections."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from services.travel.clients import Screening
from services.travel.domain.case import Case
from services.travel.domain.gates import Evaluation
from services.travel.domain.party import Party
from services.travel.domain.vocabulary import Gate, PaperKind
from services.travel.queries import read_party
from services.travel.repository import Unit, policy_of
from services.travel.usecases import cases as usecases
from shared.auth.permissions import Permission
from shared.auth.purposes import Purpose
from shared.web.bodies import Body, Day
from shared.web.commands import Command, PersonalReading, command, personal

router = APIRouter(tags=["travel: cases"])

WithPapers = Annotated[Command[Unit], Depends(command(Permission.PAPERS_RECORD))]
AtTheDesk = Annotated[Command[Unit], Depends(command(Permission.BOARDING_RECORD))]
AtReception = Annotated[Command[Unit], Depends(command(Permission.ARRIVALS_RECORD))]
Read = Annotated[PersonalReading, personal(Permission.TRAVEL_READ)]

Authority = Annotated[str, Field(min_length=2, max_length=80, examples=["embassy-pk"])]
Asked = Annotated[
    list[Authority] | None,
    Field(max_length=50, description="It counts only if one of these authorities was asked for the paper."),
]
Reason = Annotated[str, Field(min_length=3, max_length=1000)]
Answer = dict[str, Any]


class DocumentRequest(Body):
    """Which authority is asked for which travel document."""

    authority: Authority
    kind: PaperKind = PaperKind.LAISSEZ_PASSER


class ExitVisaRequest(Body):
    """Which authority is asked for the exit visa."""

    authority: Authority


class DocumentIssue(Body):
    """The document; without a day of expiry the authority's window counts."""

    number: str = Field(min_length=3, max_length=40)
    #: Checked against what was asked for.
    kind: PaperKind | None = None
    expires_on: date | None = None
    issued_on: date | None = None
    asked: Asked = None


class ExitVisaIssue(Body):
    """The exit visa; without a day of expiry the programme's window counts."""

    reference: str = Field(min_length=3, max_length=40)
    expires_on: date | None = None
    issued_on: date | None = None
    asked: Asked = None


class WithReason(Body):
    """Why."""

    reason: Reason


class ArrivalAt(Body):
    """Where the receiving side met the person."""

    place: str = Field(min_length=2, max_length=200)
    #: Today when it isn't said.
    arrived_on: date | None = None


class MissingNote(Body):
    """What is known of a person who was not met."""

    note: str = Field(min_length=3, max_length=1000)


class BoardingCorrection(Body):
    """What really happened at boarding."""

    boarded: bool
    reason: Reason


class ArrivalCorrection(Body):
    """What really happened at arrival."""

    arrived: bool
    reason: Reason


class GatesAnswer(BaseModel):
    """The gates at a day."""

    on: date
    met: list[Gate]
    missing: list[Gate]
    lapsing: list[Gate]
    ready: bool


@router.post("/cases/{case_id}/document/request")
async def request_document(case_id: UUID, body: DocumentRequest, command: WithPapers, request: Request) -> Answer:
    """Ask an authority for the travel document."""
    kind = body.kind
    asked = await Screening(request.app.state.service.client("screening")).consent(case_id, Purpose.TRAVEL_DOCUMENTS)
    return await command.run(
        lambda uow: usecases.request_paper(uow, case_id, Gate.DOCUMENT, body.authority, kind, asked)
    )


@router.post("/cases/{case_id}/document/issue")
async def issue_document(case_id: UUID, body: DocumentIssue, command: WithPapers) -> Answer:
    """Record the travel document."""
    said: Answer = body.model_dump(exclude={"number"})
    return await command.run(lambda uow: usecases.issue_paper(uow, case_id, Gate.DOCUMENT, body.number, **said))


@router.post("/cases/{case_id}/document/refuse")
async def refuse_document(case_id: UUID, body: WithReason, command: WithPapers) -> Answer:
    """Record that the authority won't issue the travel document."""
    return await command.run(lambda uow: usecases.refuse_paper(uow, case_id, Gate.DOCUMENT, body.reason))


@router.post("/cases/{case_id}/exit-visa/request")
async def request_exit_visa(case_id: UUID, body: ExitVisaRequest, command: WithPapers, request: Request) -> Answer:
    """Ask the authority in charge for the exit visa."""
    kind = PaperKind.EXIT_VISA
    asked = await Screening(request.app.state.service.client("screening")).consent(case_id, Purpose.TRAVEL_DOCUMENTS)
    return await command.run(
        lambda uow: usecases.request_paper(uow, case_id, Gate.EXIT_VISA, body.authority, kind, asked)
    )


@router.post("/cases/{case_id}/exit-visa/issue")
async def issue_exit_visa(case_id: UUID, body: ExitVisaIssue, command: WithPapers) -> Answer:
    """Record the exit visa."""
    said: Answer = body.model_dump(exclude={"reference"})
    return await command.run(lambda uow: usecases.issue_paper(uow, case_id, Gate.EXIT_VISA, body.reference, **said))


@router.post("/cases/{case_id}/exit-visa/refuse")
async def refuse_exit_visa(case_id: UUID, body: WithReason, command: WithPapers) -> Answer:
    """Record that the authority won't issue the exit visa."""
    return await command.run(lambda uow: usecases.refuse_paper(uow, case_id, Gate.EXIT_VISA, body.reason))


@router.post("/cases/{case_id}/withdrawal")
async def withdraw(case_id: UUID, body: WithReason, command: AtTheDesk) -> Answer:
    """Withdraw consent at the desk; ``effective`` is false when the person is already on board."""
    return await command.run(lambda uow: usecases.withdraw(uow, case_id, body.reason))


@router.post("/cases/{case_id}/arrival")
async def confirm_arrival(case_id: UUID, body: ArrivalAt, command: AtReception) -> Answer:
    """The receiving side has met the person."""
    return await command.run(lambda uow: usecases.confirm_arrival(uow, case_id, body.place, body.arrived_on))


@router.post("/cases/{case_id}/missing")
async def report_missing(case_id: UUID, body: MissingNote, command: AtReception) -> Answer:
    """The receiving side has not met the person."""
    return await command.run(lambda uow: usecases.report_missing(uow, case_id, body.note))


@router.post("/cases/{case_id}/boarding/correct")
async def correct_boarding(case_id: UUID, body: BoardingCorrection, command: AtTheDesk) -> Answer:
    """What was recorded at boarding was wrong."""
    return await command.run(lambda uow: usecases.correct_boarding(uow, case_id, body.boarded, body.reason))


@router.post("/cases/{case_id}/arrival/correct")
async def correct_arrival(case_id: UUID, body: ArrivalCorrection, command: AtReception) -> Answer:
    """What was recorded at arrival was wrong."""
    return await command.run(lambda uow: usecases.correct_arrival(uow, case_id, body.arrived, body.reason))


@router.get("/cases/{case_id}")
async def show_case(case_id: UUID, reading: Read) -> Answer:
    """What travel knows of a case; numbers of papers are on manifests only."""
    case, party = await read_party(reading.connection, case_id, policy_of(reading.programme))
    for each in (case, *party.travelling):
        reading.disclose([each.id], each.office or None)
    return {
        "case_id": case.id,
        "status": case.status,
        "actions": case.actions,
        "household_id": case.household_id,
        "family": sorted(each.id for each in party.travelling if each is not case),
        "flight_id": case.flight_id,
        "kit": case.kit,
        "assistance": case.assistance,
        "escort_required": case.escort_needed,
        **{gate.value: _paper(case, gate) for gate in (Gate.DOCUMENT, Gate.EXIT_VISA)},
        "gates": _gates(party.evaluate(case, reading.clock.now())),
    }


def _paper(case: Case, gate: Gate) -> Answer | None:
    paper = case.papers.get(gate)
    if paper is None:
        return None
    days = {"issued_on": paper.issued_on, "expires_on": paper.expires_on}
    return {"kind": paper.kind, "authority": paper.authority, "status": paper.status, **days}


@router.get("/cases/{case_id}/gates")
async def show_gates(case_id: UUID, reading: Read, on: Day | None = None) -> GatesAnswer:
    """What is met, missing or lapsing: at the flight's date, or on another day."""
    case, party = await read_party(reading.connection, case_id, policy_of(reading.programme))
    reading.disclose([case_id], case.office or None)
    at = _moment(case, party, on) if on else None
    return _gates(party.evaluate(case, reading.clock.now(), at))


def _moment(case: Case, party: Party, on: date) -> datetime:
    flight = party.flights.get(case.flight_id) if case.flight_id else None
    return flight.departs_at if flight and flight.departs_on == on else datetime.combine(on, time(12), UTC)


def _gates(found: Evaluation) -> GatesAnswer:
    lists = {"met": list(found.met), "missing": list(found.missing), "lapsing": list(found.lapsing)}
    return GatesAnswer(on=found.on, ready=found.ready, **lists)
