"""Whether somebody is who they say: name, password, and a code where the account has a second factor."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property

from services.gateway.attempts import Attempts
from shared.auth import passwords, totp
from shared.auth.accounts import Account
from shared.auth.administration import Administration
from shared.auth.second_factor import Factor, bare
from shared.errors import Unauthenticated

#: Hashes checked at once: a crowd that signs in must not take the process over its memory limit.
_CONCURRENT_CHECKS = 2


class WrongCredentials(Unauthenticated):
    """The name or the password is wrong."""


class SecondFactorNeeded(Unauthenticated):
    """This account has a second factor: send the code that the authenticator app shows, or a recovery code."""


class WrongCode(Unauthenticated):
    """The code is wrong or was used already: wait for the next one."""


@dataclass(frozen=True)
class Prover:
    """Checks what people know and have; each check is an attempt that may have to wait."""

    administration: Administration
    attempts: Attempts
    _checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT_CHECKS))

    async def prove(self, name: str, password: str, code: str, address: str) -> Account:
        """The account. Raises WrongCredentials, SecondFactorNeeded, WrongCode or TooManyAttempts.

        A name that nobody has costs the same work, waits alike and is answered alike.
        """
        async with self._checks:
            return await asyncio.to_thread(self._prove, name, password, code, address)

    async def prove_password(self, account: Account, password: str, address: str) -> None:
        """Raise WrongCredentials or TooManyAttempts unless this is the password of who is signed in."""
        async with self._checks:
            await asyncio.to_thread(self._prove_password, account, password, address)

    def _prove(self, name: str, password: str, code: str, address: str) -> Account:
        attempt = self.attempts.begin(name, address)
        account = self.administration.accounts.find(name)
        matches = passwords.matches(account.password_hash if account else self._nobodys_hash, password)
        if account is None or not matches or account.disabled:
            raise WrongCredentials
        if account.factor:
            if not code:
                attempt.undecided()
                raise SecondFactorNeeded
            self.use_code(account, account.factor, code)
        attempt.succeeded()
        return account

    def _prove_password(self, account: Account, password: str, address: str) -> None:
        attempt = self.attempts.begin(account.name, address)
        if not passwords.matches(account.password_hash, password):
            raise WrongCredentials("The present password is wrong.")
        attempt.succeeded()

    def use_code(self, account: Account, factor: Factor, code: str) -> None:
        """Use a code of the factor up. Raises WrongCode, also for one that was used before."""
        plain = bare(code)
        if len(plain) == totp.DIGITS:
            self.use_step(account, factor.sealed, plain)
        else:
            self.administration.accounts.change(account.name, lambda each: self._without(each, plain))

    def use_step(self, account: Account, sealed: str, code: str) -> None:
        """Use a code of the sealed secret up. Raises WrongCode."""
        step = totp.step_of(self.administration.secrets.open(account.id, sealed), code)
        if step is None or not self.administration.ledger.use_step(account.id, step):
            raise WrongCode

    def _without(self, account: Account, code: str) -> Account:
        digest = self.administration.secrets.digest("recovery", account.id, code)
        if account.factor is None or digest not in account.factor.recovery:
            raise WrongCode
        left = [each for each in account.factor.recovery if each != digest]
        return account.model_copy(update={"factor": account.factor.model_copy(update={"recovery": left})})

    @cached_property
    def _nobodys_hash(self) -> str:
        return passwords.hash_of(passwords.generate())
