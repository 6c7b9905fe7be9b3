"""Screening's tables and what is asked of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.screening.domain.case import Case
from services.screening.domain.household import Household
from shared.persistence.database import rows, run
from shared.persistence.store import Collection, Column, Sealed, Store
from shared.persistence.unit_of_work import Ids, Together, UnitOfWork
from shared.protection.vault import vault_of

HOUSEHOLDS = Store("households", "household", Household, sealed=Sealed(("splits",), lambda household: household.id))
#: What is left open is where the case stands; all that tells of the person, of others who are named or why something
#: was decided is personal.
PERSONAL = (
    "list_reference",
    "place",
    "identity",
    "declarations",
    "consent_changes",
    "withdrawals",
    "assessment",
    "best_interests",
    "holds",
    "examinations",
    "suspicions",
    "corrections",
    "refusal",
    "erasure",
)
CASES = Store(
    "cases",
    "screening_case",
    Case,
    {
        "reference": Column("text", lambda case: case.reference),
        "office": Column("text", lambda case: case.office),
        "country": Column("text", lambda case: case.identity.nationality),
        "travelling": Column("boolean", lambda case: case.travelling),
        "status": Column("text", lambda case: case.status.value),
        "person_id": Column("uuid", lambda case: case.person_id),
        "household_id": Column("uuid", lambda case: case.household_id),
        "merged_into": Column("uuid", lambda case: case.merged_into),
        "open_suspicions": Column("int", lambda case: len(case.like_elders)),
        "ended_on": Column("date", lambda case: case.ended_on),
        "erased_on": Column("date", lambda case: case.erased_on),
        "erasure_requested": Column("boolean", lambda case: case.erasure is not None),
    },
    Sealed(PERSONAL, lambda case: case.person_id),
)

#: The space of advisory locks under which people are registered, and into how many locks their keys fall: few enough
#: that a long list can't fill the server's lock table, many enough that two registrations seldom meet.
_REGISTERING, _LOCKS = 0x73637265, 256

#: A case's household and those that it has left.
_HOUSEHOLDS = """
    array_remove(ARRAY(SELECT CAST(each AS uuid) FROM json_array_elements_text(coalesce(state -> 'left', '[]')) AS each)
                 || household_id, NULL) AS households"""


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
            row = {"office": case.office, "entry": self.blind(entry), "case_id": case.id}
            self.insert("list_entry", {**row, "fingerprint": self.blind(fingerprint)})
        self.find_by(case.id, keys)

    async def load_person(self, case_id: UUID) -> list[Case]:
        """All cases of the person who has this one, with their households."""
        async with self.across_offices():
            own = await of_the_same_people(self.connection, [case_id])
            households = {each for row in own for each in row.households}
            await self.load(households=households, cases=[case_id, *(row.id for row in own)])
        await self.see(cases=[case_id])
        return [self.cases.get(row.id) for row in own]

    async def erase(self, owner: UUID) -> None:
        """Destroy what is held of a person, in all of the person's cases, whichever office's they are.

        The register names the cases too: in a backup from before a merger they are another person's.
        """
        async with self.across_offices():
            await self._erase(owner)

    async def _erase(self, owner: UUID) -> None:
        statement = f"SELECT id, {_HOUSEHOLDS} FROM screening_case WHERE person_id = :id OR id = :id"
        own = await rows(self.connection, statement, id=owner)
        await self.load(households={each for row in own for each in row.households}, cases=[row.id for row in own])
        for case in (self.cases.get(row.id) for row in own):
            self.record(*case.erase(self.clock.today()))
            for each in (case.id, case.person_id, *case.former_persons):
                self.destroy(each)
            for each in case.left:
                self.households.get(each).forget(case.id)
        for table in ("person_key", "list_entry"):
            await run(self.connection, f"DELETE FROM {table} WHERE case_id = ANY(:ids)", ids=[row.id for row in own])
        self.destroy(owner)

    async def sealing(self, store: Store[Any], ids: Sequence[UUID]) -> None:
        """The keys by which people are found were open too: they are made anew from who the people are."""
        if store is not CASES:
            return
        survivors = await surviving(self.connection, ids)
        for case in (self.cases.get(id) for id in ids):
            self.find_by(case.id, {*case.identity.likeness_keys(), *case.search_keys()})
            self.find_by(survivors[case.id], case.identity.likeness_keys())
        found = await rows(
            self.connection,
            "SELECT office, entry, case_id, fingerprint FROM list_entry WHERE open AND case_id = ANY(:ids)",
            ids=list(ids),
        )
        await run(
            self.connection,
            """UPDATE list_entry SET entry = new.blind, fingerprint = new.fingerprint, open = false
               FROM unnest(CAST(:offices AS text[]), CAST(:entries AS text[]), CAST(:blind AS text[]),
                           CAST(:fingerprints AS text[])) AS new (office, entry, blind, fingerprint)
               WHERE list_entry.office = new.office AND list_entry.entry = new.entry""",
            offices=[row.office for row in found],
            entries=[row.entry for row in found],
            blind=[self.blind(row.entry) for row in found],
            fingerprints=[self.blind(row.fingerprint) for row in found],
        )

    async def find_anew(self, case: Case) -> None:
        """Have a case found by who its person is now, not by who it was; what merged cases brought stays."""
        async with self.across_offices():
            merged = await cases_of(self.connection, await _merged_into(self.connection, case.id))
            kept = {self.blind(key) for each in merged for key in each.identity.likeness_keys()}
            statement = "DELETE FROM person_key WHERE case_id = :id AND key <> ALL(CAST(:kept AS text[]))"
            await run(self.connection, statement, id=case.id, kept=sorted(kept))
        self.find_by(case.id, {*case.identity.likeness_keys(), *case.search_keys()})

    def find_by(self, case_id: UUID, keys: Iterable[str]) -> None:
        """Have a case found under these keys."""
        for key in keys:
            self.insert("person_key", {"key": self.blind(key), "case_id": case_id})


async def register_alone(connection: AsyncConnection, keys: Iterable[str]) -> None:
    """Wait until nobody else is registering a person with one of these keys, and keep others waiting until the end.

    What is read in later statements shows everybody whom the others have registered.
    """
    locks = sorted({int(key[:8], 16) % _LOCKS for key in keys})
    statement = "SELECT pg_advisory_xact_lock(:space, lock) FROM unnest(CAST(:locks AS int[])) AS lock"
    await rows(connection, statement, space=_REGISTERING, locks=locks)


async def known_by(connection: AsyncConnection, keys: Iterable[str]) -> list[tuple[str, UUID]]:
    """Which cases are found under which of the keys, without those that were merged."""
    blinded = {vault_of(connection).blind(key): key for key in keys}
    found = await rows(
        connection,
        """SELECT person_key.key, person_key.case_id FROM person_key JOIN screening_case ON screening_case.id = case_id
           WHERE key = ANY(:keys) AND screening_case.status <> 'merged' ORDER BY case_id""",
        keys=list(blinded),
    )
    return [(blinded[row.key], row.case_id) for row in found]


@dataclass(frozen=True)
class Listed:
    """A person of a list who is registered: the case, and a check of who the row says it is."""

    case: Case
    fingerprint: str


async def listed(connection: AsyncConnection, office: str, entries: Sequence[str]) -> dict[str, Listed]:
    """What is known of these entries of the office's lists."""
    blinded = {vault_of(connection).blind(entry): entry for entry in entries}
    found = await rows(
        connection,
        "SELECT entry, case_id, fingerprint FROM list_entry WHERE office = :office AND entry = ANY(:entries)",
        office=office,
        entries=list(blinded),
    )
    cases = {case.id: case for case in await cases_of(connection, [row.case_id for row in found])}
    return {blinded[row.entry]: Listed(cases[row.case_id], row.fingerprint) for row in found}


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


