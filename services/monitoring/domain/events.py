"""What follow-up tells."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.monitoring.domain.vocabulary import Method, Outcome, Reason


@dataclass(frozen=True, slots=True)
class FollowUpsScheduled:
    """These visits are to be made."""

    case_id: UUID
    inception_on: date
    visits: tuple[tuple[str, Method, date], ...]


@dataclass(frozen=True, slots=True)
class AttemptRecorded:
    """Somebody tried to reach the person."""

    case_id: UUID
    code: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class FollowUpCompleted:
    """A visit was made."""

    case_id: UUID
    code: str
    completed_on: date
    late: bool


@dataclass(frozen=True, slots=True)
class FollowUpOverdue:
    """A visit's grace period has ended."""

    case_id: UUID
    code: str
    due_on: date


@dataclass(frozen=True, slots=True)
class FollowUpsCancelled:
    """No more visits are made."""

    case_id: UUID
    cancelled_on: date


@dataclass(frozen=True, slots=True)
class ContactLost:
    """The person can't be found."""

    case_id: UUID
    lost_on: date


@dataclass(frozen=True, slots=True)
class ContactRegained:
    """The person was found again."""

    case_id: UUID
    regained_on: date


@dataclass(frozen=True, slots=True)
class CaseClosed:
    """The case is closed."""

    case_id: UUID
    reason: Reason
    closed_on: date


Event = (
    FollowUpsScheduled
    | AttemptRecorded
    | FollowUpCompleted
    | FollowUpOverdue
    | FollowUpsCancelled
    | ContactLost
    | ContactRegained
    | CaseClosed
)
