"""Tokens between services: each signs its own, for one other service and a few minutes.

A service knows the others' public keys. Who has stolen a token can use it at one service, until it ends, for what
``SERVICE_GRANTS`` says of that pair; who has taken over a service can't speak for another one.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.auth.grants import granted
from shared.auth.principal import Principal, service_principal
from shared.auth.tokens import ALGORITHM, LEEWAY_SECONDS, Checked, Issuer, audience_of
from shared.errors import Unauthenticated
from shared.ids import new_id

LIFETIME_SECONDS = 5 * 60
#: Seconds before its end from which on a token isn't used any more: longer than a request may be under way.
_RENEWED_SECONDS = 60
_ISSUER_PREFIX = "/homeward/"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this service is to the others."""

    name: str
    key: OKPKey
    #: By who is called: the token, and when (system clock) another is made.
    _kept: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False, compare=False)

    def token_for(self, callee: str) -> str:
        """A token for this service's calls to another one."""
        token, renewed = self._kept.get(callee, ("", 0.0))
        if time.time() >= renewed:
            token = self._issue(callee)
            self._kept[callee] = token, time.time() + LIFETIME_SECONDS - _RENEWED_SECONDS
        return token

    def _issue(self, callee: str) -> str:
        now = int(time.time())
        claims = {
            "iss": _ISSUER_PREFIX + self.name,
            "sub": f"service:{self.name}",
            "aud": audience_of(callee),
            "scope": " ".join(sorted(granted(self.name, callee))),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": str(new_id()),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self.name}, claims, self.key, algorithms=[ALGORITHM])


def callers(keys: Mapping[str, OKPKey], callee: str) -> dict[str, Issuer]:
    """The services whose tokens ``callee`` takes, by the ``iss`` in them."""
    return {_ISSUER_PREFIX + name: _Caller(name, key, callee) for name, key in keys.items()}


@dataclass(frozen=True, slots=True)
class _Caller:
    """The tokens of one service that calls this one."""

    name: str
    key: OKPKey
    callee: str

    def check(self, token: str) -> Checked:
        """The service with what it is granted here; its scope can only narrow that. Raises Unauthenticated."""
        try:
            found = jwt.decode(token, self.key, algorithms=[ALGORITHM])
            self._required_claims().validate(found.claims)
            asked = set(str(found.claims["scope"]).split())
            lifetime = int(found.claims["exp"]) - int(found.claims["iat"])
        except (JoseError, ValueError, TypeError) as error:
            raise Unauthenticated("The service's token is not valid or has expired.") from error
        if found.header.get("kid") != self.name or lifetime > LIFETIME_SECONDS:
            raise Unauthenticated("The service's token is not one that a service makes.")
        return self._principal(asked), int(found.claims["exp"])

    def _principal(self, asked: set[str]) -> Principal:
        return service_principal(self.name, {each for each in granted(self.name, self.callee) if each in asked})

    def _required_claims(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": _ISSUER_PREFIX + self.name},
            sub={"essential": True, "value": f"service:{self.name}"},
            aud={"essential": True, "value": audience_of(self.callee)},
            exp={"essential": True},
            iat={"essential": True},
            scope={"essential": True, "allow_blank": True},
        )
