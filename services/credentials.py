"""Keys and first accounts of a suite that was set up on this machine."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from joserfc.jwk import OKPKey

from shared.auth.accounts import Accounts, Whose
from shared.auth.keys import key_set, load_or_generate_key
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.protection.wrapping import first_keys, write_keys


class BadCredentials(Exception):
    """The file of first passwords is not one."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f'{path} should hold {{"ROLE": {{"name": "…", "password": "…"}}, …}} and does not: '
            "mend it, or name another data directory with --data"
        )


def read_passwords(path: Path) -> dict[str, tuple[str, str]]:
    """By role: name and first password. Raises OSError and BadCredentials."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {role: (str(each["name"]), str(each["password"])) for role, each in kept.items()}
    except (ValueError, TypeError, AttributeError, KeyError):
        raise BadCredentials(path) from None


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
        #: By role: name and first password.
        self.by_role = self._made_for(Whose.MACHINE if simulated_people else Whose.FIRST)

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

    def _made_for(self, whose: Whose) -> dict[str, tuple[str, str]]:
        accounts = Accounts(self.accounts_file)
        if not self.passwords_file.exists():
            return self._keep(_create(accounts, whose))
        kept = read_passwords(self.passwords_file)
        own = {each.name for each in accounts.all() if each.password is Whose.OWN}
        left = {role: each for role, each in kept.items() if each[0] not in own}
        for name in {name for name, _ in left.values()} & set(accounts.names()):
            if whose is Whose.MACHINE and accounts.get(name).password is Whose.FIRST:
                accounts.change(name, lambda account: account.model_copy(update={"password": whose}))
        return left if left == kept else self._keep(left)

    def _keep(self, made: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        _write_private(self.passwords_file, {role: {"name": n, "password": p} for role, (n, p) in made.items()})
        return made


def _create(accounts: Accounts, whose: Whose) -> dict[str, tuple[str, str]]:
    """An account for each role; one whose first password was lost with its file gets another."""
    known, made = set(accounts.names()), {}
    for role in Role:
        name = role.value.replace("_", "-")
        if name not in known:
            made[role.value] = name, accounts.create(name, [role], password=whose)
        elif accounts.get(name).password is not Whose.OWN:
            made[role.value] = name, accounts.set_password(name, whose)
    return made


def _write_private(path: Path, content: object) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(path)
