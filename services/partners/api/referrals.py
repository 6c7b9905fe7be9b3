"""Referrals: made and taken back by those who work with the person, answered by the agency."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.partners.domain.fact import Case
from services.partners.domain.referral import Referral, State
from services.partners.domain.vocabulary import Need, Withdrawal
from services.partners.referring import refer, withdraw
from services.partners.repository import Unit
from services.partners.tables import AGENCIES, AGREEMENTS, CASES
from shared.auth.permissions import Permission
from shared.errors import NotFound
from shared.ids import new_id
from shared.persistence.database import rows
from shared.web.bodies import Body
from shared.web.commands import Command, PersonalReading, command, personal

router = APIRouter(tags=["referrals"])

Referrer = Annotated[Command[Unit], Depends(command(Permission.REFERRALS_MAKE))]
Looking = Annotated[PersonalReading, personal(Permission.REFERRALS_MAKE)]

#: Cases in one look at the worklist.
_MANY = 500


class ReferralNew(Body):
    """Who is asked for what. Why somebody needs it goes to no agency by these events."""

    case_id: UUID
    agency_id: UUID
    services: list[Need] = Field(min_length=1, max_length=len(Need))


class ReferralEnd(Body):
    """Why the referral is taken back."""

    reason: Withdrawal


class ReferralKept(BaseModel):
    """The referral after a command. ``told``: to how many subscriptions; with none the agency hears of it from you."""

    referral_id: UUID
    case_id: UUID
    state: State
    told: int


class ReferralView(ReferralKept):
    """A referral. ``days``: since it was made, while it waits for an answer."""

    agency_id: UUID
    agency: str
    services: list[Need]
    made_at: datetime
    made_by: str
    settled_at: datetime | None
    reason: str | None
    days: int | None


@router.post("/referrals", status_code=201)
async def make_referral(body: ReferralNew, command: Referrer) -> ReferralKept:
    """Refer a case: from now on the agency hears of it, as its agreement says."""

    async def make(uow: Unit) -> dict[str, Any]:
        await uow.load(cases=[body.case_id], agencies=[body.agency_id])
        case, agency = uow.cases.get(body.case_id), uow.agencies.get(body.agency_id)
        agreements = await AGREEMENTS.find(uow.connection, "agency_id = :id", id=agency.id)
        services = frozenset(body.services)
        referral = Referral(new_id(), agency.id, agency.kind, services, uow.clock.now(), uow.actor)
        refer(uow, case, referral, agreements)
        return _kept(case, referral)

    return await _run(command, make)


@router.post("/cases/{case_id}/referrals/{referral_id}/withdrawal")
async def withdraw_referral(case_id: UUID, referral_id: UUID, body: ReferralEnd, command: Referrer) -> ReferralKept:
    """Take a referral back: the agency hears so, and nothing of the case afterwards."""

    async def take_back(uow: Unit) -> dict[str, Any]:
        await uow.load(cases=[case_id])
        case = uow.cases.get(case_id)
        referral = case.referral(referral_id)
        withdraw(uow, case, referral, body.reason)
        return _kept(case, referral)

    return await _run(command, take_back)


@router.get("/cases/{case_id}/referrals")
async def list_case_referrals(case_id: UUID, reading: Looking) -> dict[str, list[ReferralView]]:
    """All referrals of a case, oldest first."""
    found = await CASES.find(reading.connection, "id = :id", id=case_id)
    if not found:
        raise NotFound(f"There is no case {case_id}.")
    reading.disclose([case_id], found[0].office)
    names = await _names(reading)
    return {"referrals": [_view(found[0], each, names, reading.clock.now()) for each in found[0].referrals]}


@router.get("/referrals")
async def list_referrals(
    reading: Looking,
    state: State = State.WAITING,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=_MANY)] = 100,
) -> dict[str, Any]:
    """The worklist: referrals in a state, of so many cases after one; ``next`` says where it goes on."""
    which = """referred AND (CAST(:after AS uuid) IS NULL OR id > :after) AND EXISTS (
        SELECT FROM json_array_elements(state->'referrals') AS each WHERE each->>'state' = :state)
        ORDER BY id LIMIT :limit"""
    cases = await CASES.find(reading.connection, which, after=after, state=state.value, limit=limit)
    reading.disclose_each((case.id, case.office) for case in cases)
    names, now = await _names(reading), reading.clock.now()
    found = [_view(case, each, names, now) for case in cases for each in case.referrals if each.state is state]
    found.sort(key=lambda each: each.made_at)
    return {"referrals": found, "next": cases[-1].id if len(cases) == limit else None}


async def _run(command: Command[Unit], work: Any) -> ReferralKept:
    kept = ReferralKept.model_validate(await command.run(work))
    command.request.app.state.arrivals.wake()
    return kept


def _kept(case: Case, referral: Referral) -> dict[str, Any]:
    return {"referral_id": referral.id, "case_id": case.id, "state": referral.state, "told": referral.told}


async def _names(reading: PersonalReading) -> dict[UUID, str]:
    return {row.id: row.name for row in await rows(reading.connection, f"SELECT id, name FROM {AGENCIES.table}")}


def _view(case: Case, referral: Referral, names: dict[UUID, str], now: datetime) -> ReferralView:
    return ReferralView(
        **_kept(case, referral),
        agency_id=referral.agency_id,
        agency=names[referral.agency_id],
        services=sorted(referral.services),
        made_at=referral.at,
        made_by=referral.by,
        settled_at=referral.settled_at,
        reason=referral.reason,
        days=(now - referral.at).days if referral.state is State.WAITING else None,
    )