async def _merged_into(connection: AsyncConnection, id: UUID) -> list[UUID]:
    """The cases whose person goes on under this one."""
    found = await rows(
        connection,
        """WITH RECURSIVE trail AS (
               SELECT id FROM screening_case WHERE merged_into = :id
               UNION ALL
               SELECT next.id FROM trail JOIN screening_case AS next ON next.merged_into = trail.id)
           SELECT id FROM trail""",
        id=id,
    )
    return [row.id for row in found]


async def of_the_same_people(connection: AsyncConnection, ids: Iterable[UUID]) -> list[Any]:
    """All cases of the persons who have these cases: rows of id, household_id, and households with those they left."""
    return await rows(
        connection,
        f"""SELECT id, household_id, {_HOUSEHOLDS} FROM screening_case
           WHERE person_id IN (SELECT person_id FROM screening_case WHERE id = ANY(:ids))""",
        ids=list(ids),
    )


async def cases_of(connection: AsyncConnection, ids: Iterable[UUID]) -> list[Case]:
    """Cases for reading, without locks."""
    return await CASES.find(connection, "id = ANY(:ids) ORDER BY id", ids=list(ids))


async def suspected(connection: AsyncConnection, limit: int) -> list[Case]:
    """Cases like elder ones about which nobody has decided, oldest first."""
    condition = "open_suspicions > 0 AND status <> 'merged' ORDER BY id LIMIT :limit"
    return await CASES.find(connection, condition, limit=limit)


async def search(connection: AsyncConnection, keys: Sequence[str], limit: int) -> list[tuple[UUID, str]]:
    """Cases that are found under every one of the keys, with their offices, newest first."""
    found = await rows(
        connection,
        """SELECT case_id, office FROM person_key JOIN screening_case ON screening_case.id = case_id
           WHERE key = ANY(:keys)
           GROUP BY case_id, office HAVING count(DISTINCT key) = :count ORDER BY case_id DESC LIMIT :limit""",
        keys=[vault_of(connection).blind(key) for key in keys],
        count=len(set(keys)),
        limit=limit,
    )
    return [(row.case_id, row.office) for row in found]


async def to_be_erased(connection: AsyncConnection, ended_by: date, limit: int) -> list[Any]:
    """Cases that ended on that day or before and hold personal data still, the longest ended first: rows of id,
    person_id, reference, office, ended_on. Who has a case under way is not among them.
    """
    return await rows(
        connection,
        """SELECT id, person_id, reference, office, ended_on FROM screening_case AS ended
           WHERE ended_on <= :day AND erased_on IS NULL AND NOT EXISTS (
               SELECT FROM screening_case AS other WHERE other.person_id = ended.person_id
                 AND (other.ended_on IS NULL OR other.ended_on > :day) AND other.erased_on IS NULL)
           ORDER BY ended_on, id LIMIT :limit""",
        day=ended_by,
        limit=limit,
    )


async def erasures_requested(connection: AsyncConnection, limit: int) -> list[Case]:
    """Cases whose erasure waits for somebody else's approval, in order of registration."""
    return await CASES.find(connection, "erasure_requested ORDER BY id LIMIT :limit", limit=limit)
