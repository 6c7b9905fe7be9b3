"""Monitoring's tables: one row per case, and what visits found beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitoring.domain.case import Case
from services.monitoring.domain.lifecycle import VisitStatus
from shared.errors import NotFound
from shared.persistence.database import rows
from shared.persistence.sealing import SealedColumn
from shared.persistence.store import Collection, Column, Sealed, Store
from shared.persistence.unit_of_work import UnitOfWork


def _to_make(case: Case) -> str:
    """The visits to make as the worklist shows them, without what anybody noted."""
    return orjson.dumps(
        [
            {
                "code": visit.planned.code,
                "method": visit.planned.method,
                "due_on": visit.due_on,
                "status": visit.status,
                "attempts": len(visit.attempts),
            }
            for visit in case.visits
            if visit.to_make
        ]
    ).decode()


CASES: Store[Case] = Store(
    "cases",
    "monitoring_case",
    Case,
    {
        "status": Column("text", lambda case: case.status.value),
        "office": Column("text", lambda case: case.office),
        "country_of_origin": Column("text", lambda case: case.country_of_origin),
        "travelling": Column("boolean", lambda case: case.travelling),
        "next_due_on": Column("date", lambda case: case.next_due()),
        "overdue_after": Column("date", lambda case: case.overdue_after()),
        "to_make": Column("json", _to_make),
    },
    Sealed(("notes", "visits"), lambda case: case.id),
)

#: What visits found.
ANSWERS = SealedColumn("monitoring_finding", "answers")


class Unit(UnitOfWork):
    """One transaction of monitoring."""

    STORES: ClassVar[tuple[Store[Any], ...]] = (CASES,)
    SEALED_COLUMNS = (ANSWERS,)

    @property
    def cases(self) -> Collection[Case]:
        """The loaded cases."""
        return self.collection(CASES)

    async def erase(self, owner: UUID) -> None:
        """Destroy what is held of a case's person."""
        await self.load(cases=[owner])
        if case := self.cases.find(owner):
            case.erase()
        self.destroy(owner)


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit in the worklist."""

    case_id: UUID
    office: str | None
    code: str
    method: str
    due_on: date
    status: VisitStatus
    attempts: int


async def read_case(connection: AsyncConnection, case_id: UUID) -> Case:
    """One case, unlocked."""
    found = await CASES.find(connection, "id = :id", id=case_id)
    if not found:
        raise NotFound(f"Monitoring has no case {case_id}: follow-up begins when arrival is confirmed.")
    return found[0]


async def visits_to_make(
    connection: AsyncConnection, statuses: Sequence[VisitStatus], before: date, limit: int
) -> list[VisitRow]:
    """Visits in these states that are due on or before a day, the longest due first."""
    found = await rows(
        connection,
        """SELECT id AS case_id, office, visit.*
           FROM monitoring_case, json_to_recordset(to_make)
               AS visit (code text, method text, due_on date, status text, attempts int)
           WHERE next_due_on <= :before AND visit.due_on <= :before AND visit.status = ANY(:statuses)
           ORDER BY due_on, case_id LIMIT :limit""",
        before=before,
        statuses=[status.value for status in statuses],
        limit=limit,
    )
    return [
        VisitRow(row.case_id, row.office, row.code, row.method, row.due_on, VisitStatus(row.status), row.attempts)
        for row in found
    ]


async def newly_overdue(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Cases with a visit whose grace period has ended since it was last looked at."""
    found = await rows(
        connection,
        "SELECT id FROM monitoring_case WHERE overdue_after < :today ORDER BY overdue_after, id LIMIT :limit",
        today=now.date(),
        limit=limit,
    )
    return [row.id for row in found]
