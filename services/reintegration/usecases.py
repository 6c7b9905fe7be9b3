"""The commands of reintegration: load, decide, record."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.reintegration.domain.case import Case, Ceiling
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.person import Person
from services.reintegration.domain.plan import Delivery, Wanted
from services.reintegration.domain.rules import NotAllowedNow
from services.reintegration.repository import Unit, claim_code
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class NewFund:
    """A donor's envelope as it was agreed."""

    code: str
    donor: str
    currency: str
    amount: int
    starts_on: date
    ends_on: date


async def open_fund(uow: Unit, new: NewFund) -> dict[str, Any]:
    """Open a donor's envelope."""
    await claim_code(uow.connection, new.code)
    fund, opened = Fund.open(
        new_id(),
        code=new.code,
        donor=new.donor,
        currency=new.currency,
        amount=new.amount,
        starts_on=new.starts_on,
        ends_on=new.ends_on,
    )
    uow.funds.add(fund)
    uow.record(opened)
    return {"fund_id": fund.id}


async def submit_plan(uow: Unit, case_id: UUID, fund_id: UUID, lines: list[Wanted]) -> dict[str, Any]:
    """Propose a plan and reserve its amount."""
    await uow.load(funds=[fund_id], cases=[case_id])
    fund, case = uow.funds.get(fund_id), uow.cases.get(case_id)
    person = uow.ledger(case.owner())
    uow.record(case.submit_plan(fund, person, lines, _ceiling(uow), by=uow.actor, on=uow.clock.today()))
    return _answer(case)


async def approve_plan(uow: Unit, case_id: UUID) -> dict[str, Any]:
    """Promise what was reserved."""
    case, fund, person = await _with_plan(uow, case_id)
    uow.record(case.approve_plan(fund, person, _ceiling(uow), by=uow.actor, on=uow.clock.today()))
    return _answer(case)


async def reject_plan(uow: Unit, case_id: UUID, reason: str) -> dict[str, Any]:
    """Turn a plan down."""
    case, fund, person = await _with_plan(uow, case_id)
    uow.record(case.reject_plan(fund, person, reason, by=uow.actor, on=uow.clock.today()))
    return _answer(case)


async def deliver(uow: Unit, case_id: UUID, line: int, proof_reference: str, amount: int) -> dict[str, Any]:
    """Record that a line was handed over."""
    case, fund, person = await _with_plan(uow, case_id)
    delivery = Delivery(amount, proof_reference, uow.clock.today(), uow.actor)
    uow.record(case.deliver(line, delivery, fund, person, _ceiling(uow)))
    return _answer(case)


async def correct_delivery(uow: Unit, case_id: UUID, line: int, reason: str) -> dict[str, Any]:
    """Undo a delivery that did not take place."""
    case, fund, person = await _with_plan(uow, case_id)
    uow.record(case.correct_delivery(line, reason, fund, person, by=uow.actor, on=uow.clock.today()))
    return _answer(case)


async def complete(uow: Unit, case_id: UUID) -> dict[str, Any]:
    """Everything is delivered."""
    case, fund, person = await _with_plan(uow, case_id)
    uow.record(case.complete(fund, person, uow.clock.today()))
    return _answer(case)


async def drop_out(uow: Unit, case_id: UUID, reason: str) -> dict[str, Any]:
    """The person no longer takes part."""
    await uow.load(cases=[case_id])
    case = uow.cases.get(case_id)
    cancelled = case.drop_out(reason, *uow.purse(case), uow.programme.reintegration.currency)
    if cancelled:
        uow.record(cancelled)
    return _answer(case)


async def _with_plan(uow: Unit, case_id: UUID) -> tuple[Case, Fund, Person]:
    await uow.load(cases=[case_id])
    case = uow.cases.get(case_id)
    fund, person = uow.purse(case)
    if fund is None or person is None:
        raise NotAllowedNow("The case has no plan.", state=case.status)
    return case, fund, person


def _ceiling(uow: Unit) -> Ceiling:
    return Ceiling(uow.programme.reintegration.ceiling, uow.programme.reintegration.currency)


def _answer(case: Case) -> dict[str, Any]:
    return {"case_id": case.id, "status": case.status}
