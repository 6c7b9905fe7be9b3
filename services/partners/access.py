"""How an agency gets a key without anybody of the programme having it.

A liaison opens a request and is told one code, a second person approves it and is told another. Each tells its own to
the agency's contact. Who has both exchanges them for the key, which nobody else is ever told. What is kept of the codes
and of the key are digests. None of it goes through a stored answer, which would keep the words.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners import keys
from services.partners.domain.access import CLAIMED_WITHIN, AccessRequest, RequestState
from services.partners.domain.rules import KeyWithoutRequest
from services.partners.keys import Key, digest_of, principal_of
from services.partners.suspensions import suspensions
from shared.audit.trail import Deed
from shared.auth.principal import Principal
from shared.clock import Clock, SystemClock
from shared.errors import HomewardError, NotFound, Unauthenticated
from shared.ids import new_id
from shared.persistence.database import rows, run
from shared.web.commands import Desk

log = structlog.get_logger()

_CODE_BYTES = 24
#: No code has it.
_NO_DIGEST = bytes(32)
_COLUMNS = """access_request.id, access_request.agency_id, contact, reason, opened_by, opened_at, approved_by,
    expires_at, claimed_at, ended_at"""


class ClaimUnusable(HomewardError):
    """These codes open nothing: they are mistyped, used, taken back or too old. Ask the partner liaison for others."""

    status = 404


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does what, for the audit."""

    principal: Principal
    action: str


@dataclass
class Access:
    """``app.state.access``."""

    desk: Desk
    #: Real time, whatever the programme's is.
    clock: Clock = field(default_factory=SystemClock)

    async def open(self, doer: Doer, agency_id: UUID, contact: str, reason: str) -> tuple[UUID, str]:
        """A new request, and the code for who has opened it. One that was not claimed is taken back for it."""
        id, code, now = new_id(), secrets.token_urlsafe(_CODE_BYTES), self.clock.now()
        async with self.desk.database.transaction() as connection:
            await _lock_agency(connection, agency_id)
            await _end_requests(connection, agency_id, "claimed_at IS NULL", doer.principal.id, now)
            await run(
                connection,
                """INSERT INTO access_request (id, agency_id, contact, reason, request_digest, opened_by, opened_at)
                   VALUES (:id, :agency, :contact, :reason, :digest, :by, :now)""",
                id=id,
                agency=agency_id,
                contact=contact,
                reason=reason,
                digest=digest_of(code),
                by=doer.principal.id,
                now=now,
            )
            await self._write_down(connection, doer, agency_id, id)
        return id, code

    async def approve(self, doer: Doer, agency_id: UUID, id: UUID) -> tuple[str, datetime]:
        """The code for who approves, and until when it is good. Approved once more, the one before opens nothing."""
        code, now = secrets.token_urlsafe(_CODE_BYTES), self.clock.now()
        async with self.desk.database.transaction() as connection:
            request = await _request(connection, agency_id, id)
            request.check_approval(doer.principal.id, now)
            await run(
                connection,
                """UPDATE access_request SET approved_by = :by, claim_digest = :digest, expires_at = :until
                   WHERE id = :id""",
                id=id,
                by=doer.principal.id,
                digest=digest_of(code),
                until=now + CLAIMED_WITHIN,
            )
            await self._write_down(connection, doer, agency_id, id)
        return code, now + CLAIMED_WITHIN

    async def claim(self, request_code: str, claim_code: str, action: str) -> tuple[UUID, UUID, str]:
        """The agency, the key's id and the key. Raises ClaimUnusable: whatever is wrong takes the same way there."""
        now = self.clock.now()
        async with self.desk.database.transaction() as connection:
            found = await rows(
                connection,
                f"""SELECT {_COLUMNS}, request_digest, name FROM access_request JOIN agency ON agency.id = agency_id
                    WHERE claim_digest = :digest FOR NO KEY UPDATE OF access_request""",
                digest=digest_of(claim_code),
            )
            fits = hmac.compare_digest(found[0].request_digest if found else _NO_DIGEST, digest_of(request_code))
            if not found or not fits or not await _usable(connection, _read(found[0]), now):
                raise ClaimUnusable
            request, agency = _read(found[0]), principal_of(found[0].agency_id, found[0].name)
            await run(connection, "UPDATE access_request SET claimed_at = :now WHERE id = :id", id=request.id, now=now)
            key_id, key = await keys.make_key(connection, request.agency_id, request.id)
            await self._write_down(connection, Doer(agency, action), request.agency_id, request.id, key_id)
        # The liaison who doesn't expect it ends it at once.
        log.warning("an agency's access was claimed", agency=str(request.agency_id), request=str(request.id))
        return request.agency_id, key_id, key

    async def renew(self, doer: Doer, agency_id: UUID, token: str) -> tuple[UUID, str]:
        """Another key for an agency that has one, which comes of the same request."""
        async with self.desk.database.transaction() as connection:
            # Who ends all that came of the request ends this one too, or there is no key to make it with any more.
            await _lock_agency(connection, agency_id)
            own = await keys.key_of(connection, token)
            if own is None:
                raise Unauthenticated("This key was ended meanwhile.")
            # What came of it would end with no request.
            if own.request is None:
                raise KeyWithoutRequest
            key_id, key = await keys.make_key(connection, agency_id, own.request)
            await self._write_down(connection, doer, agency_id, key_id)
        return key_id, key

    async def end_key(self, doer: Doer, agency_id: UUID, key_id: UUID) -> None:
        """End one key; another that the agency has goes on."""
        async with self.desk.database.transaction() as connection:
            if not await keys.end_key(connection, agency_id, key_id):
                raise NotFound("This agency has no such key.")
            await self._write_down(connection, doer, agency_id, key_id)

    async def end(self, doer: Doer, agency_id: UUID, id: UUID) -> None:
        """Take the request back, and end every key that came of it."""
        async with self.desk.database.transaction() as connection:
            await _lock_agency(connection, agency_id)
            await _request(connection, agency_id, id)
            await run(
                connection,
                """UPDATE access_request SET ended_by = coalesce(ended_by, :by), ended_at = coalesce(ended_at, :now)
                   WHERE id = :id""",
                id=id,
                by=doer.principal.id,
                now=self.clock.now(),
            )
            await keys.end_keys(connection, id)
            await self._write_down(connection, doer, agency_id, id)

    async def end_all(self, doer: Doer, agency_id: UUID) -> None:
        """Take every request of the agency back, and end every key."""
        async with self.desk.database.transaction() as connection:
            await _lock_agency(connection, agency_id)
            # First: who is claiming one has its key by then, and that ends too.
            await _end_requests(connection, agency_id, "true", doer.principal.id, self.clock.now())
            await keys.end_all_keys(connection, agency_id)
            await self._write_down(connection, doer, agency_id)

    async def keys_of(self, agency_id: UUID | None = None) -> list[Key]:
        """The keys of an agency that have not ended, or of all."""
        async with self.desk.database.statement() as connection:
            return await keys.keys(connection, agency_id)

    async def requests(self) -> Sequence[AccessRequest]:
        """Of every agency those that have not ended, the latest first."""
        async with self.desk.database.statement() as connection:
            which = f"SELECT {_COLUMNS} FROM access_request WHERE ended_at IS NULL ORDER BY opened_at DESC, id"
            return [_read(row) for row in await rows(connection, which)]

    async def _write_down(self, connection: AsyncConnection, doer: Doer, *subjects: UUID) -> None:
        await self.desk.trail.append(connection, Deed(doer.principal, doer.action, None, {None: subjects}))


