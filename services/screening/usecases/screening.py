"""Counselling, vulnerability, protection, fitness, and the clearance at their end."""

from typing import Any
from uuid import UUID

from services.screening.domain.case import Case
from services.screening.domain.consents import Recipient
from services.screening.domain.records import (
    Assessment,
    BestInterests,
    Declaration,
    Examination,
    Hold,
    Refusal,
    Withdrawal,
)
from services.screening.domain.vocabulary import Escort
from services.screening.repository import Unit


async def declare(uow: Unit, case_id: UUID, declaration: Declaration) -> dict[str, Any]:
    """Take the voluntary declaration and the consent to the use of data."""
    case = await _load(uow, case_id)
    uow.record(*case.declare(declaration))
    return {"case_id": case.id, "signed_on": declaration.at.date()}


async def change_consent(uow: Unit, case_id: UUID, recipient: Recipient, reason: str, *, given: bool) -> dict[str, Any]:
    """Give or take back consent to one recipient."""
    case = await _load(uow, case_id)
    uow.record(*case.change_consent(recipient, given, reason, uow.clock.now(), uow.actor))
    return {"case_id": case.id, "recipients": case.recipients}


async def withdraw(uow: Unit, case_id: UUID, withdrawal: Withdrawal) -> dict[str, Any]:
    """End consent."""
    case = await _load(uow, case_id)
    uow.record(*case.withdraw(withdrawal))
    return {"case_id": case.id, "withdrawn_on": withdrawal.on}


async def assess(uow: Unit, case_id: UUID, assessment: Assessment, *, unaccompanied: bool) -> dict[str, Any]:
    """Record the vulnerability screening's result."""
    case = await _load(uow, case_id)
    uow.record(*case.assess(assessment, unaccompanied=unaccompanied))
    on = uow.clock.today()
    escorted = case.escort(on) is not Escort.NONE
    return {"case_id": case.id, "escort_required": escorted, "care_required": case.needs_care(on)}


async def place_hold(uow: Unit, case_id: UUID, hold: Hold) -> dict[str, Any]:
    """Stop the case."""
    case = await _load(uow, case_id)
    uow.record(*case.place_hold(hold))
    return {"hold_id": hold.id}


async def lift_hold(uow: Unit, case_id: UUID, hold_id: UUID, outcome: str) -> dict[str, Any]:
    """Let the case move again, as far as this hold is concerned."""
    case = await _load(uow, case_id)
    uow.record(*case.lift_hold(hold_id, outcome=outcome, at=uow.clock.now(), by=uow.actor))
    return {"hold_id": hold_id, "open_holds": len(case.open_holds)}


async def decide_best_interests(uow: Unit, case_id: UUID, decision: BestInterests) -> dict[str, Any]:
    """Record how a child's best-interests procedure ended."""
    case = await _load(uow, case_id)
    uow.record(*case.decide_best_interests(decision, uow.clock.now()))
    return {"case_id": case.id, "arranged": decision.arranged}


async def examine(uow: Unit, case_id: UUID, examination: Examination) -> dict[str, Any]:
    """Record a fit-to-travel result."""
    case = await _load(uow, case_id)
    uow.record(*case.examine(examination))
    return {"case_id": case.id, "fit": examination.fit, "valid_until": examination.valid_until}


async def clear(uow: Unit, case_id: UUID) -> dict[str, Any]:
    """Declare all gates of screening met."""
    case = await _load(uow, case_id)
    uow.record(*case.clear(uow.clock.now()))
    return {"case_id": case.id, "cleared_on": uow.clock.today()}


async def decline(uow: Unit, case_id: UUID, reason: str) -> dict[str, Any]:
    """End the case: the programme can't return this person."""
    case = await _load(uow, case_id)
    uow.record(*case.decline(Refusal(reason, uow.clock.now(), uow.actor)))
    return {"case_id": case.id, "declined_on": uow.clock.today()}


async def _load(uow: Unit, case_id: UUID) -> Case:
    await uow.load(cases=[case_id])
    return uow.cases.get(case_id)
