"""What monitoring publishes. Subject: the case's id."""

from datetime import date
from typing import Literal

from shared.contracts.envelope import Contract, Part

SOURCE = "/homeward/monitoring"


class Visit(Part):
    """One follow-up: its code in the programme's schedule, how it is made, and the day it is due."""

    code: str
    method: Literal["phone", "site"]
    due_on: date


class FollowUpsScheduled(Contract, type="org.homeward.monitoring.follow-ups-scheduled.v1"):
    """The follow-up visits are planned from the inception of reintegration."""

    inception_on: date
    visits: list[Visit]


class AttemptRecorded(Contract, type="org.homeward.monitoring.attempt-recorded.v1"):
    """An attempt to reach the person for a visit."""

    code: str
    outcome: Literal["reached", "no_answer", "wrong_number", "refused", "postponed"]


class FollowUpCompleted(Contract, type="org.homeward.monitoring.follow-up-completed.v1"):
    """A visit was made."""

    code: str
    completed_on: date
    late: bool


class FollowUpOverdue(Contract, type="org.homeward.monitoring.follow-up-overdue.v1"):
    """A visit's grace period has ended without the visit."""

    code: str
    due_on: date


class FollowUpsCancelled(Contract, type="org.homeward.monitoring.follow-ups-cancelled.v1"):
    """No more visits are made: reintegration was cancelled."""

    cancelled_on: date


class ContactLost(Contract, type="org.homeward.monitoring.contact-lost.v1"):
    """The person can't be found any more."""

    lost_on: date


class ContactRegained(Contract, type="org.homeward.monitoring.contact-regained.v1"):
    """The person was found again."""

    regained_on: date


class CaseClosed(Contract, type="org.homeward.monitoring.closed.v1"):
    """The case is closed."""

    reason: Literal["followed_up", "lost_contact", "dropped_out", "deceased", "re_migrated", "other"]
    closed_on: date
