"""Routes of counselling, screening, holds, care, fitness and clearance."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.screening.api.models import Line, Note
from services.screening.domain.consents import NEEDED, Recipient
from services.screening.domain.records import (
    Assessment,
    BestInterests,
    Declaration,
    Examination,
    Hold,
    Withdrawal,
)
from services.screening.domain.vocabulary import Band, Escort, GivenBy, HoldKind, Outcome, PlaceKind, Verdict
from services.screening.repository import Unit
from services.screening.usecases import screening
from shared.auth.permissions import Permission
from shared.contracts.vocabulary import AssistanceCode
from shared.ids import new_id
from shared.web.bodies import Body
from shared.web.commands import Command, command

router = APIRouter(prefix="/cases/{case_id}", tags=["screening"])

Signing = Annotated[Command[Unit], Depends(command(Permission.DECLARATIONS_SIGN))]
Withdrawing = Annotated[Command[Unit], Depends(command(Permission.CONSENT_WITHDRAW))]
Assessing = Annotated[Command[Unit], Depends(command(Permission.ASSESSMENTS_RECORD))]
Holding = Annotated[Command[Unit], Depends(command(Permission.HOLDS_PLACE))]
Lifting = Annotated[Command[Unit], Depends(command(Permission.HOLDS_LIFT))]
Protecting = Annotated[Command[Unit], Depends(command(Permission.BEST_INTERESTS_DECIDE))]
Examining = Annotated[Command[Unit], Depends(command(Permission.FITNESS_RECORD))]
Clearing = Annotated[Command[Unit], Depends(command(Permission.CASES_CLEAR))]
Declining = Annotated[Command[Unit], Depends(command(Permission.CASES_DECLINE))]


class Declare(Body):
    """The voluntary declaration and the consent to the use of data, and how they came about."""

    place: Line
    place_kind: PlaceKind
    language: Line
    interpreter: Line | None = None
    witness: Line
    alternatives_explained: bool
    data_consent: bool
    given_by: GivenBy = GivenBy.SELF
    proxy_reason: Note | None = None
    #: To whom the person agrees that data are transferred; those without which nobody can travel unless it is said.
    recipients: list[Recipient] = Field(default_factory=lambda: list(NEEDED), max_length=len(Recipient))


class Declared(BaseModel):
    """Since when the declaration stands."""

    case_id: UUID
    signed_on: date


class ConsentTo(Body):
    """Which recipient, and why consent is given or taken back."""

    recipient: Recipient
    reason: Note


class Recipients(BaseModel):
    """To whom data may be transferred now."""

    case_id: UUID
    recipients: list[Recipient]


class Withdraw(Body):
    """Where and why consent is taken back."""

    place: Line
    reason: Note


class Withdrawn(BaseModel):
    """Since when there is no consent."""

    case_id: UUID
    withdrawn_on: date


class Assess(Body):
    """The vulnerability band, from 1 (goes first) to 4, and what the journey must provide."""

    band: Band
    assistance: list[AssistanceCode] = Field(default_factory=list, max_length=50)
    escort: Escort = Escort.NONE
    unaccompanied: bool = False


class Assessed(BaseModel):
    """What follows from the assessment."""

    case_id: UUID
    escort_required: bool
    care_required: bool


class PlaceHold(Body):
    """Why the case must not move."""

    kind: HoldKind
    note: Note


class HoldPlaced(BaseModel):
    """The hold, to be lifted by its identifier."""

    hold_id: UUID


class LiftHold(Body):
    """What became of the reason for the hold."""

    outcome: Note


class HoldLifted(BaseModel):
    """The hold, and how many others are open."""

    hold_id: UUID
    open_holds: int


class DecideBestInterests(Body):
    """How a child's best-interests procedure ended, and who receives the child."""

    decision: Verdict
    family_traced: bool
    receiver: Line | None = None
    decided_on: date | None = None


class BestInterestsDecided(BaseModel):
    """Whether care at home is arranged."""

    case_id: UUID
    arranged: bool


class Examine(Body):
    """A fit-to-travel result."""

    outcome: Outcome
    assistance: list[AssistanceCode] = Field(default_factory=list, max_length=50)
    escort: Escort = Escort.NONE


class Examined(BaseModel):
    """Until when the result holds."""

    case_id: UUID
    fit: bool
    valid_until: datetime


class Cleared(BaseModel):
    """Since when the case is cleared."""

    case_id: UUID
    cleared_on: date


class Decline(Body):
    """Why the programme can't return this person."""

    reason: Note


class Declined(BaseModel):
    """Since when the case is declined."""

    case_id: UUID
    declined_on: date


