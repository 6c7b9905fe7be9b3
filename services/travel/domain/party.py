"""A travel unit: a family with all its members, or one person who travels alone. Whatever concerns a seat is decided
here, because a family is never split.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.travel.domain import events as happened
from services.travel.domain.case import GONE, SEATED, Action, Case, Status
from services.travel.domain.flight import Flight, FlightStatus, Outcome, Passenger, seats
from services.travel.domain.gates import Evaluation, those_of
from services.travel.domain.rules import (
    ConsentMissing,
    CorrectionChangesNothing,
    FamilySplit,
    FlightFull,
    GatesMissing,
    HoldOpen,
    NotOnThisFlight,
)
from services.travel.domain.vocabulary import (
    PAPER_GATES,
    AgeGroup,
    Gate,
    RecordedIn,
    RefusedBy,
    ReleaseReason,
)

Events = list[happened.TravelEvent]

#: The gates that depend on the unit and its seats.
_OF_THE_UNIT = those_of(Gate.SEAT, Gate.FAMILY, Gate.ESCORT)
#: After every vulnerability band, for who has none yet.
_NO_BAND = 9


@dataclass(frozen=True)
class Policy:
    """How the programme seats people."""

    #: A child under two travels on an adult's lap and takes no seat.
    infants_on_lap: bool = True
    seats_per_escort: int = 1
    #: Authorities that issue a travel document only once the flight is known.
    documents_after_booking: frozenset[str] = frozenset()


@dataclass
class Party:
    """The cases of one travel unit and the flights that they have to do with."""

    members: list[Case]
    flights: dict[UUID, Flight]
    policy: Policy = Policy()

    @property
    def unit_id(self) -> UUID:
        """The household, or the case itself for who travels alone."""
        return self.members[0].household_id or self.members[0].id

    @property
    def travelling(self) -> list[Case]:
        """Those who still have to travel; who has left or goes on under another case splits no family."""
        return [each for each in self.members if each.status not in GONE and each.status is not Status.MERGED]

    @property
    def seated(self) -> list[Case]:
        """Those with a seat that can still be taken back."""
        return [each for each in self.members if each.status in SEATED]

    @property
    def priority(self) -> tuple[int, str]:
        """The lower goes first: the most vulnerable member's band, then the longest waiting time."""
        bands = [each.band or _NO_BAND for each in self.members]
        return min(bands), min((str(each.registered_on) for each in self.members if each.registered_on), default="9")

    def obstacles(self, *, by_hand: bool) -> dict[UUID, list[Gate]]:
        """Why the unit can't be given seats: each member's missing gates; empty if it can. In order of priority a
        seat is for people whose papers are under way; an officer may choose others.
        """
        wanting = {each.id: each.firm_missing() for each in self.travelling}
        if not by_hand:
            for each in self.travelling:
                wanting[each.id] += each.papers_to_ask_for(self.policy.documents_after_booking)
        left_behind = any(each.status in (Status.NO_SHOW, Status.REFUSED) for each in self.travelling)
        if not any(wanting.values()) and (by_hand or not left_behind):
            return {}
        return {id: gates or [Gate.FAMILY] for id, gates in wanting.items()}

    def book(self, flight: Flight, now: datetime) -> Events:
        """Give everybody who still has to travel a seat on the flight, with an escort where one is required."""
        flight.require_open()
        plan = self._plan()
        if seats(plan) > flight.free:
            raise FlightFull()
        for case in self.travelling:
            case.advance(Action.BOOK)
            case.flight_id = flight.id
        self.flights[flight.id] = flight
        flight.place(plan)
        judged = self.settle(now)
        booked = [self._booked(case, flight) for case in self.travelling]
        return [*booked, *judged]

    def _booked(self, case: Case, flight: Flight) -> happened.SeatBooked:
        provisional = case.gates is not None and any(gate in case.gates.absent for gate in PAPER_GATES)
        return happened.SeatBooked(case.id, flight.id, provisional, flight.passengers[case.id].escorted)

    def _plan(self, *, escort: bool = True) -> list[Passenger]:
        """A seat for each, or a lap: one infant on each adult's, and one on the escort's."""
        escort = escort and any(each.escort_needed for each in self.travelling)
        laps = sum(each.age_group is AgeGroup.ADULT for each in self.travelling) + escort
        plan = []
        for case in sorted(self.travelling, key=lambda each: each.id):
            on_lap = self.policy.infants_on_lap and case.age_group is AgeGroup.INFANT and laps > 0
            laps -= on_lap
            escort_seats = self.policy.seats_per_escort if escort and case.escort_needed else 0
            plan.append(Passenger(case.id, self.unit_id, on_lap, escort_seats))
        return plan

    def settle(self, now: datetime) -> Events:
        """Draw the consequences of whatever has changed, for seats and gates of every member."""
        events = self._take_late_withdrawals(now)
        if self.seated:
            events += [*self._free_fallen(), *self._stay_together(), *self._place_afresh()]
        return [*events, *self._judge(now)]

    def _take_late_withdrawals(self, now: datetime) -> Events:
        """Who withdrew on board but is not on board after all has withdrawn."""
        events: Events = []
        for case in self.travelling:
            if case.withdrawn_on_board and case.status is not Status.BOARDED:
                events += self._withdraw(case, now, case.withdrawn_on_board)
        return events

    def _free_fallen(self) -> Events:
        fallen = [each for each in self.seated if each.status is Status.BOOKED and each.firm_missing()]
        return [event for each in fallen for event in self._free(each, ReleaseReason.GATE)]

    def _stay_together(self) -> Events:
        """Nobody keeps a seat unless everybody has one on the same flight."""
        whole = len(self.seated) == len(self.travelling) and len({each.flight_id for each in self.seated}) == 1
        return [] if whole else [event for each in self.seated for event in self._free(each, ReleaseReason.FAMILY)]

    def _place_afresh(self) -> Events:
        """Laps and escorts as the unit is now; an escort is added while there is room, else its gate shows it."""
        if not self.seated:
            return []
        flight = self._flight_of(self.seated[0])
        before = {each.id: flight.passengers[each.id] for each in self.seated}
        room = flight.capacity - flight.taken(without=before)
        plan = next((each for each in (self._plan(), self._plan(escort=False)) if seats(each) <= room), None)
        if plan is None:
            return [event for each in self.seated for event in self._free(each, ReleaseReason.GATE)]
        flight.place(replace(each, outcome=before[each.case_id].outcome) for each in plan)
        gained = [each for each in self.seated if flight.passengers[each.id].escorted > before[each.id].escorted]
        return [self._booked(each, flight) for each in gained]

    def _free(self, case: Case, reason: ReleaseReason) -> Events:
        """Take a seat back. Who was on board comes off it, and gives the kit back."""
        flight = self._flight_of(case)
        was_on_board = case.status is Status.BOARDED
        case.advance(Action.RELEASE)
        case.flight_id, case.kit = None, False
        flight.release(case.id, reason)
        off_board: Events = [happened.BoardingCorrected(case.id, flight.id, False)] if was_on_board else []
        return [*off_board, happened.SeatReleased(case.id, flight.id, reason)]

    def _judge(self, now: datetime) -> Events:
        # Being judged makes nobody bookable or the contrary, so one look at them is good for all.
        stuck = self._stuck()
        return [event for each in self.travelling for event in each.judge(self._evaluate(each, now, None, stuck))]

    def _stuck(self) -> set[UUID]:
        """Who can't go, and keeps the others from going."""
        return {each.id for each in self.travelling if not each.bookable() and each.status not in SEATED}

    def evaluate(self, case: Case, now: datetime, at: datetime | None = None) -> Evaluation:
        """The member's gates at the flight's time or ``at``, with those that depend on the unit and its seats."""
        return self._evaluate(case, now, at, self._stuck())

    def _evaluate(self, case: Case, now: datetime, at: datetime | None, stuck: set[UUID]) -> Evaluation:
        flight = self._flight_of(case) if case.status in SEATED else None
        line = flight.passengers.get(case.id) if flight else None
        escort = not case.escort_needed or (line is not None and line.escorted)
        held = _OF_THE_UNIT[flight is not None, stuck <= {case.id}, escort]
        return case.evaluate(now, at or (flight.departs_at if flight else None), held)

    def release(self, case: Case, flight: Flight, now: datetime) -> Events:
        """An officer takes the person's seat back, and with it the family's."""
        self._require_seat(case, flight)
        return [*self._free(case, ReleaseReason.MANUAL), *self.settle(now)]

    def flight_cancelled(self, flight: Flight, now: datetime) -> Events:
        """The flight won't leave: everybody's seat is free again."""
        on_it = [each for each in self.seated if each.flight_id == flight.id]
        freed = [event for each in on_it for event in self._free(each, ReleaseReason.FLIGHT_CANCELLED)]
        return [*freed, *self.settle(now)]

    def board(self, case: Case, flight: Flight, *, kit: bool, now: datetime) -> Events:
        """Let the person on board: every gate holds at the flight's time."""
        flight.require_boarding()
        self._require_seat(case, flight)
        if not case.consent:
            raise ConsentMissing()
        if case.holds:
            raise HoldOpen()
        if absent := self.evaluate(case, now).absent:
            raise GatesMissing(missing=[gate.value for gate in absent])
        case.advance(Action.BOARD)
        case.kit = kit
        flight.mark(case.id, Outcome.BOARDED)
        return [happened.Boarded(case.id, flight.id, now, kit)]

    def miss(self, case: Case, flight: Flight, now: datetime) -> Events:
        """The person did not come; the family stays together."""
        left = self._leave_behind(case, flight, Action.MISS, ReleaseReason.NO_SHOW)
        return [*left, happened.NoShow(case.id, flight.id), *self.settle(now)]

    def refuse(self, case: Case, flight: Flight, by: RefusedBy, now: datetime) -> Events:
        """The person was not let on board; the family stays together."""
        left = self._leave_behind(case, flight, Action.REFUSE, ReleaseReason.REFUSED)
        return [*left, happened.BoardingRefused(case.id, flight.id, by), *self.settle(now)]

    def _leave_behind(self, case: Case, flight: Flight, action: Action, reason: ReleaseReason) -> Events:
        flight.require_boarding()
        self._require_seat(case, flight)
        case.advance(action)
        flight.release(case.id, reason)
        return [happened.SeatReleased(case.id, flight.id, reason)]

    def withdraw(self, case: Case, now: datetime, recorded_in: RecordedIn) -> Events:
        """Consent ends. Before boarding it takes effect at once, on board and later the journey stands."""
        return [*self._withdraw(case, now, recorded_in), *self.settle(now)]

    def _withdraw(self, case: Case, now: datetime, recorded_in: RecordedIn) -> Events:
        if case.status in GONE or case.status is Status.BOARDED:
            case.withdrawn_on_board = recorded_in if case.status is Status.BOARDED else None
            return [happened.WithdrawalTooLate(case.id, now.date())]
        case.consent, case.withdrawn_on_board = False, None
        if not case.may(Action.WITHDRAW):
            return []
        freed = self._free(case, ReleaseReason.WITHDRAWN) if case.status is Status.BOOKED else []
        case.advance(Action.WITHDRAW)
        # Whatever comes after a new declaration is news, even if it reads like what was known before.
        case.flight_id, case.gates = None, None
        return [*freed, happened.Withdrawn(case.id, now.date(), recorded_in)]

    def declare(self, case: Case, now: datetime) -> Events:
        """Consent is given, for the first time or again."""
        case.consent, case.withdrawn_on_board = True, None
        if case.may(Action.DECLARE_AGAIN):
            case.advance(Action.DECLARE_AGAIN)
        return self.settle(now)

    def end(self, case: Case, action: Action, now: datetime) -> Events:
        """Screening has declined or merged the case; a journey that has begun stands."""
        freed = self._free(case, ReleaseReason.GATE) if case.status is Status.BOOKED else []
        if case.may(action):
            case.advance(action)
            case.cleared = False
        return [*freed, *self.settle(now)]

    def correct_boarding(self, case: Case, boarded: bool, now: datetime) -> Events:
        """What was recorded at boarding was wrong; this is what happened."""
        on_board = case.status in GONE or case.status is Status.BOARDED
        if on_board if boarded else case.status in (Status.NO_SHOW, Status.REFUSED):
            raise CorrectionChangesNothing()
        case.require(Action.CORRECT_TO_BOARDED if boarded else Action.CORRECT_TO_NOT_BOARDED)
        correct = self._correct_to_boarded if boarded else self._correct_to_not_boarded
        return [*correct(case, self._flight_of(case)), *self.settle(now)]

    def _correct_to_not_boarded(self, case: Case, flight: Flight) -> Events:
        has_left = case.status in GONE
        case.advance(Action.CORRECT_TO_NOT_BOARDED)
        case.kit = False
        corrected = happened.BoardingCorrected(case.id, flight.id, False)
        if not has_left:
            flight.mark(case.id, Outcome.EXPECTED)
            return [corrected]
        flight.mark(case.id, Outcome.NO_SHOW)
        case.flight_id = None
        return [corrected, happened.SeatReleased(case.id, flight.id, ReleaseReason.NO_SHOW)]

    def _correct_to_boarded(self, case: Case, flight: Flight) -> Events:
        """Who was left behind is on board after all; before departure the family gets its seats back."""
        flight.passenger(case.id)
        if flight.status is not FlightStatus.DEPARTED:
            return self._restore(case, flight)
        case.advance(Action.CORRECT_TO_BOARDED)
        flight.mark(case.id, Outcome.BOARDED)
        assert flight.departed_at is not None
        return [happened.BoardingCorrected(case.id, flight.id, True), *case.depart(flight.departed_at)]

    def _restore(self, case: Case, flight: Flight) -> Events:
        if not case.consent:
            raise ConsentMissing()
        if case.holds:
            raise HoldOpen()
        others = [each for each in self.travelling if each is not case]
        if any(not each.bookable() or each.id not in flight.passengers for each in others):
            raise FamilySplit()
        if flight.status is FlightStatus.VALIDATED:
            flight.mark(case.id, Outcome.EXPECTED)
        flight.require_boarding()
        case.advance(Action.CORRECT_TO_BOARDED)
        flight.mark(case.id, Outcome.BOARDED)
        for each in others:
            each.advance(Action.BOOK)
            each.flight_id = flight.id
            flight.mark(each.id, Outcome.EXPECTED)
        corrected = happened.BoardingCorrected(case.id, flight.id, True)
        return [corrected, *(self._booked(each, flight) for each in others)]

    def _require_seat(self, case: Case, flight: Flight) -> None:
        if case.status not in SEATED or case.flight_id != flight.id:
            raise NotOnThisFlight(state=case.status.value)

    def _flight_of(self, case: Case) -> Flight:
        assert case.flight_id is not None
        return self.flights[case.flight_id]
