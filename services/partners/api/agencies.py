"""Agencies and their keys, as the partner liaison keeps them."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import pycountry
from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, Field

from services.partners.domain.agreement import Agency
from services.partners.domain.rules import AskedForNoPapers, CarrierWithoutCode
from services.partners.domain.vocabulary import AgencyKind
from services.partners.keys import end_key, make_key
from services.partners.repository import Unit
from services.partners.tables import AGENCIES
from shared.audit.trail import Deed
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import NotFound, RuleBroken
from shared.ids import new_id
from shared.persistence.database import rows
from shared.web.access import require
from shared.web.bodies import Body
from shared.web.commands import Command, Desk, Reading, action_of, command, reading

router = APIRouter(tags=["agencies"])

Liaison = Annotated[Command[Unit], Depends(command(Permission.AGENCIES_KEEP))]
KeyMaker = Annotated[Principal, Depends(require(Permission.AGENCIES_KEEP))]
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


class AgencyView(BaseModel):
    """An agency, and which keys it has: none of them is shown again."""

    agency_id: UUID
    name: str
    kind: AgencyKind
    country: str
    carrier: str | None
    authorities: list[str]
    keys: list[UUID]


class KeyMade(BaseModel):
    """A new key. Give it to the agency by a safe way: it is not told again."""

    key_id: UUID
    key: str


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
    agencies = await AGENCIES.find(reading.connection, "true ORDER BY name")
    desk: Desk = request.app.state.desk
    async with desk.database.statement() as connection:
        found = await rows(connection, "SELECT agency_id, id FROM agency_key WHERE ended_at IS NULL ORDER BY id")
    keys: dict[UUID, list[UUID]] = {}
    for row in found:
        keys.setdefault(row.agency_id, []).append(row.id)
    return {"agencies": [_view(agency, keys.get(agency.id, [])) for agency in agencies]}


# A stored answer would keep the key: it is made anew by each request.
@router.post("/agencies/{agency_id}/keys", status_code=201, name="make agency key")
async def make_agency_key(request: Request, agency_id: UUID, principal: KeyMaker) -> KeyMade:
    """Make a key with which the agency signs in."""
    desk: Desk = request.app.state.desk
    async with desk.database.transaction() as connection:
        if not await rows(connection, "SELECT 1 FROM agency WHERE id = :id", id=agency_id):
            raise NotFound(f"There is no agency {agency_id}.")
        id, key = await make_key(connection, agency_id, principal.id)
        await desk.trail.append(connection, Deed(principal, action_of(request), None, {None: [agency_id]}))
    return KeyMade(key_id=id, key=key)


@router.post("/agencies/{agency_id}/keys/{key_id}/end", status_code=204, name="end agency key")
async def end_agency_key(request: Request, agency_id: UUID, key_id: UUID, principal: KeyMaker) -> None:
    """End a key; another that the agency has goes on."""
    desk: Desk = request.app.state.desk
    async with desk.database.transaction() as connection:
        if not await end_key(connection, agency_id, key_id):
            raise NotFound("This agency has no such key.")
        await desk.trail.append(connection, Deed(principal, action_of(request), None, {None: [agency_id]}))


def _require_papers(kind: AgencyKind, authorities: list[str]) -> None:
    if authorities and kind not in (AgencyKind.EMBASSY, AgencyKind.EXIT_AUTHORITY):
        raise AskedForNoPapers


def _view(agency: Agency, keys: list[UUID]) -> AgencyView:
    return AgencyView(
        agency_id=agency.id,
        name=agency.name,
        kind=agency.kind,
        country=agency.country,
        carrier=agency.carrier,
        authorities=sorted(agency.authorities),
        keys=keys,
    )