@router.post("/declaration", status_code=201, response_model=Declared)
async def declare(case_id: UUID, body: Declare, command: Signing) -> Any:
    """Take the voluntary declaration and the consent to the use of data."""
    return await command.run(lambda uow: screening.declare(uow, case_id, _declaration(body, uow)))


@router.post("/consents", response_model=Recipients)
async def give_consent(case_id: UUID, body: ConsentTo, command: Signing) -> Any:
    """Record consent to a transfer to one more recipient."""
    to, reason = body.recipient, body.reason
    return await command.run(lambda uow: screening.change_consent(uow, case_id, to, reason, given=True))


@router.post("/consents/withdrawal", response_model=Recipients)
async def take_consent_back(case_id: UUID, body: ConsentTo, command: Withdrawing) -> Any:
    """Take back consent to one recipient, if people can travel without."""
    to, reason = body.recipient, body.reason
    return await command.run(lambda uow: screening.change_consent(uow, case_id, to, reason, given=False))


@router.post("/consent/withdrawal", response_model=Withdrawn)
async def withdraw(case_id: UUID, body: Withdraw, command: Withdrawing) -> Any:
    """Take consent back: at once, at any time before boarding."""

    def withdrawal(uow: Unit) -> Withdrawal:
        return Withdrawal(uow.clock.today(), body.place, body.reason, uow.clock.now(), uow.actor)

    return await command.run(lambda uow: screening.withdraw(uow, case_id, withdrawal(uow)))


@router.post("/assessment", response_model=Assessed)
async def assess(case_id: UUID, body: Assess, command: Assessing) -> Any:
    """Record the vulnerability screening's result."""

    def assessment(uow: Unit) -> Assessment:
        return Assessment(body.band, _codes(body.assistance), body.escort, uow.clock.now(), uow.actor)

    return await command.run(
        lambda uow: screening.assess(uow, case_id, assessment(uow), unaccompanied=body.unaccompanied)
    )


@router.post("/holds", status_code=201, response_model=HoldPlaced)
async def place_hold(case_id: UUID, body: PlaceHold, command: Holding) -> Any:
    """Stop the case."""
    return await command.run(
        lambda uow: screening.place_hold(uow, case_id, Hold(new_id(), body.kind, body.note, uow.clock.now(), uow.actor))
    )


@router.post("/holds/{hold_id}/lift", response_model=HoldLifted)
async def lift_hold(case_id: UUID, hold_id: UUID, body: LiftHold, command: Lifting) -> Any:
    """Lift a hold."""
    return await command.run(lambda uow: screening.lift_hold(uow, case_id, hold_id, body.outcome))


@router.post("/best-interests", response_model=BestInterestsDecided)
async def decide_best_interests(case_id: UUID, body: DecideBestInterests, command: Protecting) -> Any:
    """Record how a child's best-interests procedure ended."""

    def decision(uow: Unit) -> BestInterests:
        decided_on = body.decided_on or uow.clock.today()
        return BestInterests(body.decision, body.family_traced, body.receiver, decided_on, uow.actor)

    return await command.run(lambda uow: screening.decide_best_interests(uow, case_id, decision(uow)))


@router.post("/fitness", status_code=201, response_model=Examined)
async def examine(case_id: UUID, body: Examine, command: Examining) -> Any:
    """Record a fit-to-travel result; how long it holds is the programme's policy."""

    def examination(uow: Unit) -> Examination:
        now = uow.clock.now()
        until = now + timedelta(hours=uow.programme.windows.fitness_hours)
        return Examination(body.outcome, _codes(body.assistance), body.escort, now, until, uow.actor)

    return await command.run(lambda uow: screening.examine(uow, case_id, examination(uow)))


@router.post("/clearance", response_model=Cleared)
async def clear(case_id: UUID, command: Clearing) -> Any:
    """Clear the case; 409 with ``missing`` when gates are not met."""
    return await command.run(lambda uow: screening.clear(uow, case_id))


@router.post("/decline", response_model=Declined)
async def decline(case_id: UUID, body: Decline, command: Declining) -> Any:
    """End the case: the programme can't return this person."""
    return await command.run(lambda uow: screening.decline(uow, case_id, body.reason))


def _codes(assistance: list[AssistanceCode]) -> tuple[str, ...]:
    return tuple(sorted({code.value for code in assistance}))


def _declaration(body: Declare, uow: Unit) -> Declaration:
    said = dict(body) | {"recipients": tuple(dict.fromkeys(body.recipients))}
    return Declaration(**said, at=uow.clock.now(), by=uow.actor)
