"""Short notes that a browser keeps for us: it can read them, but neither change nor keep them beyond their time."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.auth.tokens import ALGORITHM

#: Not the issuer of access tokens: a note must never do as one.
ISSUER = "homeward-notes"


class NoteBroken(Exception):
    """The note is not ours, is meant for something else, or its time is over."""


@dataclass(frozen=True, slots=True)
class Notes:
    """Signs with the private key and checks again."""

    key: OKPKey

    def close(self, note: Mapping[str, Any], *, purpose: str, seconds: int) -> str:
        """The note, signed."""
        claims = {"iss": ISSUER, "aud": purpose, "exp": int(time.time()) + seconds, "note": dict(note)}
        return jwt.encode({"alg": ALGORITHM, "typ": "note+jwt"}, claims, self.key, algorithms=[ALGORITHM])

    def open(self, sealed: str, *, purpose: str) -> dict[str, Any]:
        """The note. Raises NoteBroken."""
        try:
            claims = jwt.decode(sealed, self.key, algorithms=[ALGORITHM]).claims
            _required_claims(purpose).validate(claims)
            return dict(claims["note"])
        except (JoseError, ValueError, TypeError) as error:
            raise NoteBroken from error


def _required_claims(purpose: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": purpose},
        exp={"essential": True},
        note={"essential": True},
    )
