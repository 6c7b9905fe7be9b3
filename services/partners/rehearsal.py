"""What an agency would have received of a case under an agreement, and why not the rest: the service's own handlers, on
events from the logs, with nothing kept.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from services.partners.domain.fact import About, Case, Fact, Flight
from services.partners.domain.figures import Cell
from services.partners.domain.redaction import Redacted
from services.partners.domain.referral import Action, Referral, State
from services.partners.domain.vocabulary import Verdict, Withdrawal
from services.partners.handlers import HANDLERS
from services.partners.kept import Gone
from services.partners.referring import made, part, withdrawn
from services.partners.registry import Standing
from services.partners.telling import bury, tell
from shared.contracts.envelope import Event
from shared.messaging.handlers import NotYet, receive

A = TypeVar("A", Case, Flight)
#: When something happened, by the programme's time and, where that stands still, the real one; what is done then.
Step = tuple[datetime, int, Callable[[], None]]
#: After all else of its time.
_LAST = 1 << 48


@dataclass(frozen=True)
class Line:
    """One event: whether it is sent, or the first reason why not, and what leaves. ``sequence``: of what is sent."""

    type: str
    time: Any
    verdict: Verdict | Gone
    event: Redacted | None
    sequence: int | None = None


@dataclass
class _Shelf(Generic[A]):
    """Stands for a unit's collection."""

    present: dict[UUID, A] = field(default_factory=dict)

    def find(self, id: UUID) -> A | None:
        return self.present.get(id)

    def add(self, aggregate: A) -> None:
        self.present[aggregate.id] = aggregate


class Rehearsal:
    """Stands for the unit of work that handlers get."""

    def __init__(self, standing: Standing, flights: Iterable[Flight]) -> None:
        self.cases: _Shelf[Case] = _Shelf()
        self.flights: _Shelf[Flight] = _Shelf({flight.id: flight for flight in flights})
        self.lines: list[Line] = []
        self._standing, self._agreement = standing, standing.agreement
        #: What came before something without which it can't be told.
        self._early: list[Event] = []
        self._now = datetime.min.replace(tzinfo=UTC)

    def tell(self, fact: Fact, about: About, *, to: UUID | None = None) -> int:
        """Write down whether it would have been sent."""
        verdict, event = tell(fact, about, self._standing, self._now.date())
        sequence = about.next_for(self._standing.subscription.id) if event else None
        self.lines.append(Line(fact.type, fact.time, verdict, event, sequence))
        return int(event is not None)

    def count(self, before: frozenset[Cell], after: frozenset[Cell]) -> None:
        """Nothing: a preview changes no figures."""

    def bury(
        self, case: Case, why: Gone, *, of: str | None = None, referred: UUID | None = None, outside: bool = False
    ) -> None:
        """Write down that a tombstone would have been sent, if anything had been."""
        own = {self._standing.subscription.id: self._standing}
        for each in bury(case, why, own, self._now, of=of, referred=referred, outside=outside):
            # Its id is a new one each time.
            self.lines.append(Line("tombstone", self._now, why, None, each.sequence))

    def forget(self, case_id: UUID) -> None:
        """Nothing was answered."""

    def hear(self, events: Sequence[Event], referrals: Iterable[Referral] = ()) -> None:
        """All that happened to one case, in the order of its times, and its referrals."""
        ordered = sorted(events, key=lambda each: each.sequence)
        steps: list[Step] = [(each.time, _made_at(each.id), partial(self._handle, each)) for each in ordered]
        steps += [step for each in referrals for step in self._referred(each)]
        for self._now, _, step in sorted(steps, key=lambda each: each[:2]):
            step()
            early, self._early = self._early, []
            for each in early:
                self._handle(each)

    def _handle(self, event: Event) -> None:
        handler = HANDLERS.get(event.type)
        if handler is None:
            return
        try:
            handler.function(receive(event, handler.contract), self)
        except NotYet:
            self._early.append(event)

    def _referred(self, referral: Referral) -> Iterator[Step]:
        """What became of a referral to the agency."""
        if referral.agency_id != self._agreement.agency_id:
            return
        anew = replace(referral, state=State.WAITING, settled_at=None, reason=None)
        yield referral.at, _made_at(referral.id), lambda: self._refer(anew)
        # What ended with consent or with the case is told by the event that ended it.
        if referral.settled_at and not referral.open and referral.reason != Withdrawal.CONSENT_OR_CASE_ENDED:
            at, action = referral.settled_at, Action.WITHDRAW
            if referral.state is State.REJECTED:
                action = Action.REJECT
            yield at, _LAST, lambda: self._part(anew, action, at)

    def _refer(self, referral: Referral) -> None:
        for case in self.cases.present.values():
            case.referrals.append(referral)
            case.referred_to.add(referral.agency_id)
            self.tell(made(case, referral), case)

    def _part(self, referral: Referral, action: Action, at: datetime) -> None:
        if referral.open:
            referral.settle(action, at)
        for case in self.cases.present.values():
            if action is Action.WITHDRAW:
                self.tell(withdrawn(case, referral, at), case)
            part(self, case, referral.agency_id)


def _made_at(id: UUID) -> int:
    """In milliseconds, by an id of ours."""
    return id.int >> 80


def flights_of(events: Iterable[Event]) -> set[UUID]:
    """The flights without which the events can't be handled."""
    found: set[UUID] = set()
    for event in events:
        handler = HANDLERS.get(event.type)
        if handler and (flights := handler.touches.get("flights")):
            found.update(flights(receive(event, handler.contract)))
    return found


def unheard(events: Sequence[Event]) -> Mapping[str, int]:
    """How many events there are of types of which no agency ever hears."""
    found: dict[str, int] = {}
    for event in events:
        if event.type not in HANDLERS:
            found[event.type] = found.get(event.type, 0) + 1
    return found
