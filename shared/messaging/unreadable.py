"""Elements of messages that are no events: listed without their bytes, dismissed with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from shared.errors import NotFound
from shared.persistence.database import Database, rows

log = structlog.get_logger()

#: What the codec says of an element without quoting it. All else is told by the kind of error alone.
_TOLD = frozenset(
    {"not a JSON object", "time has no offset", "sequence is out of range"}
    | {f"{name} is not a text" for name in ("source", "type", "subject", "traceparent")}
    | {f"'{name}'" for name in ("id", "source", "type", "subject", "sequence", "time", "prevhash")}
)


class NoUnreadable(NotFound):
    """There is no unreadable element of this number; list them to see what there is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An element that could not be read, without its bytes, which may be anything."""

    id: int
    #: SHA-256 of its bytes.
    digest: str
    received_at: datetime
    content_type: str | None
    bytes: int
    reason: str


class Unreadables:
    """What one consumer could not read."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def list(self, *, after: int = 0, limit: int = 200) -> list[Kept]:
        """In order of arrival, after a number."""
        statement = """SELECT id, encode(digest, 'hex') AS digest, received_at, content_type,
                              octet_length(body) AS bytes, reason
                       FROM inbox_unreadable WHERE id > :after ORDER BY id LIMIT :limit"""
        async with self.database.transaction() as connection:
            return [_kept(row) for row in await rows(connection, statement, after=after, limit=limit)]

    async def show(self, id: int) -> Kept:
        """One. Raises NoUnreadable."""
        found = await self.list(after=id - 1, limit=1)
        if not found or found[0].id != id:
            raise NoUnreadable
        return found[0]

    async def dismiss(self, id: int, *, by: str, reason: str) -> None:
        """Delete one: its bytes go, who decided it and why stays on record. Raises NoUnreadable.

        Saying it again changes nothing.
        """
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                """WITH gone AS (DELETE FROM inbox_unreadable WHERE id = :id RETURNING digest, reason)
                   INSERT INTO inbox_decision (decided_by, decision, subject, sequence, cause, reason)
                   SELECT :by, 'dismiss', encode(digest, 'hex'), :id, split_part(reason, ':', 1), CAST(:why AS text)
                   FROM gone
                   RETURNING subject""",
                id=id,
                by=by,
                why=reason,
            )
            if not found and not await _dismissed(connection, id):
                raise NoUnreadable
        log.info("unreadable element dismissed", by=by, number=id, digest=[row.subject for row in found])


async def _dismissed(connection: Any, id: int) -> Sequence[Any]:
    statement = "SELECT 1 FROM inbox_decision WHERE decision = 'dismiss' AND sequence = :id"
    return await rows(connection, statement, id=id)


def _kept(row: Any) -> Kept:
    return Kept(row.id, row.digest, row.received_at, row.content_type, row.bytes, _told(row.reason))


def _told(reason: str) -> str:
    """The reason as far as it quotes nothing of the element."""
    kind, _, text = reason.partition(": ")
    return reason if text in _TOLD or kind == "not JSON" else kind
