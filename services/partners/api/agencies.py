"""Agencies, what access each has, and whether it is suspended, as the partner liaison keeps them."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import pycountry
from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, Field

from services.partners.access import Access
from services.partners.domain.access import AccessRequest, RequestState, Suspension
from services.partners.domain.agreement import Agency
from services.partners.domain.rules import AskedForNoPapers, CarrierWithoutCode
from services.partners.domain.vocabulary import AgencyKind
from services.partners.keys import Key
from services.partners.repository import Unit
from services.partners.suspensions import suspensions
from services.partners.tables import AGENCIES
from shared.auth.permissions import Permission
from shared.errors import RuleBroken
from shared.ids import new_id
from shared.persistence.database import rows
from shared.web.bodies import Body
from shared.web.commands import Command, Reading, command, reading

router = APIRouter(tags=["agencies"])

Liaison = Annotated[Command[Unit], Depends(command(Permission.AGENCIES_KEEP))]
Reader = Annotated[Reading, Depends(reading(Permission.AGENCIES_READ))]

Words = Annotated[str, Field(min_length=1, max_length=200)]


def _country(code: str) -> str:
    if pycountry.countries.get(alpha_2=code) is None:
        raise ValueError("not a country code of ISO 3166, such as PK")
    return code


Country = Annotated[str, AfterValidator(_country), Field(description="ISO 3166 alpha-2")]


#: As travel has them.
Authorities = Annotated[list[Annotated[str, Field(min_length=2, max_length=80)]], Field(max_length=20)]

_ONE_OF_A_NAME = "SELECT pg_advisory_xact_lock(hashtextextended('agency ' || :name, 0))"


class NameTaken(RuleBroken):
    """There is an agency of this name: give another one, or use that one."""


class AskedAs(Body):
    """As which authorities an agency is asked for papers, in place of those before."""

    authorities: Authorities


class AgencyNew(Body):
    """Who receives. ``carrier``: of an airline, with what its flights' numbers begin. ``authorities``: as whom an
    embassy or an exit authority is asked for papers, as movements write it.
    """

    name: Words
    kind: AgencyKind
    country: Country
    carrier: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")] | None = None
    authorities: Authorities = Field(default_factory=list)


class AgencyKept(BaseModel):
    """The new agency."""

    agency_id: UUID


class KeyView(BaseModel):
    """A key that has not ended; ``request_id``: the access request that it came of, unless it is older than these."""

    key_id: UUID
    made_at: datetime
    request_id: UUID | None


class RequestView(BaseModel):
    """An access request that has not ended. ``claimed_at``: since when the agency, or somebody with both codes, has a
    key that came of it.
    """

    request_id: UUID
    state: RequestState
    contact: str
    reason: str
    opened_by: str
    opened_at: datetime
    approved_by: str | None
    expires_at: datetime | None
    claimed_at: datetime | None


class SuspensionView(BaseModel):
    """Since when nothing leaves to the agency, and why."""

    reason: str
    suspended_by: str
    suspended_at: datetime


class AgencyView(BaseModel):
    """An agency, and which keys it has: none of them is shown again."""

    agency_id: UUID
    name: str
    kind: AgencyKind
    country: str
    carrier: str | None
    authorities: list[str]
    keys: list[KeyView]
    access_requests: list[RequestView]
    suspension: SuspensionView | None


@router.post("/agencies", status_code=201)
async def enter_agency(body: AgencyNew, command: Liaison) -> AgencyKept:
    """Enter an agency; it gets nothing before there is an agreement."""

    async def enter(uow: Unit) -> dict[str, Any]:
        if body.kind is AgencyKind.CARRIER and body.carrier is None:
            raise CarrierWithoutCode
        _require_papers(body.kind, body.authorities)
        await rows(uow.connection, _ONE_OF_A_NAME, name=body.name)
        if await rows(uow.connection, "SELECT 1 FROM agency WHERE name = :name", name=body.name):
            raise NameTaken
        asked_as = frozenset(body.authorities)
        agency = Agency(new_id(), body.name, body.kind, body.country, body.carrier, asked_as)
        uow.agencies.add(agency)
        return {"agency_id": agency.id}

    return AgencyKept.model_validate(await command.run(enter))


@router.post("/agencies/{agency_id}/authorities")
async def name_authorities(agency_id: UUID, body: AskedAs, command: Liaison) -> AskedAs:
    """Say as which authorities the agency is asked for papers: about other papers its answers are refused."""

    async def name(uow: Unit) -> AskedAs:
        await uow.load(agencies=[agency_id])
        agency = uow.agencies.get(agency_id)
        _require_papers(agency.kind, body.authorities)
        uow.agencies.add(replace(agency, authorities=frozenset(body.authorities)))
        return body

    return AskedAs.model_validate(await command.run(name))


@router.get("/agencies")
async def list_agencies(request: Request, reading: Reader) -> dict[str, list[AgencyView]]:
    """All agencies, by name."""
    access: Access = request.app.state.access
    agencies = await AGENCIES.find(reading.connection, "true ORDER BY name")
    suspended = await suspensions(reading.connection)
    keys, requests, now = await access.keys_of(), await access.requests(), access.clock.now()
    return {
        "agencies": [
            AgencyView(
                agency_id=agency.id,
                name=agency.name,
                kind=agency.kind,
                country=agency.country,
                carrier=agency.carrier,
                authorities=sorted(agency.authorities),
                keys=[shown_key(each) for each in keys if each.agency_id == agency.id],
                access_requests=[_request(each, now) for each in requests if each.agency_id == agency.id],
                suspension=_suspension(suspended.get(agency.id)),
            )
            for agency in agencies
        ]
    }


def shown_key(key: Key) -> KeyView:
    """Without the key."""
    return KeyView(key_id=key.id, made_at=key.made_at, request_id=key.request)


def _request(request: AccessRequest, now: datetime) -> RequestView:
    same = ("contact", "reason", "opened_by", "opened_at", "approved_by", "expires_at", "claimed_at")
    values = {name: getattr(request, name) for name in same}
    return RequestView(request_id=request.id, state=request.state(now), **values)


def _require_papers(kind: AgencyKind, authorities: list[str]) -> None:
    if authorities and kind not in (AgencyKind.EMBASSY, AgencyKind.EXIT_AUTHORITY):
        raise AskedForNoPapers


def _suspension(found: Suspension | None) -> SuspensionView | None:
    return SuspensionView(**asdict(found)) if found else None
