"""A flight with its manifest: who has a seat on it, and what became of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.travel.domain import events as happened
from services.travel.domain.rules import (
    BoardingHasBegun,
    DepartureTime,
    FlightInThePast,
    FlightTooFarAhead,
    ManifestBlocked,
    ManifestClosed,
    ManifestEmpty,
    ManifestNotLocked,
    NotInThisState,
    NotOnThisFlight,
    PassengersUnaccounted,
)
from services.travel.domain.vocabulary import FlightKind, ReleaseReason

#: Airlines sell seats a year ahead and charters are agreed later: what is further away is a slip of the pen.
_AHEAD = timedelta(days=2 * 365)
#: The desk's watch and the programme's clock may differ a little.
_TOLERANCE = timedelta(minutes=5)


class FlightStatus(StrEnum):
    """Where the flight stands; its manifest is a draft while it is planned."""

    #: Seats are given.
    PLANNED = "planned"
    #: The manifest is final; people board.
    LOCKED = "locked"
    #: Everybody on the manifest is accounted for.
    VALIDATED = "validated"
    #: It has left.
    DEPARTED = "departed"
    #: It won't leave.
    CANCELLED = "cancelled"


class FlightAction(StrEnum):
    """What can happen to a flight."""

    #: Make the manifest final.
    LOCK = "lock"
    #: Say that everybody is accounted for.
    VALIDATE = "validate"
    #: Somebody is no longer accounted for.
    REOPEN = "reopen"
    #: Leave at another time; the manifest is a draft again.
    RESCHEDULE = "reschedule"
    #: Won't leave.
    CANCEL = "cancel"
    #: Leave.
    DEPART = "depart"


_S, _A = FlightStatus, FlightAction
_CHANGE = {_A.RESCHEDULE: _S.PLANNED, _A.CANCEL: _S.CANCELLED}
TRANSITIONS: dict[FlightStatus, dict[FlightAction, FlightStatus]] = {
    _S.PLANNED: {_A.LOCK: _S.LOCKED, **_CHANGE},
    _S.LOCKED: {_A.VALIDATE: _S.VALIDATED, _A.REOPEN: _S.LOCKED, **_CHANGE},
    _S.VALIDATED: {_A.REOPEN: _S.LOCKED, _A.DEPART: _S.DEPARTED, **_CHANGE},
    _S.DEPARTED: {},
    _S.CANCELLED: {},
}


class Outcome(StrEnum):
    """What became of a passenger on the manifest."""

    #: Is waited for.
    EXPECTED = "expected"
    #: Is on board.
    BOARDED = "boarded"
    #: Did not come.
    NO_SHOW = "no_show"
    #: Was not let on board.
    REFUSED = "refused"
    #: Withdrew consent.
    WITHDRAWN = "withdrawn"
    #: Lost the seat for another reason, most often because of the family.
    OFFLOADED = "offloaded"


_OUTCOME = {
    ReleaseReason.WITHDRAWN: Outcome.WITHDRAWN,
    ReleaseReason.NO_SHOW: Outcome.NO_SHOW,
    ReleaseReason.REFUSED: Outcome.REFUSED,
}


@dataclass
class Passenger:
    """One line of the manifest."""

    case_id: UUID
    #: The household, or the case itself for who travels alone: an escort is shared within it.
    unit_id: UUID
    on_lap: bool = False
    #: What the unit's escort takes because of this person; none without an escort.
    escort_seats: int = 0
    outcome: Outcome = Outcome.EXPECTED

    @property
    def escorted(self) -> bool:
        """Whether an escort has a seat for this person."""
        return self.escort_seats > 0

    @property
    def seated(self) -> bool:
        """Whether the line still holds a seat."""
        return self.outcome in (Outcome.EXPECTED, Outcome.BOARDED)


@dataclass
class Flight:
    """A scheduled flight or a charter."""

    id: UUID
    carrier: str
    number: str
    origin: str
    destination: str
    #: In the origin's time, so that its date is the date at the airport.
    departs_at: datetime
    capacity: int
    kind: FlightKind
    office: str
    country_of_origin: str
    status: FlightStatus = FlightStatus.PLANNED
    departed_at: datetime | None = None
    #: When the manifest was last made final: nobody boards before.
    locked_at: datetime | None = None
    #: How often the manifest was locked: identities are kept per lock.
    locks: int = 0
    passengers: dict[UUID, Passenger] = field(default_factory=dict)

    @property
    def departs_on(self) -> date:
        """The date at which gates are evaluated."""
        return self.departs_at.date()

    @property
    def actions(self) -> list[FlightAction]:
        """What can happen to the flight now."""
        return list(TRANSITIONS[self.status])

    def taken(self, without: Iterable[UUID] = ()) -> int:
        """Seats in use, escorts included, not counting those of the cases ``without``."""
        return seats([each for each in self.passengers.values() if each.case_id not in set(without)])

    @property
    def free(self) -> int:
        """Seats left."""
        return self.capacity - self.taken()

    @property
    def escorts(self) -> int:
        """How many seats escorts have."""
        return _escort_seats(self.passengers.values())

    def schedule(self, now: datetime) -> list[happened.TravelEvent]:
        """The flight is planned."""
        require_plannable(self.departs_at, now)
        route = (self.carrier, self.number, self.origin, self.destination)
        between = (self.office, self.country_of_origin)
        return [happened.FlightScheduled(self.id, *route, self.departs_at, self.capacity, self.kind, *between)]

    def reschedule(self, departs_at: datetime, now: datetime) -> list[happened.TravelEvent]:
        """The flight leaves at another time: the manifest is a draft again, of those who still have a seat."""
        if any(each.outcome is Outcome.BOARDED for each in self.passengers.values()):
            raise BoardingHasBegun()
        require_plannable(departs_at, now)
        self._advance(FlightAction.RESCHEDULE)
        self.departs_at = departs_at.astimezone(self.departs_at.tzinfo)
        self.passengers = {id: each for id, each in self.passengers.items() if each.seated}
        return [happened.FlightRescheduled(self.id, self.departs_at)]

    def cancel(self, on: date) -> list[happened.TravelEvent]:
        """The flight won't leave; whoever has a seat is to be released afterwards."""
        self._advance(FlightAction.CANCEL)
        return [happened.FlightCancelled(self.id, on)]

    def require_open(self) -> None:
        """Seats are given on planned flights only."""
        if self.status is not FlightStatus.PLANNED:
            raise ManifestClosed(state=self.status.value)

    def place(self, passengers: Iterable[Passenger]) -> None:
        """Give seats; the caller has counted that they fit."""
        self.passengers |= {each.case_id: each for each in passengers}

    def release(self, case_id: UUID, reason: ReleaseReason) -> None:
        """Free a seat: from a draft the line goes, on a locked manifest it keeps what became of the person."""
        if self.status in (FlightStatus.PLANNED, FlightStatus.CANCELLED):
            self.passengers.pop(case_id, None)
        elif case_id in self.passengers:
            self.passengers[case_id].outcome = _OUTCOME.get(reason, Outcome.OFFLOADED)

    def mark(self, case_id: UUID, outcome: Outcome) -> None:
        """What became of a passenger; the manifest is open again when somebody is waited for."""
        self.passenger(case_id).outcome = outcome
        if outcome is Outcome.EXPECTED:
            self._advance(FlightAction.REOPEN)

    def passenger(self, case_id: UUID) -> Passenger:
        """The person's line of the manifest."""
        if case_id not in self.passengers:
            raise NotOnThisFlight()
        return self.passengers[case_id]

    def require_boarding(self) -> None:
        """People board, miss the flight or are refused while the manifest is locked."""
        if self.status is not FlightStatus.LOCKED:
            raise ManifestNotLocked(state=self.status.value)

    def lock(self, blocked: list[dict[str, Any]], now: datetime) -> list[happened.TravelEvent]:
        """Make the manifest final; ``blocked`` are passengers who miss a gate at the flight's date."""
        if not self.passengers:
            raise ManifestEmpty()
        if blocked:
            raise ManifestBlocked(blocked)
        self._advance(FlightAction.LOCK)
        self.locks += 1
        self.locked_at = now
        return [happened.ManifestLocked(self.id, len(self.passengers), self.escorts)]

    def validate(self) -> list[happened.TravelEvent]:
        """Say that everybody on the manifest is accounted for."""
        waited_for = [each.case_id for each in self.passengers.values() if each.outcome is Outcome.EXPECTED]
        if self.status is FlightStatus.LOCKED and waited_for:
            raise PassengersUnaccounted(waited_for)
        self._advance(FlightAction.VALIDATE)
        return [happened.ManifestValidated(self.id, **self.figures())]

    def figures(self) -> dict[str, int]:
        """How many passengers came to which end."""
        count = Counter(each.outcome for each in self.passengers.values())
        return {
            "boarded": count[Outcome.BOARDED],
            "no_shows": count[Outcome.NO_SHOW],
            "refused": count[Outcome.REFUSED],
            "withdrawn": count[Outcome.WITHDRAWN],
            "offloaded": count[Outcome.OFFLOADED],
        }

    def depart(self, at: datetime, now: datetime) -> list[happened.TravelEvent]:
        """The flight has left with those on board."""
        if self.status is FlightStatus.VALIDATED and not self._may_have_left(at, now):
            raise DepartureTime()
        self._advance(FlightAction.DEPART)
        self.departed_at = at
        return [happened.FlightDeparted(self.id, at, self.figures()["boarded"])]

    def _may_have_left(self, at: datetime, now: datetime) -> bool:
        too_early = self.locked_at is not None and self.locked_at - at > _TOLERANCE
        return not too_early and at - now <= _TOLERANCE

    def _advance(self, action: FlightAction) -> None:
        allowed = TRANSITIONS[self.status]
        if action not in allowed:
            raise NotInThisState("flight", self.status, action, allowed)
        self.status = allowed[action]


def require_plannable(departs_at: datetime, now: datetime) -> None:
    """A flight leaves in a time to come that is not far away. The time is compared only, so it may be any."""
    if departs_at <= now:
        raise FlightInThePast()
    if departs_at - now > _AHEAD:
        raise FlightTooFarAhead()


def seats(passengers: Iterable[Passenger]) -> int:
    """How many seats these passengers need together with their escorts."""
    seated = [each for each in passengers if each.seated]
    return sum(not each.on_lap for each in seated) + _escort_seats(seated)


def _escort_seats(passengers: Iterable[Passenger]) -> int:
    """A unit shares its escort."""
    units: dict[UUID, int] = {}
    for each in passengers:
        if each.seated:
            units[each.unit_id] = max(units.get(each.unit_id, 0), each.escort_seats)
    return sum(units.values())
