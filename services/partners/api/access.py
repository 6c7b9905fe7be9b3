"""An agency's keys: opened by the partner liaison, approved by somebody else, claimed and renewed by the agency."""

import math
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from services.partners.access import Access, Doer
from services.partners.api.agencies import KeyView, Words, shown_key
from services.partners.keys import agency_of
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Forbidden
from shared.web.access import access_token, open_to_all, require
from shared.web.bodies import Body
from shared.web.commands import action_of
from shared.web.rates import Buckets, TooManyRequests, network

router = APIRouter(tags=["agencies"])

Liaison = Annotated[Principal, Depends(require(Permission.AGENCIES_KEEP))]
Approver = Annotated[Principal, Depends(require(Permission.AGENCIES_OPEN))]
Agency = Annotated[Principal, Depends(require(Permission.ACCESS_RENEW))]
Code = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


def _access(request: Request) -> Access:
    found: Access = request.app.state.access
    return found


Keeping = Annotated[Access, Depends(_access)]


class AccessWanted(Body):
    """Whom at the agency the codes are told, and why it needs access."""

    contact: Words
    reason: Annotated[str, Field(min_length=3, max_length=1000, pattern=r"^[^\x00]+$")]


class AccessOpened(BaseModel):
    """The request. Tell the contact the code, by another way than whoever approves: it is not told again."""

    request_id: UUID
    request_code: str


class AccessApproved(BaseModel):
    """Tell the contact the code, by another way than whoever has opened the request: it is not told again."""

    claim_code: str
    expires_at: datetime


class Claim(Body):
    """Both codes, as two people of the programme have told them."""

    request_code: Code
    claim_code: Code


class KeyMade(BaseModel):
    """A new key. Keep it: it is not told again."""

    agency_id: UUID
    key_id: UUID
    key: str


@router.post("/agencies/{agency_id}/access-requests", status_code=201, name="open access request")
async def open_request(
    request: Request, agency_id: UUID, body: AccessWanted, principal: Liaison, access: Keeping
) -> AccessOpened:
    """Ask that an agency be given a key; somebody else approves it. One that it has not claimed is taken back."""
    id, code = await access.open(_doer(request, principal), agency_id, body.contact, body.reason)
    return AccessOpened(request_id=id, request_code=code)


@router.post("/agencies/{agency_id}/access-requests/{request_id}/approval", name="approve access request")
async def approve_request(
    request: Request, agency_id: UUID, request_id: UUID, principal: Approver, access: Keeping
) -> AccessApproved:
    """Approve what somebody else has opened; once more if the code was lost or is too old."""
    code, until = await access.approve(_doer(request, principal), agency_id, request_id)
    return AccessApproved(claim_code=code, expires_at=until)


@router.post("/agencies/{agency_id}/access-requests/{request_id}/end", status_code=204, name="end access")
async def end_access(request: Request, agency_id: UUID, request_id: UUID, principal: Liaison, access: Keeping) -> None:
    """Take a request back, and end every key that came of it, also those that the agency has made itself."""
    await access.end(_doer(request, principal), agency_id, request_id)


@router.post("/agencies/{agency_id}/keys/{key_id}/end", status_code=204, name="end agency key")
async def end_agency_key(request: Request, agency_id: UUID, key_id: UUID, principal: Liaison, access: Keeping) -> None:
    """End a key; another that the agency has goes on."""
    await access.end_key(_doer(request, principal), agency_id, key_id)


@router.post("/agencies/{agency_id}/access/end", status_code=204, name="end all access")
async def end_all_access(request: Request, agency_id: UUID, principal: Liaison, access: Keeping) -> None:
    """Take every request of the agency back, and end every key that it has, whatever it came of."""
    await access.end_all(_doer(request, principal), agency_id)


@router.post("/claims", status_code=201, name="claim access", dependencies=[Depends(open_to_all)])
async def claim_access(request: Request, body: Claim, access: Keeping) -> KeyMade:
    """Exchange both codes for the agency's key. Whatever is wrong with them, the answer is the same."""
    attempts: Buckets = request.app.state.claims
    address = network(request.scope)
    # Before the codes are looked at: who guesses learns nothing more once the attempts are used up.
    if wait := attempts.take(address):
        raise TooManyRequests(retry_after=math.ceil(wait))
    agency_id, key_id, key = await access.claim(body.request_code, body.claim_code, action_of(request))
    attempts.give_back(address)
    return KeyMade(agency_id=agency_id, key_id=key_id, key=key)


@router.get("/access/keys", name="list own keys")
async def list_own_keys(principal: Agency, access: Keeping) -> dict[str, list[KeyView]]:
    """The agency's own keys that have not ended; none of them is shown again."""
    return {"keys": [shown_key(each) for each in await access.keys_of(_own(principal))]}


@router.post("/access/keys", status_code=201, name="make another key")
async def make_another_key(request: Request, principal: Agency, access: Keeping) -> KeyMade:
    """Make another key; the one that this is asked with goes on until it is ended."""
    agency_id = _own(principal)
    key_id, key = await access.renew(_doer(request, principal), agency_id, access_token(request))
    return KeyMade(agency_id=agency_id, key_id=key_id, key=key)


@router.post("/access/keys/{key_id}/end", status_code=204, name="end own key")
async def end_own_key(request: Request, key_id: UUID, principal: Agency, access: Keeping) -> None:
    """End one of the agency's own keys, also the one that this is asked with."""
    await access.end_key(_doer(request, principal), _own(principal), key_id)


def _doer(request: Request, principal: Principal) -> Doer:
    return Doer(principal, action_of(request))


def _own(principal: Principal) -> UUID:
    agency = agency_of(principal)
    if agency is None:
        raise Forbidden("An agency signs in with its own key.")
    return agency
