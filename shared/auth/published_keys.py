"""The keys that an identity provider publishes: fetched when they are needed, kept through its outages."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from shared.auth.discovery import Metadata, discover, fetch_json
from shared.errors import Unavailable

log = structlog.get_logger()

#: Seconds between two fetches: whoever makes up key ids has us ask the provider six times a minute, not more.
INTERVAL = 10.0

#: The kind of key that goes with each algorithm. No shared secrets: whoever can check such a token can make one.
KEY_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    **dict.fromkeys(("Ed25519", "EdDSA"), "OKP"),
}


class ProviderUnreachable(Unavailable):
    """The identity provider can't be reached, so its tokens can't be checked: try again shortly."""


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """What one fetch brought."""

    metadata: Metadata
    keys: tuple[Key, ...]

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key for a token's signature; a token that names none is given the only one there is."""
        fitting = [key for key in self.keys if _fits(key, algorithm)]
        if kid is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.kid == kid), None)


class KeyCache:
    """The provider's keys as they were last fetched, if that isn't too long ago."""

    def __init__(
        self, issuer: str, *, lifetime: float, stale_for: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer, self._lifetime, self._stale_for, self._now = issuer, lifetime, stale_for, now
        self._published: PublishedKeys | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def current(self) -> PublishedKeys:
        """The keys, fetched anew once their lifetime is over. Raises ProviderUnreachable when even stale ones are."""
        if self._age >= self._lifetime:
            await self._fetch()
        if self._published is None or self._age >= self._stale_for:
            raise ProviderUnreachable
        return self._published

    async def newer(self) -> PublishedKeys:
        """The keys for a token whose key is not among the current ones: fetched again, if that was not just done."""
        await self._fetch()
        return await self.current()

    @property
    def _age(self) -> float:
        return self._now() - self._fetched_at

    async def _fetch(self) -> None:
        async with self._fetching:
            # Who has waited here finds it done.
            if self._now() - self._tried_at < INTERVAL:
                return
            self._tried_at = self._now()
            try:
                self._published = await _published(self._issuer)
            except (httpx.HTTPError, OSError, ValueError) as error:
                log.warning("identity provider not reached", issuer=self._issuer, error=repr(error))
            else:
                self._fetched_at = self._now()


async def _published(issuer: str) -> PublishedKeys:
    metadata = await discover(issuer)
    document = await fetch_json(metadata.jwks_uri)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the provider's key set is none")
    return PublishedKeys(metadata, tuple(key for each in listed if (key := _key(each)) is not None))


def _key(published: Any) -> Key | None:
    """The key, unless it is of a kind that we don't use: RFC 7517 has us pass over those."""
    if not isinstance(published, dict) or published.get("kty") not in KEY_TYPES.values():
        return None
    try:
        return import_key(published)
    except (JoseError, ValueError, TypeError):
        log.warning("a key of the identity provider can't be read", kid=str(published.get("kid")))
        return None


def _fits(key: Key, algorithm: str) -> bool:
    return (
        key.key_type == KEY_TYPES.get(algorithm)
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
    )
