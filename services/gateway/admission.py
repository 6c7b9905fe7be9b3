"""The one place where a session becomes a principal: it has not ended, and its account has nothing left to do first."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.gateway.sessions import Sessions, is_session, sessions
from shared.auth.accounts import Account
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.tokens import Verifier
from shared.errors import RuleBroken
from shared.web.access import MARKER, access_token, check, verified


class NoLocalSession(RuleBroken):
    """This token does not come from signing in with a local account: those alone have a password and a factor here."""


@dataclass(frozen=True)
class Admission:
    """Stands where services have their verifier, so that no route of the gateway can go past it."""

    verifier: Verifier
    sessions: Sessions

    def verify(self, token: str) -> Principal:
        """The principal. Raises Unauthenticated, PasswordMustBeChanged or SecondFactorMustBeEnrolled."""
        if not is_session(token):
            return self.verifier.verify(token)
        account = self.sessions.find(token)
        self.sessions.policy.check(account)
        return account.principal


@dataclass(frozen=True)
class OwnSession:
    """Somebody's session, whatever they still have to do."""

    token: str
    account: Account


async def own_session(request: Request, each: Annotated[Sessions, Depends(sessions)]) -> OwnSession:
    """A dependency for what people do to their own account. Raises NoLocalSession for a token without one here."""
    token = access_token(request)
    if is_session(token):
        return OwnSession(token, each.find(token))
    check(await verified(request, token), Permission.SELF_CHANGE)
    raise NoLocalSession


setattr(own_session, MARKER, Permission.SELF_CHANGE)

Own = Annotated[OwnSession, Depends(own_session)]
