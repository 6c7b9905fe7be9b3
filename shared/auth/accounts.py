"""Local accounts: a file of names, roles and password hashes, for a suite without an identity provider."""

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, Field

from shared.appending import alone_with
from shared.auth import passwords
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.second_factor import Factor
from shared.errors import NotFound, RuleBroken
from shared.ids import new_id


class AccountExists(RuleBroken):
    """There is an account of this name."""


class NoSuchAccount(NotFound):
    """There is no account of this name."""


class Whose(StrEnum):
    """Who knows an account's password."""

    #: It was generated and given to a person, who has to change it.
    FIRST = "first"
    #: The person has chosen it.
    OWN = "own"
    #: It was generated for a simulated person. Where people are real it counts as a first one.
    MACHINE = "machine"


class Account(BaseModel):
    """One person's account."""

    id: str = Field(default_factory=lambda: str(new_id()))
    name: str
    password_hash: str
    #: Accounts from before there was such a word had generated passwords only.
    password: Whose = Whose.FIRST
    #: Never to be chosen again.
    first_hash: str = ""
    roles: frozenset[Role]
    offices: frozenset[str]
    disabled: bool = False
    factor: Factor | None = None
    #: The sealed secret of a factor whose first code is still awaited.
    begun: str = ""

    @property
    def principal(self) -> Principal:
        return Principal(self.id, self.name, self.roles, self.offices)


class _File(BaseModel):
    accounts: list[Account] = []


class Accounts:
    """The accounts in one file. A change counts at once, whichever process has made it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[object, dict[str, Account]] = (None, {})

    def all(self) -> list[Account]:
        """Every account, in the order in which they were made."""
        return list(self._read().values())

    def names(self) -> list[str]:
        return list(self._read())

    def find(self, name: str) -> Account | None:
        """The account of that name."""
        return self._read().get(name)

    def get(self, name: str) -> Account:
        """The account of that name. Raises NoSuchAccount."""
        if (found := self.find(name)) is None:
            raise NoSuchAccount
        return found

    def by_id(self, id: str) -> Account | None:
        """The account with that id."""
        return next((account for account in self._read().values() if account.id == id), None)

    def create(
        self,
        name: str,
        roles: Iterable[Role],
        offices: Iterable[str] = (EVERY_OFFICE,),
        password: Whose = Whose.FIRST,
    ) -> str:
        """A new account; its generated password, which is kept nowhere, is returned. Raises AccountExists."""
        given = passwords.generate()
        hashed = passwords.hash_of(given)
        account = Account(
            name=name,
            password_hash=hashed,
            password=password,
            first_hash=hashed,
            roles=frozenset(roles),
            offices=frozenset(offices),
        )
        with self._exclusive():
            known = self._read()
            if name in known:
                raise AccountExists
            self._write([*known.values(), account])
        return given

    def set_password(self, name: str, password: Whose = Whose.FIRST) -> str:
        """A new generated password for an account. Raises NoSuchAccount."""
        given = passwords.generate()
        hashed = passwords.hash_of(given)
        self.change(
            name,
            lambda account: account.model_copy(
                update={"password_hash": hashed, "first_hash": hashed, "password": password}
            ),
        )
        return given

    def choose_password(self, name: str, chosen: str) -> Account:
        """The account's person has chosen a password. Raises the rule that it breaks."""
        account = self.get(name)
        passwords.check_choice(chosen, name)
        if any(passwords.matches(each, chosen) for each in {account.password_hash, account.first_hash} - {""}):
            raise passwords.PasswordWasGiven
        first = account.first_hash or account.password_hash
        update = {"password_hash": passwords.hash_of(chosen), "first_hash": first, "password": Whose.OWN}
        return self.change(name, lambda account: account.model_copy(update=update))

    def change(self, name: str, change: Callable[[Account], Account]) -> Account:
        """The account, changed while nobody else changes any. Raises NoSuchAccount, and what ``change`` raises."""
        with self._exclusive():
            known = dict(self._read())
            if name not in known:
                raise NoSuchAccount
            known[name] = change(known[name])
            self._write(known.values())
        return known[name]

    def _read(self) -> dict[str, Account]:
        try:
            # A change replaces the file by another one: a request costs one look at its entry in the directory.
            about = self.path.stat()
            version = about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size
            if self._known[0] != version:
                content = _File.model_validate_json(self.path.read_bytes())
                self._known = version, {account.name: account for account in content.accounts}
            return self._known[1]
        except FileNotFoundError:
            return {}

    def _write(self, accounts: Iterable[Account]) -> None:
        draft = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(_File(accounts=list(accounts)).model_dump_json(indent=2))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)

    def _exclusive(self) -> AbstractContextManager[object]:
        """Two processes that write at once would lose one's account."""
        return alone_with(self.path.with_name(f".{self.path.name}.lock"))
