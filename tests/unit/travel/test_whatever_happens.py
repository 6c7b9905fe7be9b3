"""Whatever happens, in whatever order: a family is never split, no flight is overbooked, nobody is on board without
consent or under a hold, and what was published tells the same as the state.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.travel import outgoing
from services.travel.domain.case import SEATED, Case, Status
from services.travel.domain.flight import Flight, FlightStatus, Outcome
from services.travel.domain.rules import RuleBroken
from services.travel.domain.seating import allot
from services.travel.domain.vocabulary import RecordedIn, RefusedBy
from services.travel.handlers import HANDLERS
from services.travel.repository import Unit
from shared.clock import ProgrammeClock
from shared.contracts import screening, travel
from shared.contracts.envelope import GENESIS, Contract, Event, encode_data
from shared.contracts.vocabulary import AgeGroup, VulnerabilityBand
from shared.ids import new_id
from shared.messaging.handlers import Received
from shared.persistence.unit_of_work import Surroundings
from shared.programme import load_programme
from tests.unit.travel.followers import Followers
from tests.unit.travel.people import DEPARTURE, NOW, flight, give_papers

PEOPLE = [new_id() for _ in range(6)]
HOUSEHOLDS = [new_id() for _ in range(2)]
FLIGHTS = [new_id() for _ in range(2)]
HOLD = new_id()
AGES = [AgeGroup.ADULT, AgeGroup.ADULT, AgeGroup.CHILD, AgeGroup.INFANT, AgeGroup.INFANT, AgeGroup.ADULT]

who = st.sampled_from(PEOPLE)
which = st.sampled_from(FLIGHTS)
home = st.sampled_from(HOUSEHOLDS)


class Travel(RuleBasedStateMachine):
    """The real handlers and units of work, in memory; a broken rule changes nothing, as in the database."""

    @initialize(
        families=st.lists(st.sampled_from([None, *HOUSEHOLDS]), min_size=6, max_size=6),
        so_far=st.sampled_from([0, 1, 2, 3, 3, 4]),
    )
    def begin(self, families: list[UUID | None], so_far: int) -> None:
        """Registered people, who already have seats, are on a locked manifest, on board, or have left."""
        self.register(families)
        plane = FLIGHTS[1]
        steps: tuple[Callable[[], None], ...] = (
            lambda: self.seats(plane, set(PEOPLE)),
            lambda: self.locked(plane),
            lambda: self.everybody_boards(plane),
            lambda: self.departed(plane),
        )
        for step in steps[:so_far]:
            step()

    def register(self, families: list[UUID | None]) -> None:
        self.clock = ProgrammeClock(NOW)
        surroundings = Surroundings(None, outgoing.publish, self.clock, load_programme())
        self.uow = Unit(cast(Any, None), surroundings)
        for collection, ids in ((self.uow.cases, PEOPLE), (self.uow.households, HOUSEHOLDS)):
            collection._asked.update(ids)
        for capacity, id in zip((3, 8), FLIGHTS, strict=True):
            plane = flight(capacity)
            plane.id = id
            self.uow.flights.add(plane)
        self.told = self.followed = 0
        self.followers = Followers(PEOPLE, surroundings)
        self.seated: dict[UUID, UUID] = {}
        self.on_board: set[UUID] = set()
        for case_id, age, family in zip(PEOPLE, AGES, families, strict=True):
            self.hear(case_id, _registration(family, age))
            self.hear(case_id, screening.DeclarationSigned(signed_on=NOW.date()))
            self.hear(case_id, screening.CaseCleared(cleared_on=NOW.date()))
            give_papers(self.case(case_id))
            self.examined(case_id, fit=True, escorted=False)

    def hear(self, subject: UUID, data: Contract) -> None:
        event = Event(
            id=new_id(), source=screening.SOURCE, type=data.type, subject=str(subject), sequence=1,
            time=self.clock.now(), prevhash=GENESIS, data=encode_data(data),
        )  # fmt: skip
        HANDLERS[data.type].function(Received(event, data, subject), self.uow)

    def do(self, command: Callable[[], Any]) -> None:
        before: Any = deepcopy((self.uow._collections, self.uow._recorded))
        try:
            command()
        except RuleBroken:
            self.uow._collections, self.uow._recorded = before
            for kind in before[0]:
                # The unit remembers its collections by name.
                vars(self.uow).pop(kind, None)

    def case(self, id: UUID) -> Case:
        return self.uow.cases.get(id)

    def plane(self, id: UUID) -> Flight:
        return self.uow.flights.get(id)

    @rule(minutes=st.integers(1, 3000))
    def time_passes(self, minutes: int) -> None:
        self.clock.set(min(self.clock.now() + timedelta(minutes=minutes), DEPARTURE))

    @rule(who=who)
    def held(self, who: UUID) -> None:
        self.hear(who, screening.HoldPlaced(hold_id=HOLD))

    @rule(who=who)
    def freed_of_the_hold(self, who: UUID) -> None:
        self.hear(who, screening.HoldLifted(hold_id=HOLD))

    @rule(who=who)
    def withdrew(self, who: UUID) -> None:
        self.hear(who, screening.ConsentWithdrawn(withdrawn_on=NOW.date()))

    @rule(who=who)
    def declared(self, who: UUID) -> None:
        self.hear(who, screening.DeclarationSigned(signed_on=NOW.date()))

    @rule(who=who, cleared=st.booleans())
    def clearance(self, who: UUID, cleared: bool) -> None:
        revoked = screening.ClearanceRevoked(missing=[])
        self.hear(who, screening.CaseCleared(cleared_on=NOW.date()) if cleared else revoked)

    @rule(who=who, fit=st.booleans(), escorted=st.booleans())
    def examined(self, who: UUID, fit: bool, escorted: bool) -> None:
        until = DEPARTURE + timedelta(days=3)
        window: dict[str, Any] = {"valid_from": NOW, "valid_until": until, "assistance": []}
        self.hear(who, screening.FitnessRecorded(fit=fit, escort_required=escorted, **window))

    @rule(who=who, band=st.sampled_from(VulnerabilityBand), care=st.booleans())
    def assessed(self, who: UUID, band: VulnerabilityBand, care: bool) -> None:
        data = screening.CaseAssessed(band=band, assistance=[], escort_required=False, care_required=care)
        self.hear(who, data)

    @rule(home=home, members=st.sets(who, max_size=4))
    def household(self, home: UUID, members: set[UUID]) -> None:
        self.hear(home, screening.HouseholdChanged(case_ids=sorted(members)))

    @rule(who=who, merged=st.booleans(), seldom=st.integers(0, 4))
    def ended(self, who: UUID, merged: bool, seldom: int) -> None:
        if seldom:
            return
        ends = screening.CaseMerged(into_case_id=new_id()), screening.CaseDeclined(declined_on=NOW.date())
        self.hear(who, ends[merged])

    @rule(which=which, chosen=st.sets(who, min_size=1))
    def seats(self, which: UUID, chosen: set[UUID]) -> None:
        def give() -> None:
            parties = self.uow.parties(map(self.case, sorted(chosen)))
            self.uow.record(*allot(self.plane(which), parties, self.clock.now(), by_hand=True).events)

        self.do(give)

    @rule(which=which)
    def locked(self, which: UUID) -> None:
        self.do(lambda: self.uow.record(*self.plane(which).lock([], self.clock.now())))

    @rule(who=who, which=which, kit=st.booleans())
    def board(self, who: UUID, which: UUID, kit: bool) -> None:
        case, now = self.case(who), self.clock.now()
        self.do(lambda: self.uow.record(*self.uow.party(case).board(case, self.plane(which), kit=kit, now=now)))

    @rule(which=which)
    def everybody_boards(self, which: UUID) -> None:
        for passenger in list(self.plane(which).passengers):
            self.board(passenger, which, True)

    @rule(who=who, which=which, refused=st.booleans())
    def left_behind(self, who: UUID, which: UUID, refused: bool) -> None:
        def leave() -> None:
            case, plane, now = self.case(who), self.plane(which), self.clock.now()
            party = self.uow.party(case)
            self.uow.record(
                *(party.refuse(case, plane, RefusedBy.BORDER, now) if refused else party.miss(case, plane, now))
            )

        self.do(leave)

    @rule(who=who)
    def withdrew_at_the_gate(self, who: UUID) -> None:
        case = self.case(who)
        self.do(lambda: self.uow.record(*self.uow.party(case).withdraw(case, self.clock.now(), RecordedIn.TRAVEL)))

    @rule(who=who, which=which)
    def seat_taken_back(self, who: UUID, which: UUID) -> None:
        case = self.case(who)
        self.do(lambda: self.uow.record(*self.uow.party(case).release(case, self.plane(which), self.clock.now())))

    @rule(who=who, boarded=st.booleans())
    def boarding_corrected(self, who: UUID, boarded: bool) -> None:
        case = self.case(who)
        self.do(lambda: self.uow.record(*self.uow.party(case).correct_boarding(case, boarded, self.clock.now())))

    @rule(which=which)
    def departed(self, which: UUID) -> None:
        def depart() -> None:
            plane = self.plane(which)
            self.uow.record(*plane.validate(), *plane.depart(self.clock.now(), self.clock.now()))
            for line in plane.passengers.values():
                if line.outcome is Outcome.BOARDED:
                    self.uow.record(*self.case(line.case_id).depart(self.clock.now()))

        self.do(depart)

    @rule(which=which, days=st.integers(1, 3), cancelled=st.booleans(), seldom=st.integers(0, 3))
    def rescheduled_or_cancelled(self, which: UUID, days: int, cancelled: bool, seldom: int) -> None:
        if seldom:
            return

        def change() -> None:
            plane, now = self.plane(which), self.clock.now()
            parties = self.uow.parties(self.case(id) for id in list(plane.passengers))
            if cancelled:
                self.uow.record(*plane.cancel(now.date()))
            else:
                self.uow.record(*plane.reschedule(DEPARTURE + timedelta(days=days), now))
            for party in parties:
                self.uow.record(*(party.flight_cancelled(plane, now) if cancelled else party.settle(now)))

        self.do(change)

    @rule(who=who, arrived=st.booleans())
    def arrival(self, who: UUID, arrived: bool) -> None:
        def receive() -> None:
            case = self.case(who)
            self.uow.record(*(case.confirm_arrival(DEPARTURE.date()) if arrived else case.report_missing()))

        self.do(receive)

    @invariant()
    def no_family_is_split(self) -> None:
        for case in self.uow.cases:
            party = self.uow.party(case)
            if party.seated:
                assert len(party.seated) == len(party.travelling)
                assert len({each.flight_id for each in party.seated}) == 1

    @invariant()
    def no_flight_is_overbooked(self) -> None:
        for plane in self.uow.flights:
            assert plane.status is FlightStatus.DEPARTED or plane.taken() <= plane.capacity

    @invariant()
    def manifests_and_cases_tell_the_same(self) -> None:
        lines = {
            (line.case_id, plane.id, line.outcome)
            for plane in self.uow.flights
            if plane.status is not FlightStatus.DEPARTED
            for line in plane.passengers.values()
            if line.seated
        }
        outcome = {Status.BOOKED: Outcome.EXPECTED, Status.BOARDED: Outcome.BOARDED}
        assert lines == {
            (each.id, each.flight_id, outcome[each.status]) for each in self.uow.cases if each.status in SEATED
        }

    @invariant()
    def seats_are_held_by_those_who_may_fly_only(self) -> None:
        for case in self.uow.cases:
            assert case.status is not Status.BOOKED or not case.firm_missing()

    @invariant()
    def households_and_cases_tell_the_same(self) -> None:
        for household in self.uow.households:
            assert household.members == sorted(each.id for each in self.uow.cases if each.household_id == household.id)

    @invariant()
    def events_tell_what_is(self) -> None:
        news, self.told = self.uow._recorded[self.told :], len(self.uow._recorded)
        for each in news:
            self._fold(each.outgoing.subject, each.outgoing.data)
        assert self.seated == {each.id: each.flight_id for each in self.uow.cases if each.status in SEATED}
        past_boarding = SEATED - {Status.BOOKED} | {Status.DEPARTED, Status.ARRIVED, Status.MISSING}
        assert self.on_board == {each.id for each in self.uow.cases if each.status in past_boarding}

    @invariant()
    def the_country_of_origin_is_concerned_in_every_service_alike(self) -> None:
        news, self.followed = self.uow._recorded[self.followed :], len(self.uow._recorded)
        for each in news:
            if each.outgoing.subject in PEOPLE:
                self.followers.hear(each.outgoing.subject, each.outgoing.data, self.clock.now())
        travelling = {each.id for each in self.uow.cases if each.travels}
        assert self.followers.travelling == dict.fromkeys(("screening", "reintegration", "gateway"), travelling)

    def _fold(self, subject: UUID, data: Contract) -> None:
        match data:
            case travel.SeatBooked():
                self.seated[subject] = data.flight_id
            case travel.SeatReleased() | travel.Departed():
                self.seated.pop(subject, None)
            case travel.Boarded():
                case = self.case(subject)
                self.on_board.add(subject)
                assert case.consent and not case.holds
            case travel.BoardingCorrected():
                (self.on_board.add if data.boarded else self.on_board.discard)(subject)
                if data.boarded:
                    self.seated[subject] = data.flight_id


def _registration(family: UUID | None, age: AgeGroup) -> screening.CaseRegistered:
    return screening.CaseRegistered(
        person_id=new_id(),
        household_id=family,
        reference="HW-1",
        office="tripoli",
        country_of_origin="PK",
        age_group=age,
        registered_on=NOW.date(),
    )


TestWhateverHappens = Travel.TestCase
TestWhateverHappens.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
