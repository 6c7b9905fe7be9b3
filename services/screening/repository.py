"""Screening's tables and what is asked of them."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.screening.domain.case import Case
from services.screening.domain.household import Household
from shared.persistence.database import rows
from shared.persistence.unit_of_work import Collection, Column, Ids, Store, Together, UnitOfWork

HOUSEHOLDS = Store("households", "household", Household, {})
CASES = Store(
    "cases",
    "screening_case",
    Case,
    {
        "reference": Column("text", lambda case: case.reference),
        "office": Column("text", lambda case: case.office),
        "status": Column("text", lambda case: case.status.value),
        "person_id": Column("uuid", lambda case: case.person_id),
        "household_id": Column("uuid", lambda case: case.household_id),
        "merged_into": Column("uuid", lambda case: case.merged_into),
        "open_suspicions": Column("int", lambda case: len(case.like_elders)),
    },
)

#: The space of advisory locks under which people are registered, and into how many locks their keys fall: few enough
#: that a long list can't fill the server's lock table, many enough that two registrations seldom meet.
_REGISTERING, _LOCKS = 0x73637265, 256


class Unit(UnitOfWork):
    """One transaction of screening."""

    STORES = (HOUSEHOLDS, CASES)

    @property
    def cases(self) -> Collection[Case]:
        """The loaded cases."""
        return self.collection(CASES)

    @property
    def households(self) -> Collection[Household]:
        """The loaded households."""
        return self.collection(HOUSEHOLDS)

    async def related(self, wanted: Ids) -> list[Together]:
        """A household comes with all its members."""
        if not wanted.get("households"):
            return []
        statement = "SELECT id, household_id FROM screening_case WHERE household_id = ANY(:households)"
        members = await rows(self.connection, statement, households=list(wanted["households"]))
        return [{"cases": case, "households": household} for case, household in members]

    def remember(self, case: Case, entries: Iterable[tuple[str, str]], keys: Iterable[str]) -> None:
        """Have a new case found again: by its entry in a list, by what identifies the person, by search words."""
        for entry, fingerprint in entries:
            row = {"office": case.office, "entry": entry, "case_id": case.id, "fingerprint": fingerprint}
            self.insert("list_entry", row)
        for key in keys:
            self.insert("person_key", {"key": key, "case_id": case.id})


async def register_alone(connection: AsyncConnection, keys: Iterable[str]) -> None:
    """Wait until nobody else is registering a person with one of these keys, and keep others waiting until the end.

    What is read in later statements shows everybody whom the others have registered.
    """
    locks = sorted({int(key[:8], 16) % _LOCKS for key in keys})
    statement = "SELECT pg_advisory_xact_lock(:space, lock) FROM unnest(CAST(:locks AS int[])) AS lock"
    await rows(connection, statement, space=_REGISTERING, locks=locks)


async def known_by(connection: AsyncConnection, keys: Iterable[str]) -> list[tuple[str, UUID]]:
    """Which cases are found under which of the keys, without those that were merged."""
    found = await rows(
        connection,
        """SELECT person_key.key, person_key.case_id FROM person_key JOIN screening_case ON screening_case.id = case_id
           WHERE key = ANY(:keys) AND screening_case.status <> 'merged' ORDER BY case_id""",
        keys=list(keys),
    )
    return [(row.key, row.case_id) for row in found]


async def listed(connection: AsyncConnection, office: str, entries: Sequence[str]) -> dict[str, Any]:
    """What is known of these entries of the office's lists: rows of case_id, household_id, fingerprint, suspected."""
    found = await rows(
        connection,
        """SELECT entry, case_id, household_id, fingerprint, screening_case.reference,
                  coalesce((SELECT array_agg(CAST(suspicion ->> 'other_case_id' AS uuid))
                            FROM json_array_elements(state -> 'suspicions') AS suspicion
                            WHERE suspicion ->> 'same_person' IS NULL
                              AND coalesce(CAST(suspicion ->> 'of_elder' AS boolean), true)), '{}') AS suspected
           FROM list_entry JOIN screening_case ON screening_case.id = case_id
           WHERE list_entry.office = :office AND entry = ANY(:entries)""",
        office=office,
        entries=list(entries),
    )
    return {row.entry: row for row in found}


async def next_numbers(connection: AsyncConnection, count: int) -> list[int]:
    """Numbers for that many new cases."""
    statement = "SELECT nextval('case_number') AS number FROM generate_series(1, CAST(:count AS int))"
    return [row.number for row in await rows(connection, statement, count=count)]


async def surviving(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """For each case the one under which its person goes on: itself, or the last it was merged into."""
    found = await rows(
        connection,
        """WITH RECURSIVE trail AS (
               SELECT id AS first, id, merged_into FROM screening_case WHERE id = ANY(:ids)
               UNION ALL
               SELECT trail.first, next.id, next.merged_into
               FROM trail JOIN screening_case AS next ON next.id = trail.merged_into)
           SELECT first, id FROM trail WHERE merged_into IS NULL""",
        ids=list(ids),
    )
    return {row.first: row.id for row in found}


async def of_the_same_people(connection: AsyncConnection, ids: Iterable[UUID]) -> list[Any]:
    """All cases of the persons who have these cases: rows of id and household_id."""
    return await rows(
        connection,
        """SELECT id, household_id FROM screening_case
           WHERE person_id IN (SELECT person_id FROM screening_case WHERE id = ANY(:ids))""",
        ids=list(ids),
    )


async def cases_of(connection: AsyncConnection, ids: Iterable[UUID]) -> list[Case]:
    """Cases for reading, without locks."""
    found = await rows(
        connection, "SELECT state::text FROM screening_case WHERE id = ANY(:ids) ORDER BY id", ids=list(ids)
    )
    return [CASES.load(row.state) for row in found]


async def suspected(connection: AsyncConnection, limit: int) -> list[Case]:
    """Cases like elder ones about which nobody has decided, oldest first."""
    found = await rows(
        connection,
        """SELECT state::text FROM screening_case WHERE open_suspicions > 0 AND status <> 'merged'
           ORDER BY id LIMIT :limit""",
        limit=limit,
    )
    return [CASES.load(row.state) for row in found]


async def search(connection: AsyncConnection, keys: Sequence[str], limit: int) -> list[UUID]:
    """Cases that are found under every one of the keys, newest first."""
    found = await rows(
        connection,
        """SELECT case_id FROM person_key WHERE key = ANY(:keys)
           GROUP BY case_id HAVING count(DISTINCT key) = :count ORDER BY case_id DESC LIMIT :limit""",
        keys=list(keys),
        count=len(set(keys)),
        limit=limit,
    )
    return [row.case_id for row in found]
