"""Agreements: entered, signed, put in force by somebody else, ended."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, UploadFile
from pydantic import BaseModel, Field

from services.partners import offers
from services.partners.api.agencies import Country, Words
from services.partners.domain.agreement import Agreement, Terms
from services.partners.domain.rules import OutsideAgreement
from services.partners.domain.vocabulary import LegalBasis, PersonField, Precision, Scope
from services.partners.health.tombstones import overdue_by_agency
from services.partners.keys import agency_of
from services.partners.repository import Unit, signed_copy
from services.partners.tables import AGREEMENTS
from services.partners.templates import TEMPLATES
from shared.auth.permissions import Permission
from shared.errors import Invalid, NotFound
from shared.ids import new_id
from shared.web.bodies import Body
from shared.web.commands import Command, Desk, Reading, command, reading

router = APIRouter(tags=["agreements"])

Liaison = Annotated[Command[Unit], Depends(command(Permission.AGREEMENTS_ENTER))]
Approver = Annotated[Command[Unit], Depends(command(Permission.AGREEMENTS_APPROVE))]
Reader = Annotated[Reading, Depends(reading(Permission.AGREEMENTS_READ))]
OffersReader = Annotated[Reading, Depends(reading(Permission.AGENCIES_READ))]

_PDF = b"%PDF-"
Members = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)]


class NoSignedCopy(Invalid):
    """The signed copy is a PDF: send that file."""


class TermsBody(Body):
    """What leaves, member by member. What isn't named stays."""

    events: dict[Annotated[str, Field(max_length=200)], Members] = Field(max_length=100)
    scope: Scope
    countries: list[Country] = Field(default_factory=list, max_length=60)
    person: list[PersonField] = Field(default_factory=list, max_length=len(PersonField))
    precision: Precision = Precision.EXACT

    def terms(self) -> Terms:
        """Raises OutsideAgreement for what is never told."""
        for type, members in self.events.items():
            offered = offers.OFFERED.get(type)
            if offered is None:
                raise OutsideAgreement(f"{type} is told to no agency.", event_types=sorted(offers.OFFERED))
            if unknown := set(members) - offered:
                raise OutsideAgreement(
                    f"Of {type} this is told to no agency.", not_agreed=sorted(unknown), members=sorted(offered)
                )
        return Terms(
            {type: frozenset(members) for type, members in self.events.items()},
            self.scope,
            frozenset(self.countries),
            frozenset(self.person),
            self.precision,
        )


class AgreementNew(Body):
    """An agreement as it is written. Without ``terms`` those of the template for the agency's kind are taken."""

    agency_id: UUID
    legal_basis: LegalBasis
    purpose: Annotated[str, Field(min_length=10, max_length=1000)]
    terms: TermsBody | None = None
    retention_days: Annotated[int, Field(ge=1, le=3650)]
    contact: Words
    valid_from: date
    valid_until: date


class AgreementKept(BaseModel):
    """The agreement after a command."""

    agreement_id: UUID
    in_force: bool


class AgreementTold(BaseModel):
    """An agreement as the agency reads it: what it is told of whom, field by field, how precisely, and until when."""

    agreement_id: UUID
    agency_id: UUID
    agency: str
    legal_basis: LegalBasis
    purpose: str
    events: dict[str, list[str]]
    scope: Scope
    countries: list[str]
    person: list[PersonField]
    precision: Precision
    retention_days: int
    contact: str
    valid_from: date
    valid_until: date
    signed_copy: str | None
    ended_on: date | None
    in_force: bool


class AgreementView(AgreementTold):
    """An agreement, and who has entered and approved it."""

    entered_by: str
    approved_by: str | None
    #: Tombstones of whatever agreement that the agency has not acknowledged in time: think of them before it gets more.
    tombstones_overdue: int


@router.post("/agreements", status_code=201)
async def enter_agreement(body: AgreementNew, command: Liaison) -> AgreementKept:
    """Enter an agreement. Nothing flows before it is signed and somebody else has put it in force."""

    async def enter(uow: Unit) -> dict[str, Any]:
        await uow.load(agencies=[body.agency_id])
        agency = uow.agencies.get(body.agency_id)
        terms = body.terms.terms() if body.terms else TEMPLATES[agency.kind]
        said = body.model_dump(include={"purpose", "retention_days", "contact", "valid_from", "valid_until"})
        agreement = Agreement(
            id=new_id(),
            agency=agency,
            legal_basis=body.legal_basis,
            terms=terms,
            entered_by=uow.actor,
            **said,
        )
        agreement.check()
        uow.agreements.add(agreement)
        return _kept(agreement, uow)

    return AgreementKept.model_validate(await command.run(enter))


@router.post("/agreements/{agreement_id}/signed-copy")
async def attach_signed_copy(agreement_id: UUID, file: UploadFile, command: Liaison) -> AgreementKept:
    """Attach the signed copy, a PDF."""
    content = await file.read()
    if not content.startswith(_PDF):
        raise NoSignedCopy
    digest = hashlib.sha256(content).hexdigest()

    async def attach(uow: Unit) -> dict[str, Any]:
        agreement = await _loaded(uow, agreement_id)
        agreement.attach(digest)
        name = (file.filename or "signed copy.pdf")[:200]
        copy = {"agreement_id": agreement_id, "digest": digest, "name": name, "content": f"\\x{content.hex()}"}
        uow.insert("signed_copy", copy)
        return _kept(agreement, uow)

    return AgreementKept.model_validate(await command.run(attach, content=content))


