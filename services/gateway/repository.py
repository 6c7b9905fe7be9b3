"""The projections' tables, and what is read from them: of whom, PostgreSQL decides by the offices of who reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.projection import CaseView, FlightView, HouseholdView
from services.gateway.stages import stage
from services.gateway.vocabulary import Boarding
from shared.messaging.rebuild import Projection
from shared.messaging.swap import SHADOW
from shared.persistence.database import rows, scalar
from shared.persistence.sealing import SealedColumn
from shared.persistence.store import Collection, Column, Store
from shared.persistence.unit_of_work import UnitOfWork


def is_travelling(case: CaseView) -> bool:
    """Whether the country of origin's offices have to do with the case already: from the booking on."""
    return case.travel.seated or case.travel.departed or case.travel.boarding is Boarding.BOARDED


CASES = Store(
    "cases",
    "case_view",
    CaseView,
    {
        "reference": Column("text", lambda case: case.screening.reference),
        "office": Column("text", lambda case: case.screening.office),
        "country": Column("text", lambda case: case.screening.country),
        "corridor": Column("text", lambda case: case.corridor),
        "stage": Column("text", lambda case: stage(case).value),
        "holds": Column("int", lambda case: len(case.screening.holds)),
        "flight_id": Column("uuid", lambda case: case.travel.flight_id),
        "travelling": Column("boolean", is_travelling),
        "updated_at": Column("timestamptz", lambda case: case.updated_at),
    },
)
FLIGHTS = Store(
    "flights",
    "flight_view",
    FlightView,
    {
        "departs_at": Column("timestamptz", lambda flight: flight.departs_at),
        "status": Column("text", lambda flight: flight.status),
        "office": Column("text", lambda flight: flight.office),
        "country": Column("text", lambda flight: flight.country),
    },
)
HOUSEHOLDS = Store("households", "household_view", HouseholdView)


#: What has come further in a rebuild is told to who follows the live stream, as if it were written when it is shown.
PROJECTION = Projection(
    ("case_view", "flight_view", "household_view", "timeline"),
    # Whose erasure the new one alone has handled, is erased here too.
    f"""WITH destroyed AS (
            INSERT INTO data_key (owner, destroyed_at)
            SELECT owner, destroyed_at FROM {SHADOW}.data_key WHERE wrapped IS NULL AND destroyed_at IS NOT NULL
            ON CONFLICT (owner) DO UPDATE SET key_id = NULL, wrapped = NULL, destroyed_at = excluded.destroyed_at
            WHERE data_key.wrapped IS NOT NULL)
        UPDATE {SHADOW}.timeline SET recorded = pg_current_xact_id()
        FROM (SELECT new.source, CAST(new.subject AS uuid) AS subject, coalesce(old.sequence, 0) AS sequence
              FROM {SHADOW}.inbox_position AS new LEFT JOIN inbox_position AS old
                ON old.source = new.source AND old.subject = new.subject
              WHERE new.sequence > coalesce(old.sequence, 0) AND new.subject ~ '^[0-9a-f-]{{36}}$') AS ahead
        WHERE timeline.source = ahead.source AND timeline.subject = ahead.subject
          AND timeline.sequence > ahead.sequence""",
)

#: Why somebody has opened a case in an emergency.
REASONS = SealedColumn("break_glass", "reason")


class Unit(UnitOfWork):
    """One transaction over the projections."""

    STORES = (FLIGHTS, HOUSEHOLDS, CASES)
    SEALED_COLUMNS = (REASONS,)

    @property
    def cases(self) -> Collection[CaseView]:
        return self.collection(CASES)

    @property
    def flights(self) -> Collection[FlightView]:
        return self.collection(FLIGHTS)

    @property
    def households(self) -> Collection[HouseholdView]:
        return self.collection(HOUSEHOLDS)

    async def erase(self, owner: UUID) -> None:
        """Destroy the words about a case's person: why somebody has opened the case in an emergency."""
        self.destroy(owner)


@dataclass(frozen=True)
class Filter:
    """Which cases to list; None does not filter."""

    stage: str | None = None
    office: str | None = None
    country: str | None = None
    corridor: str | None = None
    flight_id: UUID | None = None
    held: bool | None = None
    #: Ids found by name, or the beginning of a reference: a case that fits one of the two is listed.
    ids: Sequence[UUID] | None = None
    reference: str | None = None


_ROW = "id, reference, stage, office, country, corridor, holds, flight_id, travelling, updated_at"

_LIST = f"""
    SELECT {_ROW}, state::text AS state FROM case_view
    WHERE reference IS NOT NULL
      AND (CAST(:stage AS text) IS NULL OR stage = :stage)
      AND (CAST(:office AS text) IS NULL OR office = :office)
      AND (CAST(:country AS text) IS NULL OR country = :country)
      AND (CAST(:corridor AS text) IS NULL OR corridor = :corridor)
      AND (CAST(:flight AS uuid) IS NULL OR flight_id = :flight)
      AND (CAST(:held AS boolean) IS NULL OR (holds > 0) = :held)
      AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[]))
           OR reference LIKE CAST(:reference AS text) || '%')
      AND (CAST(:after AS uuid) IS NULL OR id > :after)
    ORDER BY id LIMIT :limit"""


async def list_cases(connection: AsyncConnection, filter: Filter, *, after: UUID | None, limit: int) -> list[Any]:
    """Cases in order of registration, after one of them."""
    return await rows(
        connection,
        _LIST,
        stage=filter.stage,
        office=filter.office,
        country=filter.country,
        corridor=filter.corridor,
        flight=filter.flight_id,
        held=filter.held,
        ids=_array(filter.ids),
        reference=_like(filter.reference),
        after=after,
        limit=limit,
    )


