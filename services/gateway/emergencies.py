"""The table of emergency accesses. It alone holds why one was opened, and that for 90 days: see decision 20."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.repository import REASONS, Unit
from shared.audit.trail import by_office
from shared.auth.ledger import system_time
from shared.persistence.database import rows, run
from shared.scheduler import Scheduled

#: A notice is acknowledged within days; a quarter is for those who ask again.
REASON_KEPT = timedelta(days=90)


class Emergency(BaseModel):
    """Who has opened which case's file, from when until when, and what became of the notice."""

    id: UUID
    case_id: UUID
    office: str
    #: The account's id, as the audit has it, and its name.
    actor: str
    name: str
    #: None once its 90 days are over or the person is erased, and where it is of no matter.
    reason: str | None = None
    opened_at: datetime
    until: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


_INSERT = (
    f"INSERT INTO break_glass ({', '.join(Emergency.model_fields)})"
    f" VALUES ({', '.join(f':{each}' for each in Emergency.model_fields)})"
)
#: The reason is sealed, and read by who is told of it alone.
_COLUMNS = ", ".join(name for name in Emergency.model_fields if name != "reason")


def now() -> datetime:
    """By the system's clock: who sets the programme's would lengthen an emergency."""
    return datetime.fromtimestamp(system_time(), UTC)


async def add(connection: AsyncConnection, emergency: Emergency) -> None:
    """Keep a new one. Raises Erased."""
    reason = await REASONS.sealed(connection, emergency.case_id, str(emergency.id), emergency.reason or "")
    await run(connection, _INSERT, **(emergency.model_dump() | {"reason": reason}))


async def current(connection: AsyncConnection, actor: str, case_id: UUID) -> Emergency | None:
    """The one that is open for this person and case, the longest if there are some."""
    found = await rows(
        connection,
        f"""SELECT {_COLUMNS} FROM break_glass
            WHERE actor = :actor AND case_id = :case AND revoked_at IS NULL AND until > :now
            ORDER BY until DESC LIMIT 1""",
        actor=actor,
        case=case_id,
        now=now(),
    )
    return _read(found[0]) if found else None


async def find(connection: AsyncConnection, id: UUID) -> Emergency | None:
    """One of them, locked."""
    found = await rows(connection, f"SELECT {_COLUMNS} FROM break_glass WHERE id = :id FOR UPDATE", id=id)
    return _read(found[0]) if found else None


async def latest(connection: AsyncConnection, limit: int) -> list[Emergency]:
    """Those that the transaction sees: whom nobody has acknowledged first, then the newest."""
    statement = f"SELECT {_COLUMNS} FROM break_glass ORDER BY acknowledged_at IS NOT NULL, opened_at DESC LIMIT :limit"
    return await _with_reasons(connection, [_read(row) for row in await rows(connection, statement, limit=limit)])


async def of_case(connection: AsyncConnection, case_id: UUID) -> list[Emergency]:
    """All of one case, the oldest first."""
    statement = f"SELECT {_COLUMNS} FROM break_glass WHERE case_id = :case ORDER BY opened_at"
    return await _with_reasons(connection, [_read(row) for row in await rows(connection, statement, case=case_id)])


async def _with_reasons(connection: AsyncConnection, found: list[Emergency]) -> list[Emergency]:
    ids = [each.id for each in found]
    reasons = {row.id: reason for row, reason in await REASONS.read(connection, "id = ANY(:ids)", ids=ids)}
    return [each.model_copy(update={"reason": reasons.get(each.id)}) for each in found]


async def revoke(connection: AsyncConnection, id: UUID, by: str) -> None:
    """End it before its time; ended once, it stays as it was."""
    statement = "UPDATE break_glass SET revoked_at = :now, revoked_by = :by WHERE id = :id AND revoked_at IS NULL"
    await run(connection, statement, now=now(), by=by, id=id)


async def acknowledge(connection: AsyncConnection, id: UUID, by: str) -> None:
    """Somebody has looked at it; who was first stays."""
    statement = """UPDATE break_glass SET acknowledged_at = :now, acknowledged_by = :by
                   WHERE id = :id AND acknowledged_at IS NULL"""
    await run(connection, statement, now=now(), by=by, id=id)


async def _due(connection: AsyncConnection, today: datetime, limit: int) -> list[UUID]:
    statement = "SELECT id FROM break_glass WHERE reason IS NOT NULL AND opened_at <= :before LIMIT :limit"
    return [row.id for row in await rows(connection, statement, before=today - REASON_KEPT, limit=limit)]


async def _forget_reason(uow: Unit, id: UUID) -> None:
    await run(uow.connection, "UPDATE break_glass SET reason = NULL WHERE id = :id", id=id)


#: By the programme's clock, like all retention.
REASONS_DUE = Scheduled("break-glass-reasons-due", due=_due, run=_forget_reason)


def subjects(found: Sequence[Emergency]) -> dict[str | None, set[UUID]]:
    """Whose cases these are about, by office."""
    return by_office((each.case_id, each.office) for each in found)


def _read(row: Any) -> Emergency:
    return Emergency.model_validate(row, from_attributes=True)
