"""Reintegration's routes: funds, plans, approval, deliveries."""

from datetime import date
from typing import Annotated
from uuid import UUID

import pycountry
from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, Field

from services.reintegration import usecases
from services.reintegration.domain.case import Case
from services.reintegration.domain.events import Ending
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.lifecycle import Action, Status
from services.reintegration.domain.plan import Line, Plan, PlanState, Wanted
from services.reintegration.repository import CASES, PERSONS, Unit, read_case, read_fund, read_funds
from shared.auth.permissions import Permission
from shared.web.bodies import Body
from shared.web.commands import Command, PersonalReading, Reading, command, personal, reading
from shared.web.subjects import FOR_THE_PERSON, Held, documents, held, look_everywhere

router = APIRouter(tags=["reintegration"])

Planner = Annotated[Command[Unit], Depends(command(Permission.PLANS_SUBMIT))]
Deliverer = Annotated[Command[Unit], Depends(command(Permission.DELIVERIES_RECORD))]
Approver = Annotated[Command[Unit], Depends(command(Permission.PLANS_APPROVE))]
Treasurer = Annotated[Command[Unit], Depends(command(Permission.FUNDS_OPEN))]
CaseReader = Annotated[PersonalReading, personal(Permission.PLANS_READ)]
FundReader = Annotated[Reading, Depends(reading(Permission.FUNDS_READ))]

#: Minor units; the upper bound keeps sums of many within PostgreSQL's bigint.
Amount = Annotated[int, Field(gt=0, le=10**12)]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Short = Annotated[str, Field(min_length=1, max_length=100)]


def _in_use(code: str) -> str:
    # XXX and XTS are ISO 4217's codes for no currency and for tests.
    if pycountry.currencies.get(alpha_3=code) is None or code in ("XXX", "XTS"):
        raise ValueError("not a currency code of ISO 4217, such as EUR")
    return code


class FundNew(Body):
    """A donor's envelope as it was agreed."""

    code: Short
    donor: Short
    currency: Annotated[str, AfterValidator(_in_use), Field(description="ISO 4217")]
    amount: Amount
    starts_on: date
    ends_on: date


class FundKept(BaseModel):
    """The new fund."""

    fund_id: UUID


class FundView(BaseModel):
    """A fund: amount = reserved + committed + spent + available."""

    fund_id: UUID
    code: str
    donor: str
    currency: str
    starts_on: date
    ends_on: date
    amount: int
    reserved: int
    committed: int
    spent: int
    available: int

    @classmethod
    def of(cls, fund: Fund) -> "FundView":
        return cls(
            fund_id=fund.id,
            code=fund.code,
            donor=fund.donor,
            currency=fund.currency,
            starts_on=fund.starts_on,
            ends_on=fund.ends_on,
            amount=fund.amount,
            reserved=fund.reserved,
            committed=fund.committed,
            spent=fund.spent,
            available=fund.available,
        )


class Funds(BaseModel):
    """All funds."""

    funds: list[FundView]


class LineNew(Body):
    """A line as it is proposed."""

    kind: Short
    description: Text
    supplier: Short
    amount: Amount

    def wanted(self) -> Wanted:
        return Wanted(self.kind, self.description, self.supplier, self.amount)


class PlanNew(Body):
    """A plan as it was made with the returnee."""

    fund_id: UUID
    lines: list[LineNew] = Field(min_length=1, max_length=50)


class Reason(Body):
    """Why something is turned down or undone."""

    reason: Text


class HandOver(Body):
    """What a line cost, and the proof of it."""

    proof_reference: Short
    amount: Amount


class CaseChanged(BaseModel):
    """The case after a command."""

    case_id: UUID
    status: Status


class LineView(BaseModel):
    """One line of a plan."""

    number: int
    kind: str
    description: str
    supplier: str
    amount: int
    delivered: int | None
    delivered_on: date | None
    proof_reference: str | None
    corrections: int

    @classmethod
    def of(cls, number: int, line: Line) -> "LineView":
        made = line.delivery
        return cls(
            number=number,
            kind=line.kind,
            description=line.description,
            supplier=line.supplier,
            amount=line.budget,
            delivered=made.amount if made else None,
            delivered_on=made.on if made else None,
            proof_reference=made.proof_reference if made else None,
            corrections=len(line.corrections),
        )


class PlanView(BaseModel):
    """A plan and who decided about it."""

    state: PlanState
    fund_id: UUID
    currency: str
    held: int
    spent: int
    submitted_by: str
    submitted_on: date
    decided_by: str | None
    decided_on: date | None
    reason: str | None
    lines: list[LineView]

    @classmethod
    def of(cls, plan: Plan) -> "PlanView":
        return cls(
            state=plan.state,
            fund_id=plan.fund_id,
            currency=plan.currency,
            held=plan.held,
            spent=plan.spent,
            submitted_by=plan.submitted_by,
            submitted_on=plan.submitted_on,
            decided_by=plan.decided_by,
            decided_on=plan.decided_on,
            reason=plan.reason,
            lines=[LineView.of(number, line) for number, line in enumerate(plan.lines, 1)],
        )


