"""Looking through the audit: who did or read what, whose data, why and since when."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.verification import SEEN, Cursor, Offices
from shared.persistence.database import rows

_FOUND = f"""
    SELECT office, number, entry FROM audit_entry
    WHERE (office, number) > (:after_office, :after_number) AND {SEEN}
      AND audit_content(entry) @> CAST(CAST(:wanted AS text) AS jsonb)
      AND (CAST(:since AS text) IS NULL OR audit_content(entry) ->> 'at' >= :since)
      AND (CAST(:until AS text) IS NULL OR audit_content(entry) ->> 'at' < :until)
    ORDER BY office, number LIMIT :limit"""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries: those that fit everything that is given."""

    actor: str | None = None
    case: UUID | None = None
    action: str | None = None
    purpose: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def named(self) -> dict[str, Any]:
        """What is given."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}

    def content(self) -> Mapping[str, Any]:
        """What an entry must contain."""
        named = {"actor": self.actor, "action": self.action, "purpose": self.purpose}
        subjects = {"subjects": [str(self.case)]} if self.case else {}
        return {name: value for name, value in named.items() if value is not None} | subjects


async def search(
    connection: AsyncConnection, sought: Sought, offices: Offices, after: Cursor, limit: int
) -> list[dict[str, Any]]:
    """Entries in order of (office, number), with their numbers."""
    found = await rows(
        connection,
        _FOUND,
        after_office=after[0],
        after_number=after[1],
        offices=offices,
        wanted=orjson.dumps(sought.content()).decode(),
        since=_written(sought.since),
        until=_written(sought.until),
        limit=limit,
    )
    return [orjson.loads(row.entry) | {"number": row.number} for row in found]


def _written(moment: datetime | None) -> str | None:
    """As entries have it: texts of one form sort like the moments they tell."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
