"""An account's second factor as it is kept: the secret sealed, the recovery codes as keyed digests."""

import base64
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from shared.auth.keys import load_or_generate_secret
from shared.auth.totp import SECRET_BYTES
from shared.protection.aead import AESGCM, InvalidTag, decrypt, encrypt

RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 bits, sixteen signs in base 32
_GROUP = 4


class FactorUnreadable(Exception):
    """A second factor can't be opened: the key beside the accounts has changed, or the entry is another account's."""


class Factor(BaseModel):
    """What an account holds of it."""

    sealed: str
    #: Digests of the recovery codes that were not used yet.
    recovery: list[str] = []


@dataclass(frozen=True)
class FactorSeal:
    """Seals secrets under the key that lies beside the accounts, each bound to its account."""

    key: bytes

    @classmethod
    def beside(cls, accounts: Path) -> "FactorSeal":
        """That of these accounts; its key is made with the first use."""
        return cls(load_or_generate_secret(accounts.with_suffix(".key")))

    def seal(self, account_id: str, secret: bytes) -> str:
        return base64.b64encode(encrypt(AESGCM(self._key("seal")), secret, account_id.encode())).decode("ascii")

    def open(self, account_id: str, sealed: str) -> bytes:
        """The secret. Raises FactorUnreadable."""
        try:
            return decrypt(AESGCM(self._key("seal")), base64.b64decode(sealed), account_id.encode())
        except (InvalidTag, ValueError) as error:
            raise FactorUnreadable(FactorUnreadable.__doc__) from error

    def digest(self, *words: str) -> str:
        """A keyed digest of some words: without the key nobody finds them by trying."""
        return hmac.digest(self._key("digest"), "\0".join(words).encode(), "sha256").hex()

    def _key(self, use: str) -> bytes:
        # One step of HKDF, which is enough for a key that is random already.
        return hmac.digest(self.key, f"homeward accounts {use}\x01".encode(), "sha256")


def new_secret() -> bytes:
    """A secret that nobody can guess."""
    return secrets.token_bytes(SECRET_BYTES)


def recovery_codes() -> list[str]:
    """New recovery codes, to be shown once."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]


def bare(code: str) -> str:
    """A code as it was meant, however it was typed."""
    return "".join(each for each in code.upper() if each.isalnum())


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP)).lower()
