"""The audit of the whole suite, for auditors: each service's is asked, and writes down that it was."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request

from services.gateway.clients import SERVICES, Neighbours, ServiceDown
from services.gateway.suite import content
from shared.audit.search import Sought
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Invalid
from shared.web.access import access_token, require
from shared.web.audit import sought
from shared.web.purpose import HEADER, PurposeHeader, claim

router = APIRouter(prefix="/api/audit", tags=["audit"])

Auditor = Annotated[Principal, Depends(require(Permission.AUDIT_READ))]

#: Who keeps an audit, in the order in which they are searched.
KEEPERS = (*SERVICES, "gateway")


class NoSuchPlace(Invalid):
    """The cursor is none that a page of the audit has given."""


@router.get("")
async def search_audit(
    request: Request,
    auditor: Auditor,
    sought: Annotated[Sought, Depends(sought)],
    purpose: PurposeHeader = None,
    after: Annotated[str | None, Query(max_length=500, description="The cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Entries, service by service, and within each by office and number. A service that is down is a gap."""
    headers = {HEADER: claim(auditor, purpose)}
    neighbours: Neighbours = request.app.state.neighbours
    first, place = _place(after)
    found: list[dict[str, Any]] = []
    gaps = []
    for name in KEEPERS[KEEPERS.index(first) :]:
        query = {name: str(value) for name, value in sought.named().items()}
        query |= (place if name == first else {}) | {"limit": str(limit - len(found))}
        url = f"/audit/entries?{urlencode(query)}"
        try:
            reply = await neighbours.send(name, "GET", url, token=access_token(request), headers=headers)
            page = content(name, reply)
        except ServiceDown:
            gaps.append(name)
            continue
        found += page["entries"]
        if page["next"]:
            cursor = f"{name} {page['next']['number']} {page['next']['office']}"
            return {"entries": found, "next": cursor, "gaps": gaps}
    return {"entries": found, "next": None, "gaps": gaps}


def _place(after: str | None) -> tuple[str, dict[str, str]]:
    """Which service a cursor names, and where its page begins. Raises NoSuchPlace."""
    if after is None:
        return KEEPERS[0], {}
    name, _, rest = after.partition(" ")
    number, _, office = rest.partition(" ")
    if name not in KEEPERS or not number.isdecimal():
        raise NoSuchPlace
    return name, {"after_office": office, "after_number": number}
