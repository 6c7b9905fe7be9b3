"""What an account has to do before it may do anything else."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.auth.accounts import Account, Whose
from shared.auth.roles import PEOPLE, Role
from shared.errors import Forbidden

#: They read no personal data and run nothing.
_HARMLESS = frozenset({Role.AUDITOR, Role.PARTNER_LIAISON})
#: Everybody who can see personal data or administers the suite.
SENSITIVE = PEOPLE - _HARMLESS


class Duty(StrEnum):
    """Each is done by the account's person."""

    CHANGE_PASSWORD = "change_password"
    ENROL_SECOND_FACTOR = "enrol_second_factor"


class PasswordMustBeChanged(Forbidden):
    """The password must be changed before anything else: POST /api/password, or open /account in the console."""


class SecondFactorMustBeEnrolled(Forbidden):
    """Your role needs a second factor: POST /api/second-factor, or open /account in the console."""


@dataclass(frozen=True)
class Policy:
    """Who has to do what."""

    second_factor_roles: frozenset[Role] = SENSITIVE
    #: Whether simulated people may keep the passwords that were made for them.
    simulated_people: bool = False

    def duties(self, account: Account) -> list[Duty]:
        """What the account has still to do, in this order."""
        return list(self._duties(account))

    def _duties(self, account: Account) -> Iterable[Duty]:
        if account.password is Whose.FIRST or (account.password is Whose.MACHINE and not self.simulated_people):
            yield Duty.CHANGE_PASSWORD
        if account.factor is None and not account.roles.isdisjoint(self.second_factor_roles):
            yield Duty.ENROL_SECOND_FACTOR

    def check(self, account: Account) -> None:
        """Raise PasswordMustBeChanged or SecondFactorMustBeEnrolled."""
        match self.duties(account):
            case [Duty.CHANGE_PASSWORD, *_]:
                raise PasswordMustBeChanged
            case [Duty.ENROL_SECOND_FACTOR, *_]:
                raise SecondFactorMustBeEnrolled