async def _usable(connection: AsyncConnection, request: AccessRequest, now: datetime) -> bool:
    suspended = await suspensions(connection, [request.agency_id])
    return request.state(now) is RequestState.APPROVED and not suspended


async def _end_requests(connection: AsyncConnection, agency_id: UUID, which: str, by: str, now: datetime) -> None:
    await run(
        connection,
        f"""UPDATE access_request SET ended_by = :by, ended_at = :now
            WHERE agency_id = :agency AND {which} AND ended_at IS NULL""",
        agency=agency_id,
        by=by,
        now=now,
    )


async def _lock_agency(connection: AsyncConnection, id: UUID) -> None:
    """Raises NotFound."""
    if not await rows(connection, "SELECT 1 FROM agency WHERE id = :id FOR NO KEY UPDATE", id=id):
        raise NotFound(f"There is no agency {id}.")


async def _request(connection: AsyncConnection, agency_id: UUID, id: UUID) -> AccessRequest:
    """Locked. Raises NotFound."""
    which = f"SELECT {_COLUMNS} FROM access_request WHERE id = :id AND agency_id = :agency FOR NO KEY UPDATE"
    found = await rows(connection, which, id=id, agency=agency_id)
    if not found:
        raise NotFound(f"This agency has no access request {id}.")
    return _read(found[0])


def _read(row: Any) -> AccessRequest:
    names = AccessRequest.__dataclass_fields__
    return AccessRequest(**{name: getattr(row, name) for name in names})
