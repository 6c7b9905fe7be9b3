"""What an agency would have received of a case under an agreement, and why not the rest: the service's own handlers, on
events from the logs, with nothing kept.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import About, Case, Fact, Flight
from services.partners.domain.figures import Cell
from services.partners.domain.redaction import Pseudonyms, Redacted, redact
from services.partners.domain.referral import Action, Referral, State
from services.partners.domain.vocabulary import OTHER_COUNTRIES, Verdict, Withdrawal
from services.partners.handlers import HANDLERS
from services.partners.kept import Gone
from services.partners.referring import made, withdrawn
from shared.contracts.envelope import Event
from shared.messaging.handlers import NotYet, receive

A = TypeVar("A", Case, Flight)
#: When something happened, and what is to be done then.
Step = tuple[datetime, Callable[[], None]]


@dataclass(frozen=True)
class Line:
    """One event: whether it is sent, or the first reason why not, and what leaves."""

    type: str
    time: Any
    verdict: Verdict | Gone
    event: Redacted | None


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

    def __init__(self, agreement: Agreement, pseudonyms: Pseudonyms, flights: Iterable[Flight]) -> None:
        self.cases: _Shelf[Case] = _Shelf()
        self.flights: _Shelf[Flight] = _Shelf({flight.id: flight for flight in flights})
        self.lines: list[Line] = []
        self._agreement, self._pseudonyms = agreement, pseudonyms

    def tell(self, fact: Fact, about: About) -> None:
        """Write down whether it would have been sent."""
        verdict = self._agreement.verdict(fact, about, fact.time.date())
        event = redact(fact, self._agreement.terms, self._pseudonyms) if verdict is Verdict.SENT else None
        self.lines.append(Line(fact.type, fact.time, verdict, event))

    def count(self, before: frozenset[Cell], after: frozenset[Cell]) -> None:
        """Nothing: a preview changes no figures."""

    def bury(self, case: Case, why: Gone, *, of: str | None = None, outside: bool = False) -> None:
        """Write down that a tombstone would have been sent, if anything had been."""
        sent = any(line.verdict is Verdict.SENT for line in self.lines)
        if outside and self._agreement.stands(case) not in OTHER_COUNTRIES:
            return
        if sent and of in (None, self._agreement.agency.kind):
            last = self.lines[-1]
            self.lines.append(Line("tombstone", last.time, why, None))

    def forget(self, case_id: UUID) -> None:
        """Nothing was answered."""

    def hear(self, events: Sequence[Event], referrals: Iterable[Referral] = ()) -> None:
        """All that happened to one case, in the order of its times, and its referrals."""
        ordered = sorted(events, key=lambda each: (each.time, each.sequence))
        steps: list[Step] = [(each.time, partial(self._handle, each)) for each in ordered]
        steps += [step for each in referrals for step in self._referred(each)]
        for _, step in sorted(steps, key=lambda each: each[0]):
            step()

    def _handle(self, event: Event) -> None:
        handler = HANDLERS.get(event.type)
        if handler is not None:
            with suppress(NotYet):
                handler.function(receive(event), self)

    def _referred(self, referral: Referral) -> Iterator[Step]:
        """What became of a referral to the agency."""
        if referral.agency_id != self._agreement.agency_id:
            return
        anew = replace(referral, state=State.WAITING, settled_at=None, reason=None)
        yield referral.at, lambda: self._refer(anew)
        # What ended with consent or with the case is told by the event that ended it.
        if referral.settled_at and not referral.open and referral.reason != Withdrawal.CONSENT_OR_CASE_ENDED:
            at, action = referral.settled_at, Action.WITHDRAW
            if referral.state is State.REJECTED:
                action = Action.REJECT
            yield at, lambda: self._part(anew, action, at)

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
            if case.leave(referral.agency_id):
                self.bury(case, Gone.REFERRAL_ENDED)


def unheard(events: Sequence[Event]) -> Mapping[str, int]:
    """How many events there are of types of which no agency ever hears."""
    found: dict[str, int] = {}
    for event in events:
        if event.type not in HANDLERS:
            found[event.type] = found.get(event.type, 0) + 1
    return found
