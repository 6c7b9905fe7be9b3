"""What an administrator does to local accounts, in a running gateway or on its directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.auth.accounts import Account, Accounts
from shared.auth.ledger import Ledger, system_time
from shared.auth.principal import EVERY_OFFICE
from shared.auth.roles import Role
from shared.auth.second_factor import FactorSeal


@dataclass(frozen=True)
class Administration:
    """The accounts with what signing in leaves behind; what takes somebody's access away counts at once."""

    accounts: Accounts
    ledger: Ledger
    secrets: FactorSeal

    @classmethod
    def of(cls, accounts: Path) -> "Administration":
        """Of the accounts in a file, and what lies beside it."""
        return cls(Accounts(accounts), Ledger(accounts.with_suffix(".ledger")), FactorSeal.beside(accounts))

    def add(self, name: str, roles: Iterable[Role], offices: Iterable[str] = (EVERY_OFFICE,)) -> str:
        """A new account's first password. Raises AccountExists."""
        return self.accounts.create(name, roles, offices)

    def reset_password(self, name: str) -> str:
        """A new first password, which has to be changed; sessions end and the name no longer waits."""
        given = self.accounts.set_password(name)
        self._end_sessions(name)
        self.unlock(name)
        return given

    def reset_factor(self, name: str) -> Account:
        """The second factor is gone, for somebody who has lost it; sessions end."""
        changed = self.accounts.change(name, lambda each: each.model_copy(update={"factor": None, "begun": ""}))
        self._end_sessions(name)
        return changed

    def disable(self, name: str) -> Account:
        """Nobody signs in with the account any more; sessions end."""
        changed = self.accounts.change(name, lambda each: each.model_copy(update={"disabled": True}))
        self._end_sessions(name)
        return changed

    def enable(self, name: str) -> Account:
        """The account is in use again."""
        return self.accounts.change(name, lambda each: each.model_copy(update={"disabled": False}))

    def unlock(self, name: str) -> None:
        """The name no longer waits. Raises NoSuchAccount."""
        self.accounts.get(name)
        self.ledger.forget(self.key_of_name(name))

    def waits(self, name: str) -> float:
        """Seconds that the name still has to wait."""
        return self.ledger.waits(self.key_of_name(name), system_time())

    def key_of_name(self, name: str) -> str:
        """Under what the name's failures are kept: people type passwords where names belong."""
        return self.secrets.digest("name", name.casefold())

    def _end_sessions(self, name: str) -> None:
        self.ledger.end_all(self.accounts.get(name).id)
