"""The follow-up of one returnee, from the inception of reintegration to the end of the case."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Self
from uuid import UUID

from services.monitoring.domain.events import (
    AttemptRecorded,
    CaseClosed,
    ContactLost,
    ContactRegained,
    Event,
    FollowUpCompleted,
    FollowUpOverdue,
    FollowUpsCancelled,
    FollowUpsScheduled,
)
from services.monitoring.domain.lifecycle import TRANSITIONS, Action, Status, VisitAction, VisitStatus
from services.monitoring.domain.rules import (
    ContactNotLost,
    FollowUpUnfinished,
    NoSuchVisit,
    NotAllowedNow,
    NoteMissing,
    TooFewAttempts,
)
from services.monitoring.domain.visit import Attempt, Planned, Visit
from services.monitoring.domain.vocabulary import FAILED, Method, Outcome, Reason, Reintegration


@dataclass
class Case:
    """One returnee's follow-up."""

    id: UUID
    inception_on: date
    visits: list[Visit]
    #: As reintegration told with its opening.
    office: str | None = None
    country_of_origin: str | None = None
    #: Who is followed up has travelled, unless it turns out that the person never arrived.
    travelling: bool = True
    status: Status = Status.FOLLOWING
    reintegration: Reintegration = Reintegration.OPEN
    lost_on: date | None = None
    closed_on: date | None = None
    closed_for: Reason | None = None
    notes: list[str] = field(default_factory=list)
    #: Attempts that failed since the person was last spoken to.
    failed_attempts: int = 0

    @classmethod
    def schedule(cls, id: UUID, inception: date, plan: Iterable[Planned]) -> tuple[Self, FollowUpsScheduled]:
        """Begin follow-up with every visit of the programme's schedule."""
        case = cls(id, inception, [Visit.of(planned, inception) for planned in plan])
        return case, case._scheduled()

    def erase(self) -> None:
        """What is personal is destroyed."""
        self.notes.clear()
        self.visits.clear()

    def belongs_to(self, office: str | None, country_of_origin: str | None) -> None:
        """Whose case it is, as far as it is told; there is an arrival."""
        self.office, self.country_of_origin = office or self.office, country_of_origin or self.country_of_origin
        self.travelling = True

    def actions(self) -> list[Action]:
        """What may happen next."""
        return list(TRANSITIONS[self.status])

    def visit(self, code: str) -> Visit:
        """The visit with this code."""
        for visit in self.visits:
            if visit.code == code:
                return visit
        raise NoSuchVisit(f"The case has no visit {code!r}.", visits=[visit.code for visit in self.visits])

    def next_due(self) -> date | None:
        """The day on which the next visit is due."""
        return min((visit.due_on for visit in self.visits if visit.to_make), default=None)

    def overdue_after(self) -> date | None:
        """The day after which a visit falls overdue, if one still can."""
        scheduled = (visit.grace_until for visit in self.visits if visit.status is VisitStatus.SCHEDULED)
        return min(scheduled, default=None)

    def attempt(self, code: str, outcome: Outcome, *, note: str | None, by: str, on: date) -> list[Event]:
        """Record an attempt to reach the person for a visit."""
        self._advance(Action.ATTEMPT)
        self.visit(code).attempt(Attempt(on, outcome, note, by))
        recorded = AttemptRecorded(self.id, code, outcome)
        if outcome in FAILED:
            self.failed_attempts += 1
            return [recorded]
        return [recorded, *self._spoken_to(on)]

    def complete(self, code: str, method: Method, *, satisfied: bool | None, on: date) -> list[Event]:
        """Record that a visit was made."""
        self._advance(Action.COMPLETE_VISIT)
        visit = self.visit(code)
        visit.complete(method, satisfied, on)
        return [FollowUpCompleted(self.id, code, on, late=on > visit.grace_until), *self._spoken_to(on)]

    def fall_overdue(self, today: date) -> list[FollowUpOverdue]:
        """Mark every visit whose grace period has ended; each is told once."""
        late = [each for each in self.visits if each.status is VisitStatus.SCHEDULED and today > each.grace_until]
        for visit in late:
            visit.advance(VisitAction.FALL_OVERDUE)
        return [FollowUpOverdue(self.id, visit.code, visit.due_on) for visit in late]

    def lose_contact(self, *, attempts_needed: int, note: str, on: date) -> ContactLost:
        """Record that the person can't be found."""
        if self.failed_attempts < attempts_needed:
            raise TooFewAttempts(failed=self.failed_attempts, needed=attempts_needed)
        self._advance(Action.LOSE_CONTACT)
        self.lost_on = on
        self.notes.append(note)
        return ContactLost(self.id, on)

    def close(self, reason: Reason, *, note: str | None, on: date) -> CaseClosed:
        """End the case; visits that were not made never will be."""
        self._check_reason(reason, note)
        self._advance(Action.CLOSE)
        self._cancel_visits()
        self.closed_on, self.closed_for = on, reason
        if note:
            self.notes.append(note)
        return CaseClosed(self.id, reason, on)

    def reintegration_completed(self) -> None:
        """Reintegration has delivered everything."""
        self.reintegration = Reintegration.COMPLETED

    def reintegration_resumed(self) -> None:
        """A delivery was corrected: what was complete no longer is."""
        if self.reintegration is Reintegration.COMPLETED:
            self.reintegration = Reintegration.OPEN

    def reintegration_cancelled(self, on: date) -> FollowUpsCancelled | None:
        """Reintegration has ended early: visits that were made stay, the others are not made."""
        self.reintegration = Reintegration.CANCELLED
        if self.status is Status.CLOSED or not any(visit.to_make for visit in self.visits):
            return None
        self._advance(Action.CANCEL)
        self._cancel_visits()
        return FollowUpsCancelled(self.id, on)

    def reintegration_reopened(self, inception: date) -> FollowUpsScheduled | None:
        """Reintegration has begun anew: visits that were cancelled are due again, from the new inception."""
        self.reintegration = Reintegration.OPEN
        if not any(visit.status is VisitStatus.CANCELLED for visit in self.visits):
            return None
        self._advance(Action.RESCHEDULE)
        self.inception_on, self.closed_on, self.closed_for, self.lost_on = inception, None, None, None
        self.failed_attempts = 0
        for visit in self.visits:
            if visit.status is VisitStatus.CANCELLED:
                visit.reschedule(inception)
        return self._scheduled()

    def _scheduled(self) -> FollowUpsScheduled:
        open_visits = tuple((each.code, each.planned.method, each.due_on) for each in self.visits if each.to_make)
        return FollowUpsScheduled(self.id, self.inception_on, open_visits)

    def _advance(self, action: Action) -> None:
        if action not in TRANSITIONS[self.status]:
            raise NotAllowedNow(f"The case is {self.status}.", state=self.status, allowed=self.actions())
        self.status = TRANSITIONS[self.status][action]

    def _cancel_visits(self) -> None:
        for visit in self.visits:
            if visit.to_make:
                visit.advance(VisitAction.CANCEL)

    def _spoken_to(self, on: date) -> list[Event]:
        self.failed_attempts = 0
        if self.status is not Status.LOST:
            return []
        self._advance(Action.REGAIN_CONTACT)
        self.lost_on = None
        return [ContactRegained(self.id, on)]

    def _check_reason(self, reason: Reason, note: str | None) -> None:
        if reason is Reason.FOLLOWED_UP:
            unmade = [visit.code for visit in self.visits if visit.status is not VisitStatus.COMPLETED]
            if unmade or self.reintegration is Reintegration.OPEN:
                raise FollowUpUnfinished(visits=unmade, reintegration=self.reintegration)
        elif reason is Reason.LOST_CONTACT:
            if self.status is not Status.LOST:
                raise ContactNotLost()
        elif not (note and note.strip()):
            raise NoteMissing()
