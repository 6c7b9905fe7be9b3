"""Signing in with a local account, out again, and who is signed in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.gateway import entrance
from services.gateway.admission import Own
from services.gateway.duties import Duty
from services.gateway.sessions import SESSION_SECONDS, Sessions, sessions
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.web.access import open_to_all, require

router = APIRouter(prefix="/api", tags=["session"])

Local = Annotated[Sessions, Depends(sessions)]


class SignIn(BaseModel):
    """A name and its password, and a code where the account has a second factor."""

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=200)
    code: str = Field("", max_length=40, description="From the authenticator app, or a recovery code")


class SignedIn(BaseModel):
    """A session for the Authorization header, and what has to be done before it opens anything."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    roles: list[Role]
    duties: list[Duty]


class Me(BaseModel):
    """Who is signed in."""

    id: str
    name: str
    roles: list[Role]
    offices: list[str]


@router.post("/sign-in", dependencies=[Depends(open_to_all)])
async def sign_in(body: SignIn, request: Request, each: Local) -> SignedIn:
    """A session for a name, its password and its code. After five failures the name has to wait."""
    address = address_of(request)
    token, account = await entrance.enter(request, each, body.name, body.password, body.code, address)
    duties = each.policy.duties(account)
    return SignedIn(access_token=token, expires_in=SESSION_SECONDS, roles=sorted(account.roles), duties=duties)


@router.post("/sign-out", status_code=204)
async def sign_out(request: Request, own: Own, each: Local) -> Response:
    """The session is over: whoever still holds its word is refused."""
    await entrance.leave(request, each, own.token)
    return Response(status_code=204)


@router.get("/me")
async def me(principal: Annotated[Principal, Depends(require(Permission.SELF_READ))]) -> Me:
    """Who is signed in."""
    return Me(id=principal.id, name=principal.name, roles=sorted(principal.roles), offices=sorted(principal.offices))


def address_of(request: Request) -> str:
    """Where the request comes from, as the server tells: a header is believed from trusted proxies only."""
    return request.client.host if request.client else ""
