"""Sessions of local accounts. What a person holds is a random word that means something here alone."""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass

from fastapi import Request, Response

from services.gateway import session_cookie
from services.gateway.attempts import Attempts
from services.gateway.duties import SENSITIVE, Policy
from services.gateway.proof import Prover, WrongCredentials
from services.gateway.settings import Settings
from shared.auth.accounts import Account
from shared.auth.administration import Administration
from shared.auth.ledger import system_time
from shared.errors import NotFound, Unauthenticated

#: A working day: an officer signs in once.
SESSION_SECONDS = 10 * 3600
#: No signed token begins like this.
_PREFIX = "homeward-session."
_WORD_BYTES = 32


class NoLocalAccounts(NotFound):
    """Local accounts are not in use here: sign in with the identity provider."""


@dataclass(frozen=True)
class Sessions:
    """Signing in and what comes of it; ``app.state.sessions``."""

    administration: Administration
    prover: Prover
    policy: Policy
    secure_cookie: bool = False

    async def open(self, name: str, password: str, code: str, address: str) -> tuple[str, Account]:
        """A session and whose it is. Raises what ``Prover.prove`` raises."""
        account = await self.prover.prove(name, password, code, address)
        return await asyncio.to_thread(self._begin, account), account

    def _begin(self, account: Account) -> str:
        session, now = f"{_PREFIX}{secrets.token_urlsafe(_WORD_BYTES)}", system_time()
        self.administration.ledger.begin(_key(session), account.id, now + SESSION_SECONDS, now)
        present = self.administration.accounts.by_id(account.id)
        # Whoever has taken the password away since it was checked may have ended all sessions before this one began.
        if present is None or present.password_hash != account.password_hash:
            self.end(session)
            raise WrongCredentials
        return session

    def find(self, session: str) -> Account:
        """Whose session it is. Raises Unauthenticated when it has ended or the account is disabled."""
        id = self.administration.ledger.account_of(_key(session), system_time())
        account = self.administration.accounts.by_id(id) if id else None
        if account is None or account.disabled:
            raise Unauthenticated("The session has ended: sign in again.")
        return account

    def end(self, session: str) -> None:
        """Whoever holds it holds nothing."""
        self.administration.ledger.end(_key(session))

    def end_others(self, account: Account, session: str) -> None:
        """Only this session of the account goes on."""
        self.administration.ledger.end_all(account.id, but=_key(session))

    def keep(self, response: Response, token: str) -> None:
        """Give the console's browser the session, out of reach of scripts and of other sites."""
        session_cookie.keep(response, token, seconds=SESSION_SECONDS, secure=self.secure_cookie)


def is_session(token: str) -> bool:
    """Whether it is the word of a session, rather than a signed token."""
    return token.startswith(_PREFIX)


def sessions_of(settings: Settings) -> Sessions | None:
    """Sessions with the accounts and the key that the settings name, if they do."""
    if settings.accounts is None or settings.private_key is None:
        return None
    production = settings.environment == "production"
    required = settings.second_factor_roles
    if required is None:
        required = SENSITIVE if production else frozenset()
    administration = Administration.of(settings.accounts)
    return Sessions(
        administration,
        Prover(administration, Attempts(administration)),
        Policy(required, simulated_people=not production),
        settings.secure_cookie,
    )


def sessions(request: Request) -> Sessions:
    """The gateway's sessions. Raises NoLocalAccounts."""
    found: Sessions | None = request.app.state.sessions
    if found is None:
        raise NoLocalAccounts
    return found


def _key(session: str) -> str:
    """Under what a session is kept: who reads the file holds no session."""
    return hashlib.sha256(session.encode()).hexdigest()
