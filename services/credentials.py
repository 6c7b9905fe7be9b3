"""Keys and first accounts of a suite that was set up on this machine."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

from shared.auth.accounts import Accounts, Whose
from shared.auth.keys import key_set, load_or_generate_key
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import PEOPLE, Role
from shared.auth.tokens import Signer
from shared.protection.wrapping import first_keys, write_keys


@dataclass(frozen=True)
class FirstPassword:
    """With which an account is entered for the first time."""

    roles: tuple[str, ...]
    password: str


#: By name of the account.
Passwords = dict[str, FirstPassword]


class BadCredentials(Exception):
    """The file of first passwords is not one."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f'{path} should hold {{"NAME": {{"roles": ["…"], "password": "…"}}, …}} and does not: '
            "mend it, or name another data directory with --data"
        )


def read_passwords(path: Path) -> Passwords:
    """The first passwords in a file, or in one of those that went by role. Raises OSError and BadCredentials."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return dict(_entry(key, each) for key, each in kept.items())
    except (ValueError, TypeError, AttributeError, KeyError):
        raise BadCredentials(path) from None


def by_role(passwords: Passwords) -> dict[str, tuple[str, str]]:
    """By role: name and first password of one account that has it."""
    entries = sorted(passwords.items(), reverse=True)
    return {role: (name, each.password) for name, each in entries for role in each.roles}


def _entry(key: str, entry: dict[str, Any]) -> tuple[str, FirstPassword]:
    if "roles" in entry:
        return key, FirstPassword(tuple(Role(each) for each in entry["roles"]), str(entry["password"]))
    return str(entry["name"]), FirstPassword((key,), str(entry["password"]))


def directory_token(data: Path, role: str) -> str | None:
    """A token for the role, signed with the directory's key: who can read that has everything. None without a key."""
    key_file = data / "token.key"
    if not key_file.exists():
        return None
    who = Principal(f"directory:{role}", role, frozenset({Role(role)}), frozenset({EVERY_OFFICE}))
    return Signer(load_or_generate_key(key_file)).issue(who)


class Credentials:
    """What a data directory holds of them: the signing keys, the accounts, and the accounts' first passwords.

    Simulated people keep the passwords that are made for them; others have to change theirs at once, and have no entry
    here any more once they have. Raises BadCredentials.
    """

    def __init__(self, data: Path, *, simulated_people: bool = False) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.key_file = data / "token.key"
        self.accounts_file = data / "accounts.json"
        self.passwords_file = data / "credentials.json"
        #: The services' public keys.
        self.service_keys_file = data / "service-keys.json"
        self._identities = data / "identities"
        #: Where the suite exports the signed heads of its audit.
        self.audit_export = data / "audit"
        self._audit_keys = data / "audit-keys"
        self.key: OKPKey = load_or_generate_key(self.key_file)
        #: The key-encryption keys: they are backed up apart from the databases.
        self.keys_file = data / "keys.json"
        if not self.keys_file.exists():
            write_keys(self.keys_file, first_keys())
        self.first = self._made_for(Whose.MACHINE if simulated_people else Whose.FIRST)

    @property
    def by_role(self) -> dict[str, tuple[str, str]]:
        """By role: name and first password of one account that has it."""
        return by_role(self.first)

    def identify(self, services: Iterable[str]) -> None:
        """Each of these services has a key of its own, and the public halves are where all find them."""
        keys = {name: load_or_generate_key(self.identity_file(name)) for name in services}
        self.service_keys_file.write_text(key_set(keys))

    def identity_file(self, service: str) -> Path:
        """The private key of a service."""
        return self._identities / f"{service}.key"

    def audit_key(self, name: str) -> Path:
        """The file of the key with which a service signs the heads of its audit."""
        file = self._audit_keys / f"{name}.key"
        load_or_generate_key(file)
        return file

    def _made_for(self, whose: Whose) -> Passwords:
        accounts = Accounts(self.accounts_file)
        there = self.passwords_file.exists()
        kept = read_passwords(self.passwords_file) if there else _replaced(accounts, whose)
        own = {each.name for each in accounts.all() if each.password is Whose.OWN}
        left = {name: each for name, each in kept.items() if name not in own}
        for name in left.keys() & set(accounts.names()):
            if whose is Whose.MACHINE and accounts.get(name).password is Whose.FIRST:
                accounts.change(name, lambda account: account.model_copy(update={"password": whose}))
        return self._keep(left | _added(accounts, whose))

    def _keep(self, made: Passwords) -> Passwords:
        content = {name: {"roles": each.roles, "password": each.password} for name, each in sorted(made.items())}
        text = json.dumps(content, indent=1)
        if not self.passwords_file.exists() or self.passwords_file.read_text("utf-8") != text:
            _write_private(self.passwords_file, text)
        return made


def _seeded() -> dict[str, Role]:
    """By name: the accounts that every data directory has, one for each role."""
    return {role.value.replace("_", "-"): role for role in sorted(PEOPLE)}


def _added(accounts: Accounts, whose: Whose) -> Passwords:
    """The seeded accounts that were not there, because the directory is new or older than the role."""
    missing = {name: role for name, role in _seeded().items() if name not in set(accounts.names())}
    return {
        name: FirstPassword((role.value,), accounts.create(name, [role], password=whose))
        for name, role in missing.items()
    }


def _replaced(accounts: Accounts, whose: Whose) -> Passwords:
    """Seeded accounts whose first passwords were lost with their file get others."""
    lost = [each for each in accounts.all() if each.name in _seeded() and each.password is not Whose.OWN]
    return {each.name: FirstPassword(tuple(each.roles), accounts.set_password(each.name, whose)) for each in lost}


def _write_private(path: Path, content: str) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    draft.replace(path)
