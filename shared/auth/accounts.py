"""Local accounts: a file of names, roles and password hashes, for a suite without an identity provider."""

import asyncio
import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from pydantic import BaseModel, Field

from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.errors import Unauthenticated
from shared.ids import new_id

#: OWASP's argon2id parameters for small memory: 19 MiB each, where the library's default takes 64 MiB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: Hashes checked at once: a crowd that signs in must not take the process over its memory limit.
_CONCURRENT_CHECKS = 2
#: 128 bits.
_PASSWORD_BYTES = 16


class AccountExists(Exception):
    """There is an account of this name."""


class WrongCredentials(Unauthenticated):
    """The name or the password is wrong."""


class Account(BaseModel):
    """One person's account."""

    id: str = Field(default_factory=lambda: str(new_id()))
    name: str
    password_hash: str
    roles: frozenset[Role]
    offices: frozenset[str]

    @property
    def principal(self) -> Principal:
        return Principal(self.id, self.name, self.roles, self.offices)


class _File(BaseModel):
    accounts: list[Account] = []


@dataclass(frozen=True)
class Accounts:
    """The accounts in one file. It is read anew at each sign-in, so that a change counts at once."""

    path: Path
    _checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT_CHECKS))

    def names(self) -> list[str]:
        return [account.name for account in self._read().accounts]

    def create(self, name: str, roles: Iterable[Role], offices: Iterable[str] = (EVERY_OFFICE,)) -> str:
        """A new account; its first password, which is kept nowhere, is returned. Raises AccountExists."""
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        account = Account(
            name=name, password_hash=_HASHER.hash(password), roles=frozenset(roles), offices=frozenset(offices)
        )
        with self._exclusive():
            content = self._read()
            if any(existing.name == name for existing in content.accounts):
                raise AccountExists(name)
            self._write(_File(accounts=[*content.accounts, account]))
        return password

    def set_password(self, name: str) -> str:
        """A new generated password for an account. Raises KeyError when there is none of this name."""
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        with self._exclusive():
            accounts = {account.name: account for account in self._read().accounts}
            accounts[name] = accounts[name].model_copy(update={"password_hash": _HASHER.hash(password)})
            self._write(_File(accounts=list(accounts.values())))
        return password

    async def authenticate(self, name: str, password: str) -> Principal:
        """The account's principal. Raises WrongCredentials, after the same work, for a wrong name too."""
        async with self._checks:
            return await asyncio.to_thread(self._authenticate, name, password)

    def _authenticate(self, name: str, password: str) -> Principal:
        account = next((account for account in self._read().accounts if account.name == name), None)
        matches = _matches(account.password_hash if account else self._nobodys_hash, password)
        if account is None or not matches:
            raise WrongCredentials
        return account.principal

    @cached_property
    def _nobodys_hash(self) -> str:
        return _HASHER.hash(secrets.token_urlsafe(_PASSWORD_BYTES))

    def _read(self) -> _File:
        try:
            return _File.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return _File()

    def _write(self, content: _File) -> None:
        draft = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content.model_dump_json(indent=2))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Two processes that write at once would lose one's account."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False
