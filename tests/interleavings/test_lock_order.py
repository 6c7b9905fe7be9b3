"""Commands and events storm the same flights, families, funds and people, in the one lock order and in another."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

import services.reintegration.app
import services.travel.app
from services.reintegration import usecases as reintegrating
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.plan import Wanted
from services.travel.domain.flight import Flight
from services.travel.domain.vocabulary import FlightKind
from services.travel.usecases import flights as travelling
from shared.contracts import screening, travel
from shared.contracts.envelope import GENESIS, Contract, Event, encode_data
from shared.contracts.vocabulary import AgeGroup, VulnerabilityBand
from shared.errors import HomewardError
from shared.ids import new_id
from shared.messaging.inprocess import InProcessBus
from shared.persistence import migrations
from shared.persistence.database import Database, is_transient, rows
from shared.persistence.unit_of_work import LOCK_ORDER, UnitOfWork
from shared.protection.wrapping import first_keys
from shared.service import Service
from shared.settings import ServiceSettings

TODAY = date(2026, 3, 20)
DEPARTURE = datetime(2026, 3, 27, 10, tzinfo=UTC)
#: Commands of one officer, officers, and replicas of the consumer, all at once.
COMMANDS, OFFICERS, REPLICAS, BATCH = 20, 4, 2, 8

Command = Callable[[Any, random.Random], Awaitable[Any]]


class Neighbour:
    """Another service, which tells what happened."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._heads: dict[UUID, tuple[int, bytes]] = {}

    def tells(self, subject: UUID, data: Contract) -> Event:
        sequence, previous = self._heads.get(subject, (0, GENESIS))
        event = Event(
            id=new_id(), source=self.source, type=data.type, subject=str(subject), sequence=sequence + 1,
            time=datetime.now(UTC), prevhash=previous, data=encode_data(data),
        )  # fmt: skip
        self._heads[subject] = event.sequence, event.hash
        return event


class Storm:
    """One service, its database, and everybody who wants something of it at once."""

    def __init__(self, service: Service) -> None:
        self.service, self.unit, self.told = service, service._unit, 0
        self.done = 0

    async def prepare(self) -> None:
        """A deadlock is looked for sooner than in earnest, where one costs a second."""
        await migrations.upgrade(self.service.database, self.service._migrations)
        await self.service.protect()
        async with self.service.database.transaction() as connection:
            name = (await rows(connection, "SELECT current_database() AS name"))[0].name
            await connection.exec_driver_sql(f"ALTER DATABASE {name} SET deadlock_timeout = '20ms'")
        await self.service.database.close()

    async def command(self, usecase: Callable[[Any], Awaitable[Any]]) -> None:
        """As the HTTP API runs it; a rule that forbids it is an answer like others."""

        async def attempt(connection: Any) -> None:
            unit = self.unit(connection, self.service._surroundings, "officer")
            await usecase(unit)
            await unit.flush()

        try:
            await self.service.database.retried(attempt)
            self.done += 1
        except Exception as error:
            if not (isinstance(error, HomewardError) or getattr(error, "rule_broken", False) or is_transient(error)):
                raise

    async def handle(self, events: Sequence[Event]) -> None:
        """As the bus hands them over: again, until they are taken."""
        self.told += len(events)
        for start in range(0, len(events), BATCH):
            for _ in range(20):
                try:
                    await self.service.consumer.handle(events[start : start + BATCH])
                    break
                except Exception as error:
                    if not is_transient(error):
                        raise

    async def rage(self, events: Sequence[Event], commands: Sequence[Command], seed: int) -> None:
        """Everything at once."""
        officers = [self._officer(commands, random.Random(seed + each)) for each in range(OFFICERS)]
        replicas = [self.handle(events[each::REPLICAS]) for each in range(REPLICAS)]
        await asyncio.gather(*officers, *replicas)
        while await self.service.consumer.retry_parked():
            pass

    async def _officer(self, commands: Sequence[Command], choice: random.Random) -> None:
        for _ in range(COMMANDS):
            chosen = choice.choice(commands)
            await self.command(lambda unit, chosen=chosen: chosen(unit, choice))  # type: ignore[misc]

    async def outcome(self) -> int:
        """How many deadlocks there were; every event took effect once all the same."""
        async with self.service.database.transaction() as connection:
            [found] = await rows(
                connection, "SELECT sum(sequence) AS reached, sum(handled) AS took FROM inbox_position"
            )
            parked = await rows(connection, "SELECT state, reason FROM inbox_parked")
            name = (await rows(connection, "SELECT current_database() AS name"))[0].name
        assert self.done > COMMANDS, "most of what was asked for was refused: this is no storm"
        assert (found.reached, found.took, parked) == (self.told, self.told, [])
        # What a connection has counted is known when it is closed.
        await self.service.database.close()
        async with self.service.database.transaction() as connection:
            found = await rows(connection, "SELECT deadlocks FROM pg_stat_database WHERE datname = :name", name=name)
        return int(found[0].deadlocks)


def backwards(unit: type[UnitOfWork]) -> type[UnitOfWork]:
    """A unit that locks in the opposite order."""

    class Backwards(unit):  # type: ignore[misc, valid-type]
        async def load(self, **ids: Iterable[UUID]) -> None:
            wanted = {kind: set(each) for kind, each in ids.items()}
            for together in await self.related(wanted):
                for kind, id in together.items():
                    wanted.setdefault(kind, set()).update({id} - {None})
            for kind in reversed(LOCK_ORDER):
                if wanted.get(kind) and (missing := self._collections[kind].missing(wanted[kind])):
                    await self._collections[kind].fetch(self.connection, missing)

    return Backwards


