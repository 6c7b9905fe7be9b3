"""One follow-up visit: planned by the programme's schedule, attempted, made."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Self

from services.monitoring.domain.lifecycle import VISIT_TRANSITIONS, VisitAction, VisitStatus
from services.monitoring.domain.rules import NotAllowedNow, WeakerMethod
from services.monitoring.domain.vocabulary import STRENGTH, Method, Outcome


@dataclass(frozen=True, slots=True)
class Planned:
    """One follow-up of the programme's schedule."""

    code: str
    method: Method
    after_months: int
    grace_days: int
    #: The weakest method that is accepted in its place.
    weakest: Method

    def due(self, inception: date) -> date:
        """The day it is due: calendar months after the inception, clipped to the month's end."""
        months = inception.year * 12 + inception.month - 1 + self.after_months
        year, month = divmod(months, 12)
        return date(year, month + 1, min(inception.day, monthrange(year, month + 1)[1]))


@dataclass
class Attempt:
    """One attempt to reach the person."""

    on: date
    outcome: Outcome
    note: str | None
    by: str


@dataclass
class Visit:
    """One follow-up visit; the schedule under which it was planned stays with it."""

    planned: Planned
    due_on: date
    grace_until: date
    status: VisitStatus = VisitStatus.SCHEDULED
    attempts: list[Attempt] = field(default_factory=list)
    completed_on: date | None = None
    completed_by: Method | None = None
    satisfied: bool | None = None

    @classmethod
    def of(cls, planned: Planned, inception: date) -> Self:
        """A visit to be made, counted from the inception."""
        due = planned.due(inception)
        return cls(planned, due, due + timedelta(days=planned.grace_days))

    @property
    def code(self) -> str:
        """Its name in the programme's schedule."""
        return self.planned.code

    @property
    def to_make(self) -> bool:
        """Whether somebody still has to make it."""
        return self.status in (VisitStatus.SCHEDULED, VisitStatus.OVERDUE)

    def advance(self, action: VisitAction) -> None:
        """Take a step of the visit's table."""
        if action not in VISIT_TRANSITIONS[self.status]:
            raise NotAllowedNow(f"The visit {self.code} is {self.status}.", state=self.status)
        self.status = VISIT_TRANSITIONS[self.status][action]

    def attempt(self, attempt: Attempt) -> None:
        """Add an attempt to reach the person."""
        self.advance(VisitAction.ATTEMPT)
        self.attempts.append(attempt)

    def complete(self, method: Method, satisfied: bool | None, on: date) -> None:
        """Record that it was made, by a method at least as strong as one that the programme accepts."""
        if STRENGTH[method] < STRENGTH[self.planned.weakest]:
            raise WeakerMethod(planned=self.planned.method, used=method)
        self.advance(VisitAction.COMPLETE)
        self.completed_on, self.completed_by, self.satisfied = on, method, satisfied

    def reschedule(self, inception: date) -> None:
        """Make it due again, counted from a new inception."""
        self.advance(VisitAction.RESCHEDULE)
        renewed = Visit.of(self.planned, inception)
        self.due_on, self.grace_until = renewed.due_on, renewed.grace_until
