"""Coming and going, in the audit: who has signed in or out, and with whose account it was tried in vain."""

from contextlib import suppress
from uuid import UUID

from fastapi import Request

from services.gateway.proof import WrongCode, WrongCredentials
from services.gateway.sessions import Sessions
from shared.audit.trail import Subjects, home
from shared.auth.accounts import Account
from shared.auth.principal import Principal
from shared.errors import Unauthenticated
from shared.web.deeds import note

SIGNED_IN, FAILED, SIGNED_OUT = "sign-in", "sign-in failed", "sign-out"
#: Somebody who has not shown who they are. What they typed is not kept: it may be a password.
STRANGER = Principal("unknown", "unknown")


async def enter(
    request: Request, sessions: Sessions, name: str, password: str, code: str, address: str
) -> tuple[str, Account]:
    """A session and whose it is. Raises what ``Sessions.open`` raises.

    Who has to wait leaves no entry: so one address leaves 50 in an hour at most, and a name 100 in a day. An unknown
    name leaves one like any other, or the answer's time would tell that nobody has it.
    """
    try:
        token, account = await sessions.open(name, password, code, address)
    except (WrongCredentials, WrongCode):
        account_tried = sessions.administration.accounts.find(name)
        whose: Subjects = {home(account_tried.principal): [UUID(account_tried.id)]} if account_tried else {}
        await note(request, STRANGER, FAILED, whose)
        raise
    # If this can't be written, nobody gets to know the session's word.
    await note(request, account.principal, SIGNED_IN)
    return token, account


async def leave(request: Request, sessions: Sessions, token: str) -> None:
    """End the session; that comes first, for signing out must work whatever else does not."""
    with suppress(Unauthenticated):
        account = sessions.find(token)
        sessions.end(token)
        await note(request, account.principal, SIGNED_OUT)
