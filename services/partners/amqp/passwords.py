"""Agencies' passwords at the broker. It is given hashes alone: the password is sealed in our database."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

#: Of passwords, of which each rotation makes another.
FIRST = "1"
ALGORITHM = "rabbit_password_hashing_sha256"
_BYTES, _SALT = 32, 4


def first() -> dict[str, str]:
    """What an agency's first subscription keeps."""
    return {"password": secrets.token_urlsafe(_BYTES), "generation": FIRST}


def rotated(kept: Mapping[str, str]) -> dict[str, str]:
    """Another password: the one before opens nothing any more."""
    return first() | {"generation": str(int(kept["generation"]) + 1)}


def hashed(password: str) -> str:
    """As RabbitMQ keeps it: salt and digest."""
    return _hash(secrets.token_bytes(_SALT), password)


def fits(password: str, kept: str) -> bool:
    """Whether RabbitMQ keeps the hash of this password."""
    try:
        salt = base64.b64decode(kept, validate=True)[:_SALT]
    except ValueError:
        return False
    return hmac.compare_digest(_hash(salt, password), kept)


def _hash(salt: bytes, password: str) -> str:
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
