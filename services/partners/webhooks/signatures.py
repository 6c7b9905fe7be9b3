"""Signatures as Standard Webhooks has them: by a secret that both know, or by a key whose public half they know."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: How long the secret before the present one still signs too.
BOTH_VALID = timedelta(days=3)

#: Of secrets, of which each rotation makes another.
FIRST = "1"

_SYMMETRIC, _PRIVATE, _PUBLIC = "whsec_", "whsk_", "whpk_"
_BYTES = 32


class Signature(StrEnum):
    """Which kind of signature a receiver checks."""

    #: ``v1``: HMAC-SHA256.
    SYMMETRIC = "symmetric"
    #: ``v1a``: Ed25519.
    ED25519 = "ed25519"


def first(url: str, kind: Signature) -> dict[str, str]:
    """What a new subscription keeps: where it is called, and how that is signed."""
    return {"url": url, "kind": kind.value, "secret": _new(kind), "generation": FIRST}


def rotated(kept: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The same with a new secret, beside which the present one stays valid for a time."""
    return {
        "url": kept["url"],
        "kind": kept["kind"],
        "secret": _new(Signature(kept["kind"])),
        "generation": str(int(kept["generation"]) + 1),
        "previous": kept["secret"],
        "previous_until": (now + BOTH_VALID).isoformat(),
    }


def shown(kept: Mapping[str, str]) -> str:
    """What the receiver checks signatures with: the secret itself, or the public key."""
    secret = kept["secret"]
    if secret.startswith(_SYMMETRIC):
        return secret
    return _PUBLIC + _text(_private(secret).public_key().public_bytes_raw())


def headers(kept: Mapping[str, str], id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers that sign a body, by each secret that is valid now."""
    timestamp = str(int(now.timestamp()))
    signed = b"%s.%s.%s" % (id.encode(), timestamp.encode(), body)
    valid = [kept["secret"]]
    if "previous" in kept and now < datetime.fromisoformat(kept["previous_until"]):
        valid.append(kept["previous"])
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_sign(secret, signed) for secret in valid),
    }


def _new(kind: Signature) -> str:
    return (_SYMMETRIC if kind is Signature.SYMMETRIC else _PRIVATE) + _text(secrets.token_bytes(_BYTES))


def _sign(secret: str, signed: bytes) -> str:
    if secret.startswith(_SYMMETRIC):
        key = base64.b64decode(secret.removeprefix(_SYMMETRIC))
        return "v1," + _text(hmac.digest(key, signed, hashlib.sha256))
    return "v1a," + _text(_private(secret).sign(signed))


def _private(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret.removeprefix(_PRIVATE)))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
