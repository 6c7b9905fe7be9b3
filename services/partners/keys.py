"""Agencies' keys: random words that mean something here alone, and of which only a digest is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.oidc import Provider
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.errors import Forbidden, Unauthenticated
from shared.ids import new_id
from shared.persistence.database import Database, rows, run

#: No signed token begins like this.
_PREFIX = "homeward-agency."
_WORD_BYTES = 32
_ACTOR = "agency:"


async def make_key(connection: AsyncConnection, agency_id: UUID, by: str) -> tuple[UUID, str]:
    """A new key's id, and the key: nobody is ever told it again."""
    id, key = new_id(), _PREFIX + secrets.token_urlsafe(_WORD_BYTES)
    await run(
        connection,
        "INSERT INTO agency_key (digest, id, agency_id, made_by, made_at) VALUES (:digest, :id, :agency, :by, now())",
        digest=_digest(key),
        id=id,
        agency=agency_id,
        by=by,
    )
    return id, key


async def end_key(connection: AsyncConnection, agency_id: UUID, id: UUID) -> bool:
    """Whether there was such a key; who holds it holds nothing from now on."""
    statement = "UPDATE agency_key SET ended_at = coalesce(ended_at, now()) WHERE id = :id AND agency_id = :agency"
    return bool(await run(connection, statement, id=id, agency=agency_id))


@dataclass(frozen=True)
class AgencyKeys:
    """Knows agencies by their keys; ``inner`` is the operators' identity provider, if there is one."""

    database: Database
    inner: Provider | None

    def issued(self, token: str) -> bool:
        """Whether it is for us to say whose token it is."""
        return token.startswith(_PREFIX) or (self.inner is not None and self.inner.issued(token))

    async def verify(self, token: str) -> Principal:
        """The agency. Raises Unauthenticated."""
        if self.inner is not None and not token.startswith(_PREFIX):
            return await self.inner.verify(token)
        async with self.database.statement() as connection:
            found = await rows(
                connection,
                """SELECT agency.id, agency.name FROM agency_key JOIN agency ON agency.id = agency_id
                   WHERE digest = :digest AND ended_at IS NULL""",
                digest=_digest(token),
            )
        if not found:
            raise Unauthenticated("This key is not known or was ended: ask the programme's partner liaison for one.")
        return principal_of(found[0].id, found[0].name)


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


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
