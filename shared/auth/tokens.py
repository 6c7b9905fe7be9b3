"""Signed tokens: every service verifies them by itself, each with the key of who issued it.

Their times are the system clock's: the programme's clock may be months ahead.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import TypeAdapter, ValidationError

from shared.auth.break_glass import Opening
from shared.auth.principal import Principal, emergency_principal
from shared.auth.roles import Role
from shared.errors import Unauthenticated
from shared.ids import new_id

ISSUER = "homeward"
#: What operators hold is for the gateway, which shows each service a pass of its own.
GATEWAY = "gateway"
_AUDIENCE = "homeward/{}"
#: RFC 9864's name: unlike "EdDSA" it fixes the curve, so a token can't choose another.
ALGORITHM = "Ed25519"
#: A working day: an officer signs in once.
LIFETIME_SECONDS = 10 * 3600
#: Clocks of two hosts differ by less.
LEEWAY_SECONDS = 30
#: Checked tokens that a verifier remembers.
KNOWN_TOKENS = 1000

#: Whose token it is, and when (system clock) it ends.
Checked = tuple[Principal, int]

_ROLES = TypeAdapter(frozenset[Role])
_OFFICES = TypeAdapter(frozenset[str])
_OPENING = TypeAdapter(Opening)


@dataclass(frozen=True, slots=True)
class Signer:
    """Issues operators' tokens with the private key."""

    key: OKPKey

    def issue(self, principal: Principal, lifetime_seconds: int = LIFETIME_SECONDS, *, audience: str = GATEWAY) -> str:
        """A token for the principal, valid from now on and at one service alone."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": audience_of(audience),
            "sub": principal.id,
            "name": principal.name,
            "roles": sorted(principal.roles),
            "offices": sorted(principal.offices),
            "iat": now,
            "exp": now + lifetime_seconds,
            "jti": str(new_id()),
        }
        if principal.break_glass:
            claims["break_glass"] = _OPENING.dump_python(principal.break_glass, mode="json")
        return jwt.encode({"alg": ALGORITHM}, claims, self.key, algorithms=[ALGORITHM])


class Issuer(Protocol):
    """Checks the tokens of one issuer."""

    def check(self, token: str) -> Checked:
        """Raises Unauthenticated unless signature, algorithm, issuer, audience and times fit."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks tokens, each as its issuer's; ``issuers`` are by the ``iss`` in them."""

    issuers: Mapping[str, Issuer]
    #: Tokens whose signature was checked, with the time at which they expire: a token comes with every request.
    _known: dict[str, Checked] = field(default_factory=dict, repr=False, compare=False)

    def verify(self, token: str) -> Principal:
        """The principal. Raises Unauthenticated."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        issuer = self.issuers.get(_issuer_of(token))
        if issuer is None:
            raise Unauthenticated
        principal, expires = issuer.check(token)
        if len(self._known) >= KNOWN_TOKENS:
            self._known.clear()
        self._known[token] = principal, expires
        return principal


def _issuer_of(token: str) -> str:
    """Who is said to have issued it. Nothing is checked yet: this chooses the key, no more."""
    try:
        return str(orjson.loads(jws.extract_compact(token.encode()).payload)["iss"])
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Unauthenticated("This is not a token: sign in again.") from error


@dataclass(frozen=True, slots=True)
class Operators:
    """The tokens that the gateway issues for operators, as far as they are for this service."""

    key: OKPKey
    callee: str

    def check(self, token: str) -> Checked:
        """The operator. Raises Unauthenticated."""
        try:
            claims = jwt.decode(token, self.key, algorithms=[ALGORITHM]).claims
            # decode() checks the signature alone: without this an expired token would do.
            _required_claims(self.callee).validate(claims)
            opening = _OPENING.validate_python(claims["break_glass"]) if "break_glass" in claims else None
            roles, offices = _ROLES.validate_python(claims["roles"]), _OFFICES.validate_python(claims["offices"])
        # TypeError: joserfc takes any header for an object.
        except (JoseError, ValidationError, ValueError, TypeError) as error:
            raise Unauthenticated("The token is not valid or has expired: sign in again.") from error
        id, name, ends = str(claims["sub"]), str(claims["name"]), int(claims["exp"])
        return (emergency_principal(id, name, opening) if opening else Principal(id, name, roles, offices)), ends


def audience_of(service: str) -> str:
    """Whom a token is for: the ``aud`` of what one service alone takes."""
    return _AUDIENCE.format(service)


def _required_claims(callee: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": audience_of(callee)},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        name={"essential": True},
        roles={"essential": True, "allow_blank": True},
        offices={"essential": True, "allow_blank": True},
    )
