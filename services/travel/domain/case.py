"""One person's journey, from registration to arrival."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.travel.domain import events as happened
from services.travel.domain.gates import Evaluation, Fitness, evaluation, those_of
from services.travel.domain.paper import Paper
from services.travel.domain.rules import CorrectionChangesNothing, NotInThisState
from services.travel.domain.vocabulary import FIRM_GATES, AgeGroup, Gate, PaperKind, RecordedIn


class Status(StrEnum):
    """Where the person stands in travel."""

    # Members are looked up in tables many times per event, and an enumeration's own hash is ten times as slow.
    __hash__ = str.__hash__

    #: Gates are missing.
    PREPARING = "preparing"
    #: Papers and clearance are there.
    READY = "ready"
    #: Has a seat, perhaps a provisional one.
    BOOKED = "booked"
    #: Is on board; the flight has not left.
    BOARDED = "boarded"
    #: Did not come; only an officer gives a new seat.
    NO_SHOW = "no_show"
    #: Was not let on board; only an officer gives a new seat.
    REFUSED = "refused"
    #: Has left on the flight.
    DEPARTED = "departed"
    #: Was met by the receiving side.
    ARRIVED = "arrived"
    #: Was not met by the receiving side.
    MISSING = "missing"
    #: No longer wants to return; a new declaration lets the case go on.
    WITHDRAWN = "withdrawn"
    #: The programme can't return this person.
    DECLINED = "declined"
    #: The person goes on under another case.
    MERGED = "merged"


class Action(StrEnum):
    """What can happen to a case."""

    # As of Status.
    __hash__ = str.__hash__

    #: The gates for readiness are met.
    GET_READY = "get_ready"
    #: A gate for readiness fell.
    FALL_BACK = "fall_back"
    #: Give a seat.
    BOOK = "book"
    #: Take the seat back.
    RELEASE = "release"
    #: Let on board.
    BOARD = "board"
    #: Did not come.
    MISS = "miss"
    #: Was not let on board.
    REFUSE = "refuse"
    #: Is on board after all.
    CORRECT_TO_BOARDED = "correct_to_boarded"
    #: Is not on board after all.
    CORRECT_TO_NOT_BOARDED = "correct_to_not_boarded"
    #: The flight leaves with the person on board.
    DEPART = "depart"
    #: The receiving side met the person.
    CONFIRM_ARRIVAL = "confirm_arrival"
    #: The receiving side did not meet the person.
    REPORT_MISSING = "report_missing"
    #: Was met after all.
    CORRECT_TO_ARRIVED = "correct_to_arrived"
    #: Was not met after all.
    CORRECT_TO_NOT_ARRIVED = "correct_to_not_arrived"
    #: Consent ends.
    WITHDRAW = "withdraw"
    #: Consent is given again.
    DECLARE_AGAIN = "declare_again"
    #: Screening declines the case.
    DECLINE = "decline"
    #: Screening merges the case into another.
    MERGE = "merge"


_S, _A = Status, Action
_LEAVING = {_A.WITHDRAW: _S.WITHDRAWN, _A.DECLINE: _S.DECLINED, _A.MERGE: _S.MERGED}
_LEFT_BEHIND = {_A.BOOK: _S.BOOKED, _A.CORRECT_TO_BOARDED: _S.BOARDED, **_LEAVING}
TRANSITIONS: dict[Status, dict[Action, Status]] = {
    _S.PREPARING: {_A.GET_READY: _S.READY, _A.BOOK: _S.BOOKED, **_LEAVING},
    _S.READY: {_A.FALL_BACK: _S.PREPARING, _A.BOOK: _S.BOOKED, **_LEAVING},
    _S.BOOKED: {
        _A.RELEASE: _S.PREPARING,
        _A.BOARD: _S.BOARDED,
        _A.MISS: _S.NO_SHOW,
        _A.REFUSE: _S.REFUSED,
        **_LEAVING,
    },
    _S.BOARDED: {_A.CORRECT_TO_NOT_BOARDED: _S.BOOKED, _A.RELEASE: _S.PREPARING, _A.DEPART: _S.DEPARTED},
    _S.NO_SHOW: _LEFT_BEHIND,
    _S.REFUSED: _LEFT_BEHIND,
    _S.DEPARTED: {
        _A.CONFIRM_ARRIVAL: _S.ARRIVED,
        _A.REPORT_MISSING: _S.MISSING,
        _A.CORRECT_TO_NOT_BOARDED: _S.PREPARING,
    },
    _S.MISSING: {
        _A.CONFIRM_ARRIVAL: _S.ARRIVED,
        _A.CORRECT_TO_ARRIVED: _S.ARRIVED,
        _A.CORRECT_TO_NOT_BOARDED: _S.PREPARING,
    },
    _S.ARRIVED: {_A.CORRECT_TO_NOT_ARRIVED: _S.MISSING},
    _S.WITHDRAWN: {_A.DECLARE_AGAIN: _S.PREPARING, _A.DECLINE: _S.DECLINED, _A.MERGE: _S.MERGED},
    _S.DECLINED: {},
    _S.MERGED: {},
}

#: Holds a seat that can still be taken back.
SEATED = frozenset({_S.BOOKED, _S.BOARDED})
#: Has left: nothing can be taken back any more.
GONE = frozenset({_S.DEPARTED, _S.ARRIVED, _S.MISSING})
#: Gates are evaluated and papers may lapse.
_EVALUATED = frozenset({_S.PREPARING, _S.READY, _S.BOOKED, _S.REFUSED})
_FIRM = those_of(*FIRM_GATES)


@dataclass
class Case:
    """What travel knows of one person's case. A case may be known before it is registered, by its household."""

    id: UUID
    status: Status = Status.PREPARING
    office: str = ""
    country_of_origin: str = ""
    age_group: AgeGroup = AgeGroup.ADULT
    registered_on: date | None = None
    household_id: UUID | None = None
    #: When screening last said to which household the case belongs.
    household_since: datetime | None = None
    band: int | None = None
    assistance: list[str] = field(default_factory=list)
    escort_required: bool = False
    care_required: bool = False
    care_arranged: bool = False
    consent: bool = False
    #: Where consent was withdrawn by somebody on board: it takes effect if the person turns out not to be.
    withdrawn_on_board: RecordedIn | None = None
    holds: list[UUID] = field(default_factory=list)
    cleared: bool = False
    fitness: Fitness | None = None
    #: By the gate that the paper meets.
    papers: dict[Gate, Paper] = field(default_factory=dict)
    #: The papers' numbers, by the same: personal, they leave the service on manifests only.
    numbers: dict[Gate, str] = field(default_factory=dict)
    #: The flight that the status speaks of.
    flight_id: UUID | None = None
    kit: bool = False
    gates: Evaluation | None = None

    @property
    def travels(self) -> bool:
        """Whether the country of origin's offices have to do with the case: from the booking on."""
        return self.status in SEATED or self.status in GONE

    @property
    def escort_needed(self) -> bool:
        """Whether the person may fly with an escort only."""
        return self.escort_required or (self.fitness is not None and self.fitness.escort_required)

    @property
    def due_at(self) -> datetime | None:
        """When the next of its papers or the fitness lapses."""
        if self.status not in _EVALUATED:
            return None
        moments = [paper.lapses_at for paper in self.papers.values()]
        if self.fitness and not self.fitness.lapsed:
            moments.append(self.fitness.valid_until)
        return min((moment for moment in moments if moment), default=None)

    @property
    def actions(self) -> list[Action]:
        """What can happen to the case now."""
        return list(TRANSITIONS[self.status])

    def may(self, action: Action) -> bool:
        """Whether this can happen to the case now."""
        return action in TRANSITIONS[self.status]

    def require(self, action: Action) -> None:
        """NotInThisState unless this can happen to the case now."""
        if not self.may(action):
            raise NotInThisState("case", self.status, action, self.actions)

    def advance(self, action: Action) -> None:
        """Change the status as the table says; NotInThisState if it says nothing."""
        self.require(action)
        self.status = TRANSITIONS[self.status][action]

    def register(self, office: str, country_of_origin: str, age_group: AgeGroup, on: date) -> None:
        """What registration says of the person."""
        self.office, self.country_of_origin = office, country_of_origin
        self.age_group, self.registered_on = age_group, on

    def belongs_to(self, household_id: UUID | None, since: datetime) -> None:
        """The travel unit, as screening has stated it."""
        self.household_id, self.household_since = household_id, since

    def stated_after(self, moment: datetime) -> bool:
        """Whether the travel unit was stated after this moment."""
        return self.household_since is not None and self.household_since > moment

    def firm_missing(self) -> list[Gate]:
        """The gates without which nobody holds a seat."""
        held = self._firm()
        return [gate for gate in FIRM_GATES if gate not in held]

    def bookable(self) -> bool:
        """Whether a seat may be given without an officer's choice."""
        return self.status in (Status.PREPARING, Status.READY) and len(self._firm()) == len(FIRM_GATES)

    def papers_to_ask_for(self, after_booking: Collection[str]) -> list[Gate]:
        """The papers that must be asked for before it is the person's turn. Where the authority of the document
        waits for the flight, the exit visa waits for the document.
        """
        idle = [gate for gate in _NOUN if gate not in self.papers or not self.papers[gate].under_way]
        waits = Gate.DOCUMENT not in idle and self.papers[Gate.DOCUMENT].authority in after_booking
        return [] if waits else idle

    def _firm(self) -> frozenset[Gate]:
        """Those of the firm gates that hold."""
        care = self.care_arranged or not self.care_required
        return _FIRM[self.consent, not self.holds, care, self.cleared]

    def evaluate(self, now: datetime, departs_at: datetime | None, others: frozenset[Gate]) -> Evaluation:
        """The gates at the flight's time, or now without a flight; ``others`` hold as far as the unit decides."""
        then = departs_at or now
        firm = self._firm() | others
        at_flight = firm | self._timed(then)
        today = at_flight if then == now else firm | self._timed(now)
        return evaluation(then.date(), departs_at is not None, today, at_flight)

    def _timed(self, moment: datetime) -> set[Gate]:
        """What holds at that moment of what has a validity."""
        held = {gate for gate, paper in self.papers.items() if paper.valid_on(moment.date())}
        if self.fitness is not None and self.fitness.holds_at(moment):
            held.add(Gate.FITNESS)
        return held

    def judge(self, result: Evaluation) -> list[happened.TravelEvent]:
        """Take over an evaluation; it is news only when it says something else than the last."""
        if self.status not in _EVALUATED or self.registered_on is None:
            return []
        change = Action.GET_READY if result.ready else Action.FALL_BACK
        if self.may(change):
            self.advance(change)
        if result.says_the_same_as(self.gates):
            return []
        self.gates = result
        lists = (result.met, result.missing, result.lapsing)
        return [happened.GatesEvaluated(self.id, result.on, *lists, result.ready)]

    def request_paper(self, gate: Gate, authority: str, kind: PaperKind) -> list[happened.TravelEvent]:
        """Ask an authority for the paper that meets the gate."""
        if gate in self.papers:
            self.papers[gate].request(authority, kind)
        else:
            self.papers[gate] = Paper(_NOUN[gate], kind, authority)
        return [_REQUESTED[gate](self.id, authority)]

    def issue_paper(
        self, gate: Gate, number: str, issued_on: date, expires_on: date, today: date
    ) -> list[happened.TravelEvent]:
        """Record the paper that meets the gate."""
        paper = self.paper(gate, "issue")
        paper.issue(issued_on, expires_on, today)
        self.numbers[gate] = number
        return [_ISSUED[gate](self.id, paper.authority, issued_on, expires_on)]

    def refuse_paper(self, gate: Gate) -> list[happened.TravelEvent]:
        """Record that the authority won't issue the paper."""
        paper = self.paper(gate, "refuse")
        paper.refuse()
        return [_REFUSED[gate](self.id, paper.authority)]

    def lapse(self, now: datetime) -> list[happened.TravelEvent]:
        """Notice what is no longer valid."""
        news: list[happened.TravelEvent] = []
        for gate, paper in self.papers.items():
            if paper.lapses_at and paper.lapses_at <= now:
                news.append(_LAPSED[gate](self.id, paper.lapse()))
        if self.fitness and self.fitness.valid_until <= now:
            self.fitness.lapsed = True
        return news

    def paper(self, gate: Gate, action: str) -> Paper:
        """The paper that meets the gate; NotInThisState if it was never requested."""
        if gate not in self.papers:
            raise NotInThisState(_NOUN[gate], "not requested", action, ["request"])
        return self.papers[gate]

    def erase(self) -> None:
        """What is personal is destroyed; how the journey went remains."""
        self.numbers.clear()

    def depart(self, at: datetime) -> list[happened.TravelEvent]:
        """The flight has left with the person on board."""
        self.advance(Action.DEPART)
        return [happened.Departed(self.id, self._flight(), at)]

    def confirm_arrival(self, on: date) -> list[happened.TravelEvent]:
        """The receiving side has met the person."""
        self.advance(Action.CONFIRM_ARRIVAL)
        return [happened.ArrivalConfirmed(self.id, self._flight(), on)]

    def report_missing(self) -> list[happened.TravelEvent]:
        """The receiving side has not met the person."""
        self.advance(Action.REPORT_MISSING)
        return [happened.MissingAtArrival(self.id, self._flight())]

    def correct_arrival(self, arrived: bool, on: date) -> list[happened.TravelEvent]:
        """What was recorded at arrival was wrong."""
        if self.status is (Status.ARRIVED if arrived else Status.MISSING):
            raise CorrectionChangesNothing()
        self.advance(Action.CORRECT_TO_ARRIVED if arrived else Action.CORRECT_TO_NOT_ARRIVED)
        return [happened.ArrivalCorrected(self.id, self._flight(), arrived, on)]

    def _flight(self) -> UUID:
        assert self.flight_id is not None
        return self.flight_id


_NOUN = {Gate.DOCUMENT: "travel document", Gate.EXIT_VISA: "exit visa"}
_REQUESTED: dict[Gate, type[happened.DocumentRequested] | type[happened.ExitVisaRequested]] = {
    Gate.DOCUMENT: happened.DocumentRequested,
    Gate.EXIT_VISA: happened.ExitVisaRequested,
}
_ISSUED: dict[Gate, type[happened.DocumentIssued] | type[happened.ExitVisaIssued]] = {
    Gate.DOCUMENT: happened.DocumentIssued,
    Gate.EXIT_VISA: happened.ExitVisaIssued,
}
_REFUSED: dict[Gate, type[happened.DocumentRefused] | type[happened.ExitVisaRefused]] = {
    Gate.DOCUMENT: happened.DocumentRefused,
    Gate.EXIT_VISA: happened.ExitVisaRefused,
}
_LAPSED: dict[Gate, type[happened.DocumentLapsed] | type[happened.ExitVisaLapsed]] = {
    Gate.DOCUMENT: happened.DocumentLapsed,
    Gate.EXIT_VISA: happened.ExitVisaLapsed,
}