async def find_case(connection: AsyncConnection, name: UUID | str) -> CaseView | None:
    """The case of this id or reference."""
    column = "id" if isinstance(name, UUID) else "reference"
    found = await rows(connection, f"SELECT state::text FROM case_view WHERE {column} = :name", name=name)
    return CASES.load(found[0].state) if found else None


async def find_flight(connection: AsyncConnection, flight_id: UUID) -> FlightView | None:
    state = await scalar(connection, "SELECT state::text FROM flight_view WHERE id = :id", id=flight_id)
    return FLIGHTS.load(state) if state else None


async def seats_on(connection: AsyncConnection, flight_id: UUID) -> int:
    """How many cases have a seat on the flight or have flown."""
    statement = "SELECT count(*) FROM case_view WHERE flight_id = :flight AND travelling"
    return int(await scalar(connection, statement, flight=flight_id))


async def list_flights(connection: AsyncConnection, limit: int) -> list[Any]:
    """Flights, the latest departure first, with how many cases have a seat or have flown."""
    return await rows(
        connection,
        """SELECT f.id, f.state::text AS state, count(c.id) AS seats
           FROM flight_view f LEFT JOIN case_view c ON c.flight_id = f.id AND c.travelling
           GROUP BY f.id ORDER BY f.departs_at DESC NULLS LAST, f.id LIMIT :limit""",
        limit=limit,
    )


async def family_of(connection: AsyncConnection, case_id: UUID) -> tuple[UUID | None, list[Any]]:
    """The household that the case travels with, and its members' rows."""
    found = await rows(
        connection,
        """SELECT id, state -> 'case_ids' AS members FROM household_view
           WHERE (state -> 'case_ids')::jsonb @> jsonb_build_array(CAST(:case AS text)) ORDER BY id DESC LIMIT 1""",
        case=str(case_id),
    )
    if not found:
        return None, []
    members = [UUID(member) for member in found[0].members]
    return found[0].id, await rows(
        connection, f"SELECT {_ROW} FROM case_view WHERE id = ANY(:ids) ORDER BY id", ids=members
    )


async def timeline(connection: AsyncConnection, subjects: Sequence[UUID], limit: int = 500) -> list[Any]:
    """What has happened to these subjects, oldest first: the last ``limit`` of it."""
    latest = await rows(
        connection,
        """SELECT source, subject, sequence, type, time, data, trace_id FROM timeline
           WHERE subject = ANY(:subjects) ORDER BY time DESC, recorded DESC, source DESC, sequence DESC LIMIT :limit""",
        subjects=list(subjects),
        limit=limit,
    )
    return latest[::-1]


async def figures(connection: AsyncConnection) -> dict[str, dict[str, int]]:
    """How many cases are at each stage, on each corridor and of each office."""
    counted = await rows(
        connection,
        """SELECT stage, corridor, office, count(*) AS cases FROM case_view WHERE reference IS NOT NULL
           GROUP BY GROUPING SETS ((stage), (corridor), (office)) ORDER BY 1, 2, 3""",
    )
    answer: dict[str, dict[str, int]] = {"stages": {}, "corridors": {}, "offices": {}}
    for row in counted:
        for name, key in zip(answer, (row.stage, row.corridor, row.office), strict=True):
            if key is not None:
                answer[name][key] = row.cases
    return answer


async def horizon(connection: AsyncConnection) -> int:
    """A transaction id below which every transaction has ended: what they wrote is visible from now on."""
    return int(await scalar(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))


async def changed_subjects(connection: AsyncConnection, after: int, upto: int, limit: int) -> list[UUID]:
    """Subjects of events that were recorded by transactions from ``after`` on and below ``upto``."""
    found = await rows(
        connection,
        """SELECT DISTINCT subject FROM timeline
           WHERE recorded >= CAST(CAST(:after AS text) AS xid8) AND recorded < CAST(CAST(:upto AS text) AS xid8)
           LIMIT :limit""",
        after=str(after),
        upto=str(upto),
        limit=limit,
    )
    return [row.subject for row in found]


async def case_rows(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Any]:
    """The rows of these cases, without their states."""
    return await rows(
        connection,
        f"SELECT {_ROW} FROM case_view WHERE id = ANY(:ids) AND reference IS NOT NULL ORDER BY id",
        ids=list(ids),
    )


async def flight_ids(connection: AsyncConnection, ids: Sequence[UUID]) -> list[UUID]:
    """Which of these are flights."""
    found = await rows(connection, "SELECT id FROM flight_view WHERE id = ANY(:ids) ORDER BY id", ids=list(ids))
    return [row.id for row in found]


async def effects(connection: AsyncConnection) -> dict[str, int]:
    """How many events of each source have left their row in the timeline, or were skipped by a person."""
    counted = await rows(
        connection,
        """SELECT source, count(*) AS events FROM (
               SELECT source FROM timeline UNION ALL
               SELECT source FROM inbox_parked AS parked JOIN inbox_position AS position USING (source, subject)
               WHERE parked.state = 'skipped' AND position.sequence >= parked.sequence) AS each
           GROUP BY source""",
    )
    return {row.source: row.events for row in counted}


def row_json(row: Any) -> dict[str, Any]:
    """One case's row, as answers give it."""
    updated: datetime | None = row.updated_at
    return {
        "case_id": str(row.id),
        "reference": row.reference,
        "stage": row.stage,
        "office": row.office,
        "country": row.country,
        "corridor": row.corridor,
        "holds": row.holds,
        "flight_id": str(row.flight_id) if row.flight_id else None,
        "updated_at": updated.isoformat() if updated else None,
    }


def _array(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _like(beginning: str | None) -> str | None:
    if beginning is None:
        return None
    return beginning.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
