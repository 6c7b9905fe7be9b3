"""Monitoring's routes: the worklist of visits, attempts, what visits found, and the end of a case."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.monitoring import usecases
from services.monitoring.domain.case import Case
from services.monitoring.domain.lifecycle import Action, Status, VisitStatus
from services.monitoring.domain.visit import Attempt, Visit
from services.monitoring.domain.vocabulary import Method, Outcome, Reason, Reintegration
from services.monitoring.repository import ANSWERS, CASES, Unit, VisitRow, read_case, visits_to_make
from shared.auth.permissions import Permission
from shared.web.bodies import Body, Day
from shared.web.commands import Command, PersonalReading, command, personal
from shared.web.subjects import FOR_THE_PERSON, Held, documents, held, look_everywhere, texts

router = APIRouter(tags=["monitoring"])

Officer = Annotated[Command[Unit], Depends(command(Permission.VISITS_RECORD))]
Supervisor = Annotated[Command[Unit], Depends(command(Permission.CASES_CLOSE))]
Reader = Annotated[PersonalReading, personal(Permission.VISITS_READ)]
ListReader = Annotated[PersonalReading, personal(Permission.VISITS_LIST)]
Note = Annotated[str, Field(min_length=1, max_length=2000)]
Code = Annotated[str, Field(max_length=40)]

_STATES = {"due": [VisitStatus.SCHEDULED, VisitStatus.OVERDUE], "overdue": [VisitStatus.OVERDUE]}


class AttemptView(BaseModel):
    """One attempt to reach the person."""

    on: date
    outcome: Outcome
    note: str | None
    by: str

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptView":
        return cls(on=attempt.on, outcome=attempt.outcome, note=attempt.note, by=attempt.by)


class VisitView(BaseModel):
    """One follow-up visit."""

    code: str
    method: Method
    status: VisitStatus
    due_on: date
    grace_until: date
    completed_on: date | None
    completed_by: Method | None
    satisfied: bool | None
    attempts: list[AttemptView]

    @classmethod
    def of(cls, visit: Visit) -> "VisitView":
        return cls(
            code=visit.code,
            method=visit.planned.method,
            status=visit.status,
            due_on=visit.due_on,
            grace_until=visit.grace_until,
            completed_on=visit.completed_on,
            completed_by=visit.completed_by,
            satisfied=visit.satisfied,
            attempts=[AttemptView.of(attempt) for attempt in visit.attempts],
        )


class CaseView(BaseModel):
    """One returnee's follow-up, and what may be done next."""

    case_id: UUID
    status: Status
    inception_on: date
    reintegration: Reintegration
    failed_attempts: int
    lost_on: date | None
    closed_on: date | None
    closed_for: Reason | None
    notes: list[str]
    visits: list[VisitView]
    actions: list[Action]

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        return cls(
            case_id=case.id,
            status=case.status,
            inception_on=case.inception_on,
            reintegration=case.reintegration,
            failed_attempts=case.failed_attempts,
            lost_on=case.lost_on,
            closed_on=case.closed_on,
            closed_for=case.closed_for,
            notes=case.notes,
            visits=[VisitView.of(visit) for visit in case.visits],
            actions=case.actions(),
        )


class Worklist(BaseModel):
    """Visits to make, the longest due first."""

    before: date
    visits: list[VisitRow]


class AttemptMade(Body):
    """What came of an attempt."""

    outcome: Outcome
    note: Note | None = None


class AttemptKept(BaseModel):
    """The case after an attempt."""

    case_id: UUID
    status: Status
    failed_attempts: int


class VisitMade(Body):
    """What a visit found: raw answers, with the version of the questionnaire that asked for them."""

    method: Method
    findings: dict[str, Any] = Field(default_factory=dict, max_length=500)
    instrument: str = Field(default="unversioned", min_length=1, max_length=80)
    satisfied: bool | None = None


class VisitKept(BaseModel):
    """The case after a visit."""

    case_id: UUID
    status: Status
    next_due_on: date | None


class LossNoted(Body):
    """How it is known that the person can't be found."""

    note: Note


class Closure(Body):
    """Why the case ends."""

    reason: Reason
    note: Note | None = None


class CaseChanged(BaseModel):
    """The case after a command."""

    case_id: UUID
    status: Status


@router.get("/cases/{case_id}")
async def show_case(case_id: UUID, reading: Reader) -> CaseView:
    """One returnee's follow-up."""
    case = await read_case(reading.connection, case_id)
    reading.disclose([case_id], getattr(case, "office", None))
    return CaseView.of(case)


@router.get("/subjects/{case_id}")
async def show_subject(case_id: UUID, reading: Annotated[PersonalReading, FOR_THE_PERSON]) -> Held:
    """All of the follow-up for the person whose case it is: visits, notes, and what was answered."""
    connection = reading.connection
    case = await read_case(connection, case_id)
    await look_everywhere(reading, [case_id], case.office)
    of_finding = ("code", "instrument", "found_on", "recorded_by")
    records = {
        "cases": await documents(connection, CASES, "id = :id", id=case_id),
        "findings": await texts(connection, ANSWERS, of_finding, "case_id = :id ORDER BY found_on", id=case_id),
    }
    return await held(connection, case_id, [case_id], records)


@router.get("/visits")
async def list_visits(
    reading: ListReader,
    state: Literal["due", "overdue"] = "due",
    before: Day | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Worklist:
    """The visits to make that are due by a day: today when none is named."""
    day = before or reading.clock.today()
    visits = await visits_to_make(reading.connection, _STATES[state], day, limit)
    reading.disclose_each((each.case_id, each.office) for each in visits)
    return Worklist(before=day, visits=visits)


@router.post("/cases/{case_id}/visits/{code}/attempts", status_code=201)
async def record_attempt(case_id: UUID, code: Code, body: AttemptMade, command: Officer) -> AttemptKept:
    """Record an attempt to reach the person."""
    answer = await command.run(lambda uow: usecases.record_attempt(uow, case_id, code, body.outcome, body.note))
    return AttemptKept.model_validate(answer)


@router.post("/cases/{case_id}/visits/{code}/completion")
async def complete_visit(case_id: UUID, code: Code, body: VisitMade, command: Officer) -> VisitKept:
    """Record that a visit was made."""
    findings = usecases.Findings(body.method, body.findings, body.instrument, body.satisfied)
    answer = await command.run(lambda uow: usecases.complete_visit(uow, case_id, code, findings))
    return VisitKept.model_validate(answer)


@router.post("/cases/{case_id}/contact-lost")
async def lose_contact(case_id: UUID, body: LossNoted, command: Officer) -> CaseChanged:
    """Record that the person can't be found."""
    answer = await command.run(lambda uow: usecases.lose_contact(uow, case_id, body.note))
    return CaseChanged.model_validate(answer)


@router.post("/cases/{case_id}/closure")
async def close_case(case_id: UUID, body: Closure, command: Supervisor) -> CaseChanged:
    """End the case."""
    answer = await command.run(lambda uow: usecases.close_case(uow, case_id, body.reason, body.note))
    return CaseChanged.model_validate(answer)
