"""What can happen to a case and to a visit: what is not in these tables is an error."""

from enum import StrEnum


class Status(StrEnum):
    """Where a case stands."""

    #: Visits are being made.
    FOLLOWING = "following"
    #: The person can't be found; a visit or an attempt that reaches them brings the case back.
    LOST = "lost_contact"
    #: Reintegration was cancelled: no more visits.
    CANCELLED = "cancelled"
    #: Nothing more is done.
    CLOSED = "closed"


class Action(StrEnum):
    """What can happen to a case."""

    ATTEMPT = "attempt"
    COMPLETE_VISIT = "complete_visit"
    LOSE_CONTACT = "lose_contact"
    REGAIN_CONTACT = "regain_contact"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    CLOSE = "close"


TRANSITIONS: dict[Status, dict[Action, Status]] = {
    Status.FOLLOWING: {
        Action.ATTEMPT: Status.FOLLOWING,
        Action.COMPLETE_VISIT: Status.FOLLOWING,
        Action.LOSE_CONTACT: Status.LOST,
        Action.CANCEL: Status.CANCELLED,
        Action.CLOSE: Status.CLOSED,
    },
    Status.LOST: {
        Action.ATTEMPT: Status.LOST,
        Action.COMPLETE_VISIT: Status.LOST,
        Action.REGAIN_CONTACT: Status.FOLLOWING,
        Action.CANCEL: Status.CANCELLED,
        Action.CLOSE: Status.CLOSED,
    },
    Status.CANCELLED: {Action.RESCHEDULE: Status.FOLLOWING, Action.CLOSE: Status.CLOSED},
    Status.CLOSED: {Action.RESCHEDULE: Status.FOLLOWING},
}


class VisitStatus(StrEnum):
    """Where a visit stands."""

    #: To be made, at the latest at the end of its grace period.
    SCHEDULED = "scheduled"
    #: Its grace period has ended; it is still to be made.
    OVERDUE = "overdue"
    #: Made.
    COMPLETED = "completed"
    #: Not to be made.
    CANCELLED = "cancelled"


class VisitAction(StrEnum):
    """What can happen to a visit."""

    ATTEMPT = "attempt"
    COMPLETE = "complete"
    FALL_OVERDUE = "fall_overdue"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"


VISIT_TRANSITIONS: dict[VisitStatus, dict[VisitAction, VisitStatus]] = {
    VisitStatus.SCHEDULED: {
        VisitAction.ATTEMPT: VisitStatus.SCHEDULED,
        VisitAction.COMPLETE: VisitStatus.COMPLETED,
        VisitAction.FALL_OVERDUE: VisitStatus.OVERDUE,
        VisitAction.CANCEL: VisitStatus.CANCELLED,
    },
    VisitStatus.OVERDUE: {
        VisitAction.ATTEMPT: VisitStatus.OVERDUE,
        VisitAction.COMPLETE: VisitStatus.COMPLETED,
        VisitAction.CANCEL: VisitStatus.CANCELLED,
    },
    VisitStatus.CANCELLED: {VisitAction.RESCHEDULE: VisitStatus.SCHEDULED},
    VisitStatus.COMPLETED: {},
}