@pytest.fixture(params=[services.travel.app, services.reintegration.app], ids=["travel", "reintegration"])
async def service(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Service]:
    database = Database(database_url, name="storm", pool_size=12)
    begins = DEPARTURE - timedelta(days=7)
    settings = ServiceSettings(environment="test", clock_start=begins, keys=SecretStr(first_keys().text()))
    service: Service = request.param.create_app(settings, bus=InProcessBus(), database=database).state.service
    yield service
    await service.database.close()


async def _travel(storm: Storm) -> tuple[list[Event], list[Command]]:
    """Twelve people in three families who change, and a flight that is too small for all of them."""
    told, flight_id = Neighbour(screening.SOURCE), new_id()
    people, homes = [new_id() for _ in range(12)], [new_id() for _ in range(3)]
    begin = [told.tells(each, data) for n, each in enumerate(people) for data in _arrived(homes[n % 3])]

    async def plan(uow: Any) -> None:
        planned = ("YL", "6402", "MJI", "ISB", DEPARTURE, 9, FlightKind.CHARTER, "tripoli", "PK")
        uow.flights.add(Flight(flight_id, *planned))

    await storm.command(plan)
    await storm.handle(begin)
    choice, events = random.Random(3), []
    for _ in range(12):
        for each in people:
            change = screening.CaseCleared(cleared_on=TODAY), screening.ClearanceRevoked(missing=[])
            events.append(told.tells(each, choice.choice(change)))
        members = choice.sample(people, 4)
        events.append(told.tells(choice.choice(homes), screening.HouseholdChanged(case_ids=members)))
    seat: list[Command] = [
        lambda uow, choice: travelling.give_seats(uow, flight_id, [choice.choice(people)], "a reason"),
        lambda uow, choice: travelling.release_seat(uow, flight_id, choice.choice(people), "a reason"),
        lambda uow, choice: travelling.reschedule_flight(
            uow, flight_id, DEPARTURE + timedelta(hours=choice.randrange(9))
        ),
        lambda uow, _: travelling.fill_seats(uow, flight_id),
    ]
    return events, seat


def _arrived(household: UUID) -> list[Contract]:
    window = {"valid_from": DEPARTURE - timedelta(days=9), "valid_until": DEPARTURE + timedelta(days=3)}
    return [
        screening.CaseRegistered(
            person_id=new_id(), household_id=household, reference="TRI-000001", office="tripoli",
            country_of_origin="PK", age_group=AgeGroup.ADULT, registered_on=TODAY,
        ),
        screening.CaseAssessed(
            band=VulnerabilityBand.MEDIUM, assistance=[], escort_required=False, care_required=False
        ),
        screening.DeclarationSigned(signed_on=TODAY),
        screening.FitnessRecorded(fit=True, assistance=[], escort_required=False, **window),
        screening.CaseCleared(cleared_on=TODAY),
    ]  # fmt: skip


async def _reintegration(storm: Storm) -> tuple[list[Event], list[Command]]:
    """Eight cases of four people, paid from two funds."""
    told, flown = Neighbour(screening.SOURCE), Neighbour(travel.SOURCE)
    cases, people, funds = ([new_id() for _ in range(count)] for count in (8, 4, 2))

    async def open_funds(uow: Any) -> None:
        for id in funds:
            uow.funds.add(Fund(id, str(id), "a donor", "EUR", 2_000_000, date(2026, 1, 1), date(2026, 12, 31)))

    await storm.command(open_funds)
    begin = []
    for n, each in enumerate(cases):
        registered = _arrived(new_id())[0].model_copy(update={"person_id": people[n % 4]})
        arrived = travel.ArrivalConfirmed(flight_id=new_id(), arrived_on=TODAY)
        begin += [told.tells(each, registered), flown.tells(each, arrived)]
    await storm.handle(begin)
    choice, events = random.Random(4), []
    for _ in range(16):
        for each in cases:
            decided = {"other_case_id": new_id(), "same_person": True, "person_id": choice.choice(people)}
            events.append(told.tells(each, screening.DuplicateDecided.model_validate(decided)))
    wanted = [Wanted("equipment", "tools", "supplier", 10_000)]
    plans: list[Command] = [
        lambda uow, choice: reintegrating.submit_plan(uow, choice.choice(cases), choice.choice(funds), wanted),
        lambda uow, choice: reintegrating.reject_plan(uow, choice.choice(cases), "no"),
    ]
    return events, plans


async def _deadlocks(service: Service, unit: type[UnitOfWork]) -> int:
    storm = Storm(service)
    await storm.prepare()
    events, commands = await (_travel if service.name == "travel" else _reintegration)(storm)
    storm.unit = unit
    await storm.rage(events, commands, seed=1)
    return await storm.outcome()


async def test_in_the_one_lock_order_a_storm_knows_no_deadlock(service: Service) -> None:
    assert await _deadlocks(service, service._unit) == 0


async def test_in_another_order_deadlocks_are_tried_again_and_counted_nowhere(service: Service) -> None:
    assert await _deadlocks(service, backwards(service._unit)) > 0