class CaseView(BaseModel):
    """One returnee's reintegration, and what may be done next."""

    case_id: UUID
    status: Status
    arrived_on: date | None
    inception_on: date | None
    withdrawn_on: date | None
    ended_for: Ending | None
    note: str | None
    plan: PlanView | None
    earlier_plans: list[PlanView]
    actions: list[Action]

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        return cls(
            case_id=case.id,
            status=case.status,
            arrived_on=case.arrived_on,
            inception_on=case.inception_on,
            withdrawn_on=case.withdrawn_on,
            ended_for=case.ended_for,
            note=case.note,
            plan=PlanView.of(case.plan) if case.plan else None,
            earlier_plans=[PlanView.of(plan) for plan in case.plans[:-1]],
            actions=case.actions(),
        )


@router.post("/funds", status_code=201)
async def open_fund(body: FundNew, command: Treasurer) -> FundKept:
    """Open a donor's envelope."""
    new = usecases.NewFund(body.code, body.donor, body.currency, body.amount, body.starts_on, body.ends_on)
    return FundKept.model_validate(await command.run(lambda uow: usecases.open_fund(uow, new)))


@router.get("/funds")
async def list_funds(reading: FundReader) -> Funds:
    """All funds, by code."""
    return Funds(funds=[FundView.of(fund) for fund in await read_funds(reading.connection)])


@router.get("/funds/{fund_id}")
async def show_fund(fund_id: UUID, reading: FundReader) -> FundView:
    """One fund."""
    return FundView.of(await read_fund(reading.connection, fund_id))


@router.get("/cases/{case_id}")
async def show_case(case_id: UUID, reading: CaseReader) -> CaseView:
    """One returnee's reintegration."""
    case = await read_case(reading.connection, case_id)
    reading.disclose([case_id], getattr(case, "office", None))
    return CaseView.of(case)


@router.get("/subjects/{case_id}")
async def show_subject(case_id: UUID, reading: Annotated[PersonalReading, FOR_THE_PERSON]) -> Held:
    """The plans with their deliveries and notes, and the person's ledger, for the person whose case it is."""
    connection = reading.connection
    case = await read_case(connection, case_id)
    await look_everywhere(reading, [case_id], case.office)
    records = {
        "cases": await documents(connection, CASES, "id = :id", id=case_id),
        "ledger": await documents(connection, PERSONS, "id = :id", id=case.person_id),
    }
    return await held(connection, case_id, [case_id], records)


@router.post("/cases/{case_id}/plan", status_code=201)
async def submit_plan(case_id: UUID, body: PlanNew, command: Planner) -> CaseChanged:
    """Propose a plan; its amount is reserved."""
    lines = [line.wanted() for line in body.lines]
    answer = await command.run(lambda uow: usecases.submit_plan(uow, case_id, body.fund_id, lines))
    return CaseChanged.model_validate(answer)


@router.post("/cases/{case_id}/plan/approve")
async def approve_plan(case_id: UUID, command: Approver) -> CaseChanged:
    """Approve the plan that somebody else submitted; its amount is committed."""
    return CaseChanged.model_validate(await command.run(lambda uow: usecases.approve_plan(uow, case_id)))


@router.post("/cases/{case_id}/plan/reject")
async def reject_plan(case_id: UUID, body: Reason, command: Approver) -> CaseChanged:
    """Turn the plan down; its amount is free again."""
    answer = await command.run(lambda uow: usecases.reject_plan(uow, case_id, body.reason))
    return CaseChanged.model_validate(answer)


@router.post("/cases/{case_id}/lines/{number}/delivery")
async def deliver(case_id: UUID, number: int, body: HandOver, command: Deliverer) -> CaseChanged:
    """Record that a line was handed over, against proof."""
    answer = await command.run(lambda uow: usecases.deliver(uow, case_id, number, body.proof_reference, body.amount))
    return CaseChanged.model_validate(answer)


@router.post("/cases/{case_id}/lines/{number}/delivery/correct")
async def correct_delivery(case_id: UUID, number: int, body: Reason, command: Deliverer) -> CaseChanged:
    """Undo a delivery that did not take place."""
    answer = await command.run(lambda uow: usecases.correct_delivery(uow, case_id, number, body.reason))
    return CaseChanged.model_validate(answer)


@router.post("/cases/{case_id}/completion")
async def complete(case_id: UUID, command: Planner) -> CaseChanged:
    """Everything is delivered; what it did not cost is free again."""
    return CaseChanged.model_validate(await command.run(lambda uow: usecases.complete(uow, case_id)))


@router.post("/cases/{case_id}/cancel")
async def drop_out(case_id: UUID, body: Reason, command: Planner) -> CaseChanged:
    """The person no longer takes part; what was held is free again."""
    return CaseChanged.model_validate(await command.run(lambda uow: usecases.drop_out(uow, case_id, body.reason)))
