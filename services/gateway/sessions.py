"""Signing in with a local account, and who is signed in."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.gateway.attempts import Attempts
from services.gateway.settings import Settings
from shared.auth.accounts import Accounts, WrongCredentials
from shared.auth.keys import load_or_generate_key
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.auth.tokens import LIFETIME_SECONDS, Signer
from shared.errors import NotFound
from shared.web.access import SESSION_COOKIE, open_to_all, require

router = APIRouter(prefix="/api", tags=["session"])


class NoLocalAccounts(NotFound):
    """Local accounts are not in use here: sign in with the identity provider."""


class SignIn(BaseModel):
    """A name and its password."""

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=200)


class SignedIn(BaseModel):
    """A token for the Authorization header."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    roles: list[Role]


class Me(BaseModel):
    """Who is signed in."""

    id: str
    name: str
    roles: list[Role]
    offices: list[str]


@dataclass(frozen=True)
class Sessions:
    """Turns a name and a password into a token; ``app.state.sessions``."""

    accounts: Accounts
    signer: Signer
    secure_cookie: bool = False
    attempts: Attempts = field(default_factory=Attempts)

    async def open(self, name: str, password: str) -> tuple[str, Principal]:
        """A token and whose it is. Raises WrongCredentials, or TooManyAttempts while the name has to wait."""
        self.attempts.check(name)
        try:
            principal = await self.accounts.authenticate(name, password)
        except WrongCredentials:
            self.attempts.failed(name)
            raise
        self.attempts.succeeded(name)
        return self.signer.issue(principal), principal

    def keep(self, response: Response, token: str) -> None:
        """Give the console's browser the token, out of reach of scripts and of other sites."""
        response.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=LIFETIME_SECONDS,
            httponly=True,
            samesite="strict",
            secure=self.secure_cookie,
        )

    def forget(self, response: Response) -> None:
        """Take the token from the console's browser."""
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=self.secure_cookie)


def sessions_of(settings: Settings) -> Sessions | None:
    """Sessions with the accounts and the key that the settings name, if they do."""
    if settings.accounts is None or settings.private_key is None:
        return None
    key = load_or_generate_key(settings.private_key)
    return Sessions(Accounts(settings.accounts), Signer(key), settings.secure_cookie)


def sessions(request: Request) -> Sessions:
    """The gateway's sessions. Raises NoLocalAccounts."""
    found: Sessions | None = request.app.state.sessions
    if found is None:
        raise NoLocalAccounts
    return found


@router.post("/sign-in", dependencies=[Depends(open_to_all)])
async def sign_in(body: SignIn, each: Annotated[Sessions, Depends(sessions)]) -> SignedIn:
    """A token for a name and its password. After five failures the name has to wait."""
    token, principal = await each.open(body.name, body.password)
    return SignedIn(access_token=token, expires_in=LIFETIME_SECONDS, roles=sorted(principal.roles))


@router.get("/me")
async def me(principal: Annotated[Principal, Depends(require(*Role))]) -> Me:
    """Who is signed in."""
    return Me(id=principal.id, name=principal.name, roles=sorted(principal.roles), offices=sorted(principal.offices))
