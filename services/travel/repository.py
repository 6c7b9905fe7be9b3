"""Travel's tables, its unit of work, and how a travel unit is put together from what is loaded."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

import orjson

from services.travel.domain.case import Case
from services.travel.domain.flight import Flight
from services.travel.domain.household import Household
from services.travel.domain.party import Party, Policy
from shared.ids import new_id
from shared.persistence.database import rows
from shared.persistence.sealing import SealedColumn
from shared.persistence.store import Collection, Column, Sealed, Store
from shared.persistence.unit_of_work import Ids, Secret, Together, UnitOfWork
from shared.programme import Programme
from shared.protection.vault import SERVICE

FLIGHTS: Store[Flight] = Store(
    "flights",
    "travel_flight",
    Flight,
    {
        "status": Column("text", lambda flight: flight.status.value),
        "office": Column("text", lambda flight: flight.office),
        "country_of_origin": Column("text", lambda flight: flight.country_of_origin),
        "departs_at": Column("timestamptz", lambda flight: flight.departs_at),
    },
)
HOUSEHOLDS: Store[Household] = Store("households", "travel_household", Household)
CASES: Store[Case] = Store(
    "cases",
    "travel_case",
    Case,
    {
        "status": Column("text", lambda case: case.status.value),
        "office": Column("text", lambda case: case.office),
        "country_of_origin": Column("text", lambda case: case.country_of_origin),
        "household_id": Column("uuid", lambda case: case.household_id),
        "flight_id": Column("uuid", lambda case: case.flight_id),
        "travelling": Column("boolean", lambda case: case.travels),
        "band": Column("int", lambda case: case.band),
        "registered_on": Column("date", lambda case: case.registered_on),
        "bookable": Column("boolean", lambda case: case.bookable()),
        "due_at": Column("timestamptz", lambda case: case.due_at),
    },
    Sealed(("numbers",), lambda case: case.id),
)

#: Why somebody decided something.
REASONS = SealedColumn("travel_decision", "reason")
#: Who the passengers were when a manifest was locked.
SNAPSHOTS = SealedColumn("travel_manifest_identity", "identity", row="concat(flight_id, '/', lock, '/', case_id)")


def policy_of(programme: Programme) -> Policy:
    """How the programme seats people."""
    travel = programme.travel
    return Policy(travel.infants_on_lap, travel.seats_per_escort, travel.documents_after_booking)


class Unit(UnitOfWork):
    """One transaction of travel. Who is loaded comes with the whole travel unit and its flights."""

    STORES: ClassVar[tuple[Store[Any], ...]] = (FLIGHTS, HOUSEHOLDS, CASES)
    SEALED_COLUMNS = (REASONS, SNAPSHOTS)

    @cached_property
    def _policy(self) -> Policy:
        return policy_of(self.programme)

    @cached_property
    def flights(self) -> Collection[Flight]:
        """The loaded flights."""
        return self.collection(FLIGHTS)

    @cached_property
    def households(self) -> Collection[Household]:
        """The loaded households."""
        return self.collection(HOUSEHOLDS)

    @cached_property
    def cases(self) -> Collection[Case]:
        """The loaded cases."""
        return self.collection(CASES)

    async def related(self, wanted: Ids) -> list[Together]:
        """Cases bring their household, a household all its members, and they the flights they're on."""
        cases, households = wanted.get("cases", set()), wanted.get("households", set())
        if not cases and not households:
            return []
        found = await rows(self.connection, _RELATED, cases=list(cases), households=list(households))
        return [{"cases": case, "households": household, "flights": flight} for case, household, flight in found]

    async def load_flight(self, flight_id: UUID) -> Flight:
        """The flight with everybody who is on it."""
        # Whoever sees the flight may have people on it of whom the caller sees no case.
        async with self.across_offices():
            found = await rows(self.connection, "SELECT id FROM travel_case WHERE flight_id = :id", id=flight_id)
            await self.load(flights=[flight_id], cases=[row.id for row in found])
        await self.see(flights=[flight_id])
        return self.flights.get(flight_id)

    async def load_case(self, case_id: UUID) -> Case:
        """The case with its travel unit."""
        await self.load(cases=[case_id])
        return self.cases.get(case_id)

    def household(self, household_id: UUID) -> Household:
        """The household, new if nothing was known of it: its own event and its members' come in any order."""
        household = self.households.find(household_id)
        if household is None:
            self.households.add(household := Household(household_id))
        return household

    def case(self, case_id: UUID) -> Case:
        """The case, new if nothing was known of it."""
        case = self.cases.find(case_id)
        if case is None:
            self.cases.add(case := Case(case_id))
        return case

    def party(self, case: Case) -> Party:
        """The travel unit that the case belongs to."""
        members = [case]
        if case.household_id:
            members = [self.cases.get(member) for member in self.households.get(case.household_id).members]
        flights = {each.flight_id: self.flights.get(each.flight_id) for each in members if each.flight_id}
        return Party(members, flights, self._policy)

    def parties(self, cases: Iterable[Case]) -> list[Party]:
        """The travel units of these cases, each once."""
        return list({party.unit_id: party for party in map(self.party, cases)}.values())

    def keep_decision(self, kind: str, reason: str, *, case_id: UUID | None = None, flight_id: UUID | None = None,
                      ) -> None:  # fmt: skip
        """Keep why somebody decided something: words that no event carries."""
        id = new_id()
        row = {"id": id, "kind": kind, "case_id": case_id, "flight_id": flight_id, "actor": self.actor}
        words = Secret(case_id or SERVICE, reason, str(id))
        self.insert("travel_decision", {**row, "reason": words, "decided_at": self.clock.now()})

    def keep_identity(self, flight: Flight, case_id: UUID, identity: Mapping[str, Any]) -> None:
        """Keep who a passenger is, as the manifest is locked."""
        row = {"flight_id": flight.id, "lock": flight.locks, "case_id": case_id, "taken_at": self.clock.now()}
        snapshot = Secret(case_id, orjson.dumps(identity).decode(), f"{flight.id}/{flight.locks}/{case_id}")
        self.insert("travel_manifest_identity", {**row, "identity": snapshot})

    async def erase(self, owner: UUID) -> None:
        """Destroy what is held of a case's person."""
        await self.load(cases=[owner])
        if case := self.cases.find(owner):
            case.erase()
        self.destroy(owner)


_RELATED = """
    WITH home AS (
        SELECT household_id AS id FROM travel_case WHERE id = ANY(:cases) AND household_id IS NOT NULL
        UNION SELECT unnest(CAST(:households AS uuid[])))
    SELECT id, household_id, flight_id FROM travel_case WHERE id = ANY(:cases)
    UNION SELECT travel_case.id, household_id, flight_id FROM travel_case JOIN home ON household_id = home.id
"""
