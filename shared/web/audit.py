"""The audit of every service, for auditors: searched, verified, and its signed heads."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from shared.audit import verification
from shared.audit.search import Sought, search
from shared.auth.permissions import Permission
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.purposes import Purpose
from shared.errors import NotFound
from shared.web.access import require
from shared.web.bodies import Body, Instant, Name, Position
from shared.web.commands import PersonalReading, personal

router = APIRouter(prefix="/audit", tags=["audit"])

Searching = Annotated[PersonalReading, personal(Permission.AUDIT_READ)]
Auditor = Annotated[Principal, Depends(require(Permission.AUDIT_READ))]


class OtherOffice(NotFound):
    """This office is none of yours."""


class HashesWanted(Body):
    """Numbers of entries in an office's chain."""

    office: Name
    numbers: list[Position] = Field(max_length=5000)


def sought(
    actor: Name | None = None,
    case: UUID | None = None,
    action: Name | None = None,
    purpose_claimed: Annotated[Purpose | None, Query(alias="purpose")] = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> Sought:
    """Which entries to find."""
    return Sought(actor, case, action, purpose_claimed, since, until)


@router.get("/entries")
async def search_audit(
    reading: Searching,
    sought: Annotated[Sought, Depends(sought)],
    after_office: Name = "",
    after_number: Position = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Entries in order of office and number, and where the next page goes on; the search is an entry too."""
    offices = _offices(reading.principal)
    found = await search(reading.connection, sought, offices, (after_office, after_number), limit)
    reading.disclose([sought.case] if sought.case else [], None)
    last = {"office": found[-1]["office"], "number": found[-1]["number"]} if len(found) == limit else None
    return {"entries": found, "next": last}


@router.get("/verification")
async def verify_audit(
    request: Request,
    principal: Auditor,
    office: Name = "",
    number: Position = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """The next entries after this one, hashed again: what is broken, and where to go on."""
    service, offices = request.app.state.service, _offices(principal)
    page = await verification.verify(service.database, service.name, offices, (office, number), limit)
    total = {} if office else {"total": await verification.total(service.database, offices)}
    return {**asdict(page), "next": page.next and {"office": page.next[0], "number": page.next[1]}, **total}


@router.post("/hashes")
async def hashes(request: Request, principal: Auditor, body: HashesWanted) -> dict[str, dict[int, str]]:
    """The hashes of these entries, to compare with signed heads. Raises OtherOffice."""
    if not principal.sees(body.office):
        raise OtherOffice
    found = await verification.hashes(request.app.state.service.database, body.office, body.numbers)
    return {"hashes": {number: hash.hex() for number, hash in found.items()}}


@router.get("/heads")
async def heads(request: Request, principal: Auditor) -> dict[str, Any]:
    """What each chain is now, signed, and the key with which that is verified."""
    heads = request.app.state.service.heads
    return {"public_key": heads.public_key, "heads": await heads.signed(_offices(principal))}


def _offices(principal: Principal) -> list[str] | None:
    return None if EVERY_OFFICE in principal.offices else sorted(principal.offices)
