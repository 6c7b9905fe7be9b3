"""Keys, tokens and first accounts of a suite that was set up on this machine."""

import json
import os
from pathlib import Path

from joserfc.jwk import OKPKey

from shared.auth.accounts import Accounts
from shared.auth.keys import load_or_generate_key
from shared.auth.principal import service_principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.protection.wrapping import first_keys, write_keys

#: A service's own token lives as long as its process may.
_SERVICE_TOKEN_SECONDS = 365 * 24 * 3600


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


class Credentials:
    """What a data directory holds of them: the signing key, the accounts, and the accounts' first passwords.

    Raises BadCredentials.
    """

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.key_file = data / "token.key"
        self.accounts_file = data / "accounts.json"
        self.passwords_file = data / "credentials.json"
        self.key: OKPKey = load_or_generate_key(self.key_file)
        #: The key-encryption keys: they are backed up apart from the databases.
        self.keys_file = data / "keys.json"
        if not self.keys_file.exists():
            write_keys(self.keys_file, first_keys())
        #: By role: name and first password.
        self.by_role = self._read_or_create()

    def service_token(self, name: str) -> str:
        """The token with which a service calls the others."""
        return Signer(self.key).issue(service_principal(name), _SERVICE_TOKEN_SECONDS)

    def _read_or_create(self) -> dict[str, tuple[str, str]]:
        if self.passwords_file.exists():
            return read_passwords(self.passwords_file)
        accounts = Accounts(self.accounts_file)
        known = set(accounts.names())
        made = {}
        for role in Role:
            if role is not Role.SERVICE:
                name = role.value.replace("_", "-")
                password = accounts.set_password(name) if name in known else accounts.create(name, [role])
                made[role.value] = (name, password)
        _write_private(self.passwords_file, {role: {"name": n, "password": p} for role, (n, p) in made.items()})
        return made


def _write_private(path: Path, content: object) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(path)
