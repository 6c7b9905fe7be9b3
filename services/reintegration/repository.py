"""Reintegration's tables: funds, people's ledgers, cases."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.reintegration.domain.case import Case
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.person import Person
from services.reintegration.domain.rules import FundCodeTaken
from shared.errors import NotFound
from shared.persistence.database import rows
from shared.persistence.store import Collection, Column, Sealed, Store
from shared.persistence.unit_of_work import Ids, Together, UnitOfWork

FUNDS: Store[Fund] = Store("funds", "reintegration_fund", Fund, {"code": Column("text", lambda fund: fund.code)})
PERSONS: Store[Person] = Store("persons", "reintegration_person", Person)
CASES: Store[Case] = Store(
    "cases",
    "reintegration_case",
    Case,
    {
        "status": Column("text", lambda case: case.status.value),
        "office": Column("text", lambda case: case.office),
        "country_of_origin": Column("text", lambda case: case.country_of_origin),
        "travelling": Column("boolean", lambda case: case.travelling),
        "person_id": Column("uuid", lambda case: case.person_id),
        "fund_id": Column("uuid", lambda case: case.plan.fund_id if case.plan else None),
    },
    Sealed(("note", "plans"), lambda case: case.id),
)


class Unit(UnitOfWork):
    """One transaction of reintegration."""

    STORES: ClassVar[tuple[Store[Any], ...]] = (FUNDS, PERSONS, CASES)

    @property
    def funds(self) -> Collection[Fund]:
        """The loaded funds."""
        return self.collection(FUNDS)

    @property
    def persons(self) -> Collection[Person]:
        """The loaded ledgers."""
        return self.collection(PERSONS)

    @property
    def cases(self) -> Collection[Case]:
        """The loaded cases."""
        return self.collection(CASES)

    async def related(self, wanted: Ids) -> list[Together]:
        """With a case come its person's ledger and the fund of its latest plan."""
        if not wanted.get("cases"):
            return []
        found = await rows(
            self.connection,
            "SELECT id, person_id, fund_id FROM reintegration_case WHERE id = ANY(:ids)",
            ids=sorted(wanted["cases"]),
        )
        return [{"cases": case, "persons": person, "funds": fund} for case, person, fund in found]

    def ledger(self, person_id: UUID) -> Person:
        """The person's ledger, a new one at first."""
        person = self.persons.find(person_id)
        if person is None:
            person = Person(person_id)
            self.persons.add(person)
        return person

    def purse(self, case: Case) -> tuple[Fund | None, Person | None]:
        """The fund and the ledger that hold something for the case: none as long as it never had a plan."""
        if case.plan is None:
            return None, None
        return self.funds.get(case.plan.fund_id), self.ledger(case.owner())

    async def erase(self, owner: UUID) -> None:
        """Destroy what is held of a case's person."""
        await self.load(cases=[owner])
        if case := self.cases.find(owner):
            case.erase()
        self.destroy(owner)


async def claim_code(connection: AsyncConnection, code: str) -> None:
    """Have the code for one new fund; raises FundCodeTaken."""
    await rows(connection, "SELECT pg_advisory_xact_lock(hashtextextended('fund ' || :code, 0))", code=code)
    if await rows(connection, "SELECT 1 FROM reintegration_fund WHERE code = :code", code=code):
        raise FundCodeTaken(code=code)


async def read_case(connection: AsyncConnection, case_id: UUID) -> Case:
    """One case, unlocked."""
    found = await CASES.find(connection, "id = :id", id=case_id)
    if not found:
        raise NotFound(f"Reintegration has no case {case_id}.")
    return found[0]


async def read_fund(connection: AsyncConnection, fund_id: UUID) -> Fund:
    """One fund, unlocked."""
    found = await FUNDS.find(connection, "id = :id", id=fund_id)
    if not found:
        raise NotFound(f"There is no fund {fund_id}.")
    return found[0]


async def read_funds(connection: AsyncConnection) -> list[Fund]:
    """All funds, by code: a programme has few."""
    return await FUNDS.find(connection, "true ORDER BY code")
