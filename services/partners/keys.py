"""Agencies' keys: random words that mean something here alone, and of which only a digest is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.rules import TooManyKeys
from services.partners.together import Together
from shared.auth.oidc import Provider
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.errors import Forbidden, Unauthenticated
from shared.ids import new_id
from shared.persistence.database import Database, rows, run, scalar

#: No signed token begins like this.
_PREFIX = "homeward-agency."
_WORD_BYTES = 32
_ACTOR = "agency:"
#: Of one agency that have not ended: a program each, and some to change them.
MOST = 20

_KNOWN = """
    SELECT digest, agency.id, agency.name, EXISTS (
        SELECT FROM agency_suspension WHERE agency_suspension.agency_id = agency.id AND resumed_at IS NULL) AS suspended
    FROM agency_key JOIN agency ON agency.id = agency_id WHERE digest = ANY(:digests) AND ended_at IS NULL"""


class AgencySuspended(Forbidden):
    """Your agency's access is suspended, and what happens is kept: ask the programme's partner liaison."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that has not ended. ``request``: the access request that it came of; None if it is older than these."""

    id: UUID
    agency_id: UUID
    made_at: datetime
    request: UUID | None


async def make_key(connection: AsyncConnection, agency_id: UUID, request: UUID | None) -> tuple[UUID, str]:
    """A new key's id, and the key: nobody is ever told it again. Raises TooManyKeys."""
    count = "SELECT count(*) FROM agency_key WHERE agency_id = :agency AND ended_at IS NULL"
    if await scalar(connection, count, agency=agency_id) >= MOST:
        raise TooManyKeys(most=MOST)
    id, key = new_id(), _PREFIX + secrets.token_urlsafe(_WORD_BYTES)
    await run(
        connection,
        """INSERT INTO agency_key (digest, id, agency_id, made_by, made_at, request_id)
           VALUES (:digest, :id, :agency, :by, now(), :request)""",
        digest=digest_of(key),
        id=id,
        agency=agency_id,
        by=f"{_ACTOR}{agency_id}",
        request=request,
    )
    return id, key


async def end_key(connection: AsyncConnection, agency_id: UUID, id: UUID) -> bool:
    """Whether there was such a key; who holds it holds nothing from now on."""
    statement = "UPDATE agency_key SET ended_at = coalesce(ended_at, now()) WHERE id = :id AND agency_id = :agency"
    return bool(await run(connection, statement, id=id, agency=agency_id))


async def end_keys(connection: AsyncConnection, request: UUID) -> None:
    """End every key that came of an access request."""
    await run(
        connection, "UPDATE agency_key SET ended_at = now() WHERE request_id = :id AND ended_at IS NULL", id=request
    )


async def end_all_keys(connection: AsyncConnection, agency_id: UUID) -> None:
    """End every key of an agency, also those that are older than access requests."""
    statement = "UPDATE agency_key SET ended_at = now() WHERE agency_id = :agency AND ended_at IS NULL"
    await run(connection, statement, agency=agency_id)


async def keys(connection: AsyncConnection, agency_id: UUID | None = None) -> list[Key]:
    """The keys of an agency, or of all."""
    found = await rows(
        connection,
        """SELECT id, agency_id, made_at, request_id FROM agency_key
           WHERE ended_at IS NULL AND (CAST(:agency AS uuid) IS NULL OR agency_id = :agency) ORDER BY made_at, id""",
        agency=agency_id,
    )
    return [Key(*row) for row in found]


async def key_of(connection: AsyncConnection, token: str) -> Key | None:
    """The key itself, unless it has ended."""
    found = await rows(
        connection,
        "SELECT id, agency_id, made_at, request_id FROM agency_key WHERE digest = :digest AND ended_at IS NULL",
        digest=digest_of(token),
    )
    return Key(*found[0]) if found else None


class AgencyKeys:
    """Knows agencies by their keys; ``inner`` is the operators' identity provider, if there is one."""

    def __init__(self, database: Database, inner: Provider | None) -> None:
        self.database, self.inner = database, inner
        self._looking: Together[bytes, Any] = Together("agencies' keys", self._look)

    def issued(self, token: str) -> bool:
        """Whether it is for us to say whose token it is."""
        return token.startswith(_PREFIX) or (self.inner is not None and self.inner.issued(token))

    async def verify(self, token: str) -> Principal:
        """The agency. Raises Unauthenticated, or AgencySuspended."""
        if self.inner is not None and not token.startswith(_PREFIX):
            return await self.inner.verify(token)
        found = await self._looking.ask(digest_of(token))
        if found is None:
            raise Unauthenticated("This key is not known or was ended: ask the programme's partner liaison for access.")
        if found.suspended:
            raise AgencySuspended
        return principal_of(found.id, found.name)

    async def _look(self, digests: list[bytes]) -> list[Any]:
        async with self.database.statement() as connection:
            found = {row.digest: row for row in await rows(connection, _KNOWN, digests=digests)}
        return [found.get(each) for each in digests]


def principal_of(agency_id: UUID, name: str) -> Principal:
    """As whom the agency asks, and as whom it is written down that it was told something."""
    return Principal(f"{_ACTOR}{agency_id}", name, frozenset({Role.AGENCY}), frozenset())


def agency_of(principal: Principal) -> UUID | None:
    """Which agency the principal is; None for those who look after agencies. Raises Forbidden for whoever is neither.

    An account that was given the agencies' role is no agency, and must not be taken for one who looks after them all.
    """
    if principal.id.startswith(_ACTOR):
        return UUID(principal.id.removeprefix(_ACTOR))
    if Role.AGENCY in principal.roles:
        raise Forbidden("An agency signs in with its own key.")
    return None


def digest_of(word: str) -> bytes:
    """What is kept of a random word."""
    return hashlib.sha256(word.encode()).digest()
