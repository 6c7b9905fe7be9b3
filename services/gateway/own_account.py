"""What people do to their own account: another password, a second factor. Other sessions end with either."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.gateway.admission import Own, OwnSession
from services.gateway.sessions import Sessions, sessions
from services.gateway.sign_in import address_of
from shared.auth import totp
from shared.auth.accounts import Account
from shared.auth.principal import Principal
from shared.auth.second_factor import Factor, bare, new_secret, recovery_codes
from shared.errors import RuleBroken
from shared.web.deeds import note

router = APIRouter(prefix="/api", tags=["session"])


class NothingBegun(RuleBroken):
    """No second factor was begun, or it was confirmed already: begin with POST /api/second-factor."""


class NewPassword(BaseModel):
    """The present password and the one that takes its place."""

    old_password: str = Field(min_length=1, max_length=200)
    new_password: str = Field(min_length=1, max_length=200)


class Begin(BaseModel):
    """The password once more, and a code of the present second factor if there is one."""

    password: str = Field(min_length=1, max_length=200)
    code: str = Field("", max_length=40)


class Confirm(BaseModel):
    """The first code that the app shows."""

    code: str = Field(min_length=1, max_length=40)


class Enrolment(BaseModel):
    """What the authenticator app has to know."""

    secret: str
    uri: str


class Enrolled(BaseModel):
    """Codes for the day on which the telephone is lost; each works once, and they are shown once."""

    recovery_codes: list[str]


@dataclass(frozen=True)
class OwnAccount:
    """Somebody's account in their own hands."""

    sessions: Sessions
    own: OwnSession
    address: str

    async def change_password(self, old: str, new: str) -> None:
        """Raises WrongCredentials, TooManyAttempts, and the rule that the new one breaks."""
        await self.sessions.prover.prove_password(self.own.account, old, self.address)
        accounts = self.sessions.administration.accounts
        await asyncio.to_thread(accounts.choose_password, self.own.account.name, new)
        await asyncio.to_thread(self.sessions.end_others, self.own.account, self.own.token)

    async def begin(self, password: str, code: str) -> Enrolment:
        """A new secret, which counts once it is confirmed. Raises what signing in raises."""
        account = await self.sessions.prover.prove(self.own.account.name, password, code, self.address)
        secret = new_secret()
        sealed = self.sessions.administration.secrets.seal(account.id, secret)
        await asyncio.to_thread(self._change, lambda each: each.model_copy(update={"begun": sealed}))
        return self._enrolment(secret)

    def begun(self) -> Enrolment:
        """What was begun. Raises NothingBegun."""
        if not self.own.account.begun:
            raise NothingBegun
        return self._enrolment(self.sessions.administration.secrets.open(self.own.account.id, self.own.account.begun))

    async def confirm(self, code: str) -> Enrolled:
        """The factor counts from now on. Raises NothingBegun, WrongCode or TooManyAttempts."""
        return await asyncio.to_thread(self._confirm, code)

    def _confirm(self, code: str) -> Enrolled:
        account = self.own.account
        if not account.begun:
            raise NothingBegun
        attempt = self.sessions.prover.attempts.begin(account.name, self.address)
        self.sessions.prover.use_step(account, account.begun, bare(code))
        attempt.succeeded()
        codes, vault = recovery_codes(), self.sessions.administration.secrets
        digests = [vault.digest("recovery", account.id, bare(each)) for each in codes]
        factor = Factor(sealed=account.begun, recovery=digests)
        self._change(lambda each: _with_factor(each, factor))
        self.sessions.end_others(account, self.own.token)
        return Enrolled(recovery_codes=codes)

    @property
    def principal(self) -> Principal:
        """Whose it is."""
        return self.own.account.principal

    def _change(self, change: Callable[[Account], Account]) -> None:
        self.sessions.administration.accounts.change(self.own.account.name, change)

    def _enrolment(self, secret: bytes) -> Enrolment:
        return Enrolment(secret=totp.shown(secret), uri=totp.uri(secret, self.own.account.name))


def _with_factor(account: Account, factor: Factor) -> Account:
    # Two that confirm at once: what the second one has begun must be what it confirms.
    if account.begun != factor.sealed:
        raise NothingBegun
    return account.model_copy(update={"factor": factor, "begun": ""})


def own_account(request: Request, own: Own, each: Annotated[Sessions, Depends(sessions)]) -> OwnAccount:
    """The caller's own account."""
    return OwnAccount(each, own, address_of(request))


OwnHands = Annotated[OwnAccount, Depends(own_account)]


@router.post("/password", status_code=204)
async def change_password(request: Request, body: NewPassword, own: OwnHands) -> Response:
    """Another password: twelve signs or more. The account's other sessions end."""
    await note(request, own.principal)
    await own.change_password(body.old_password, body.new_password)
    return Response(status_code=204)


@router.post("/second-factor")
async def begin_second_factor(request: Request, body: Begin, own: OwnHands) -> Enrolment:
    """A secret for an authenticator app; it counts once a code of it was confirmed."""
    await note(request, own.principal)
    return await own.begin(body.password, body.code)


@router.post("/second-factor/confirmation")
async def confirm_second_factor(request: Request, body: Confirm, own: OwnHands) -> Enrolled:
    """The second factor counts from now on; the answer holds the recovery codes. The account's other sessions end."""
    await note(request, own.principal)
    return await own.confirm(body.code)