@router.get("/agreements/{agreement_id}/signed-copy", response_class=Response)
async def show_signed_copy(request: Request, agreement_id: UUID, reading: Reader) -> Response:
    """The signed copy, for who puts the agreement in force and who looks it up later; as an agency, of your own."""
    found = await _read(reading, agreement_id)
    if found.signed_copy is None:
        raise NotFound("There is no such agreement, or no signed copy of it.")
    desk: Desk = request.app.state.desk
    content = await signed_copy(desk.database, found)
    name = f'attachment; filename="agreement-{agreement_id}.pdf"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": name})


@router.post("/agreements/{agreement_id}/approval")
async def approve_agreement(agreement_id: UUID, command: Approver) -> AgreementKept:
    """Put an agreement in force that somebody else has entered."""

    async def approve(uow: Unit) -> dict[str, Any]:
        agreement = await _loaded(uow, agreement_id)
        agreement.approve(uow.actor)
        return _kept(agreement, uow)

    return AgreementKept.model_validate(await command.run(approve))


@router.post("/agreements/{agreement_id}/end")
async def end_agreement(agreement_id: UUID, command: Liaison) -> AgreementKept:
    """End an agreement: from now on nothing flows on it, but what must be destroyed is still told."""

    async def end(uow: Unit) -> dict[str, Any]:
        agreement = await _loaded(uow, agreement_id)
        agreement.end(uow.clock.today())
        return _kept(agreement, uow)

    return AgreementKept.model_validate(await command.run(end))


@router.get("/agreements")
async def list_agreements(request: Request, reading: Reader) -> dict[str, list[AgreementView | AgreementTold]]:
    """All agreements, the latest first; an agency sees those with itself that were put in force."""
    agency = agency_of(reading.principal)
    which = "(CAST(:agency AS uuid) IS NULL OR agency_id = :agency) ORDER BY id DESC"
    found = await AGREEMENTS.find(reading.connection, which, agency=agency)
    return {"agreements": await _views(request, reading, [each for each in found if _may_read(reading, each)])}


@router.get("/agreements/offers")
async def show_offers(reading: OffersReader) -> dict[str, Any]:
    """What may be agreed upon at all, and what is proposed for each kind of agency."""
    return {
        "events": {type: sorted(members) for type, members in offers.OFFERED.items()},
        "person": list(PersonField),
        "templates": {kind: _terms(terms) for kind, terms in TEMPLATES.items()},
    }


@router.get("/agreements/{agreement_id}")
async def show_agreement(request: Request, agreement_id: UUID, reading: Reader) -> AgreementView | AgreementTold:
    """One agreement; as an agency, one of your own that was put in force."""
    return (await _views(request, reading, [await _read(reading, agreement_id)]))[0]


async def _loaded(uow: Unit, id: UUID) -> Agreement:
    await uow.load(agreements=[id])
    return uow.agreements.get(id)


async def _read(reading: Reading, id: UUID) -> Agreement:
    """Raises NotFound, also of another agency's."""
    found = await AGREEMENTS.find(reading.connection, "id = :id", id=id)
    if not found or not _may_read(reading, found[0]):
        raise NotFound(f"There is no agreement {id}.")
    return found[0]


def _may_read(reading: Reading, agreement: Agreement) -> bool:
    """An agency reads what it has agreed to, and no draft."""
    agency = agency_of(reading.principal)
    return agency is None or (agreement.agency_id == agency and agreement.approved_by is not None)


def _kept(agreement: Agreement, uow: Unit) -> dict[str, Any]:
    uow.agreed_anew = True
    return {"agreement_id": agreement.id, "in_force": agreement.in_force(uow.clock.today())}


def _terms(terms: Terms) -> dict[str, Any]:
    return {
        "events": {type: sorted(members) for type, members in terms.events.items()},
        "scope": terms.scope,
        "countries": sorted(terms.countries),
        "person": sorted(terms.person),
        "precision": terms.precision,
    }


async def _views(
    request: Request, reading: Reading, agreements: Sequence[Agreement]
) -> list[AgreementView | AgreementTold]:
    desk: Desk = request.app.state.desk
    today = desk.clock.today()
    told = [AgreementTold.model_validate(_view(each, today)) for each in agreements]
    if agency_of(reading.principal):
        return [*told]
    overdue = await overdue_by_agency(desk.database, today)
    return [
        AgreementView(
            **view.model_dump(),
            entered_by=each.entered_by,
            approved_by=each.approved_by,
            tombstones_overdue=overdue.get(each.agency.id, 0),
        )
        for each, view in zip(agreements, told, strict=True)
    ]


def _view(agreement: Agreement, today: date) -> dict[str, Any]:
    same = ("legal_basis", "purpose", "retention_days", "contact", "valid_from", "valid_until", "signed_copy")
    return {
        "agreement_id": agreement.id,
        "agency_id": agreement.agency.id,
        "agency": agreement.agency.name,
        "in_force": agreement.in_force(today),
        **{name: getattr(agreement, name) for name in (*same, "ended_on")},
        **_terms(agreement.terms),
    }
