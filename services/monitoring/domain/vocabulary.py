"""The words of follow-up."""

from enum import StrEnum


class Method(StrEnum):
    """How a visit is made."""

    PHONE = "phone"
    SITE = "site"


#: A visit may be made by a method that is at least as strong as the one planned.
STRENGTH = {Method.PHONE: 1, Method.SITE: 2}


class Outcome(StrEnum):
    """What came of an attempt."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    WRONG_NUMBER = "wrong_number"
    REFUSED = "refused"
    POSTPONED = "postponed"


#: After these nobody knows more about the person than before; the other outcomes mean that somebody spoke to them.
FAILED = frozenset({Outcome.NO_ANSWER, Outcome.WRONG_NUMBER})


class Reintegration(StrEnum):
    """What reintegration has told about the case."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a case was closed."""

    FOLLOWED_UP = "followed_up"
    LOST_CONTACT = "lost_contact"
    DROPPED_OUT = "dropped_out"
    DECEASED = "deceased"
    RE_MIGRATED = "re_migrated"
    OTHER = "other"
