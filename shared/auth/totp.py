"""One-time codes from a shared secret and the time (RFC 6238): SHA-1, six digits, thirty seconds."""

import base64
import hmac
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
#: Steps before and after the present one: a telephone's clock is seldom right.
DRIFT = 1
#: RFC 4226 recommends 160 bits.
SECRET_BYTES = 20


def present_step(now: Callable[[], float] = time.time) -> int:
    """The number of the step that we are in."""
    return int(now()) // STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    """The code of a step."""
    digest = hmac.digest(secret, step.to_bytes(8), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, code: str, now: Callable[[], float] = time.time) -> int | None:
    """The step whose code this is, if it is near."""
    here = present_step(now)
    found = [step for step in range(here - DRIFT, here + DRIFT + 1) if _same(code_at(secret, step), code)]
    return found[-1] if found else None


def uri(secret: bytes, name: str, issuer: str = "Homeward") -> str:
    """What an authenticator app reads from a QR code."""
    label = quote(f"{issuer}:{name}")
    fields = {"secret": shown(secret), "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{label}?{urlencode(fields, quote_via=quote)}"


def shown(secret: bytes) -> str:
    """The secret as it is typed into an app."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
