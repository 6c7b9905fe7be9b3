"""Tokens of an OpenID provider: checked here, with the keys that it publishes.

joserfc's ``decode`` checks a signature with whatever algorithm it was allowed, and no claim at all: both is done here.
"""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import (
    InvalidClaimError,
    InvalidHeaderValueError,
    InvalidKeyIdError,
    JoseError,
    UnsupportedAlgorithmError,
)
from joserfc.jws import JWSRegistry

from shared.auth.principal import Principal
from shared.auth.provider_claims import principal_of
from shared.auth.published_keys import KeyCache, PublishedKeys
from shared.errors import Unauthenticated
from shared.settings import IdentityProvider

log = structlog.get_logger()

#: Clocks of two organisations' hosts differ by less.
LEEWAY_SECONDS = 60
#: Checked tokens that are remembered.
KNOWN_TOKENS = 1000
#: Larger than any provider's; a header of that size doesn't reach us anyway.
LONGEST_TOKEN = 32_768

#: The header's ``typ``, where there is one.
_ACCESS_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_IDENTITY_TYPES = frozenset({"jwt"})


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    expires: float
    keys: PublishedKeys


class Provider:
    """One OpenID provider; ``app.state.provider`` where there is one."""

    def __init__(
        self, settings: IdentityProvider, keys: KeyCache | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.settings, self._now = settings, now
        self.keys = keys or KeyCache(
            settings.issuer, lifetime=settings.keys_lifetime_seconds, stale_for=settings.stale_keys_seconds
        )
        # An unknown header parameter is passed over, as RFC 7515 has it; critical ones are refused below.
        self._registry = JWSRegistry(algorithms=sorted(settings.algorithms), strict_check_header=False)
        self._known: dict[str, _Known] = {}

    def issued(self, token: str) -> bool:
        """Whether the token says that it is this provider's; nothing is checked yet."""
        try:
            return bool(_unchecked(token)[1].get("iss") == self.settings.issuer)
        except ValueError:
            return False

    async def verify(self, token: str) -> Principal:
        """The principal of an access token. Raises Unauthenticated, or ProviderUnreachable without usable keys."""
        known = self._known.get(token)
        # Keys that were fetched again may lack the one that signed this.
        if known is not None and known.keys is await self.keys.current() and self._now() < known.expires:
            return known.principal
        claims, keys = await self._checked(token, self.settings.audience, _ACCESS_TYPES, "Bearer")
        principal = principal_of(claims, self.settings)
        if len(self._known) >= KNOWN_TOKENS:
            self._known.clear()
        self._known[token] = _Known(principal, claims["exp"], keys)
        return principal

    async def identity(self, token: str, *, client: str, nonce: str) -> dict[str, Any]:
        """The claims of an id token that was made for this client and this sign-in. Raises like ``verify``."""
        claims, _ = await self._checked(token, client, _IDENTITY_TYPES, "ID")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client) != client or claims.get("nonce") != nonce:
            raise _refused("an id token of another sign-in")
        return claims

    async def _checked(
        self, token: str, audience: str, types: frozenset[str], kind: str
    ) -> tuple[dict[str, Any], PublishedKeys]:
        try:
            header, _ = _unchecked(token)
            _check_header(header, types)
            key, keys = await self._key(header)
            claims = jwt.decode(token, key, registry=self._registry).claims
            self._required_claims(audience).validate(claims)
            # Keycloak tells its kinds of token apart by this claim.
            if claims.get("typ") not in (None, kind):
                raise InvalidClaimError("typ")
        except (JoseError, ValueError) as error:
            raise _refused(str(error)) from error
        return claims, keys

    async def _key(self, header: dict[str, Any]) -> tuple[Any, PublishedKeys]:
        algorithm, kid = header["alg"], header.get("kid")
        if algorithm not in self.settings.algorithms:
            raise UnsupportedAlgorithmError("its algorithm is not allowed")
        keys = await self.keys.current()
        key = keys.find(kid, algorithm)
        if key is None and kid is not None:
            keys = await self.keys.newer()
            key = keys.find(kid, algorithm)
        if key is None:
            raise InvalidKeyIdError("its key is not published")
        return key, keys

    def _required_claims(self, audience: str) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )


def _unchecked(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as they stand there. Raises ValueError when it is no such token."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST_TOKEN:
        raise ValueError("this is no token")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    except RecursionError as error:
        raise ValueError("nested beyond all measure") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("this is no token")
    return header, claims


def _check_header(header: dict[str, Any], types: frozenset[str]) -> None:
    """Raise InvalidHeaderValueError for what joserfc would stumble over or doesn't look at."""
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in types:
        raise InvalidHeaderValueError("its type is another")
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid"), str | None):
        raise InvalidHeaderValueError("its algorithm or key is no text")
    if "crit" in header:
        raise InvalidHeaderValueError("it asks for an extension")


def _refused(because: str) -> Unauthenticated:
    log.info("a token of the identity provider was refused", because=because[:200])
    return Unauthenticated("The token is not valid or has expired: sign in again.")
