"""How far things are, in the words of the projections."""

from enum import StrEnum


class Paper(StrEnum):
    """How far a travel document or an exit visa is."""

    #: Nobody was asked for it.
    NONE = "none"
    #: The authority was asked.
    REQUESTED = "requested"
    #: It is there.
    ISSUED = "issued"
    #: The authority won't issue it.
    REFUSED = "refused"
    #: Its validity has ended.
    LAPSED = "lapsed"


class Boarding(StrEnum):
    """What happened at the gate."""

    #: Not decided yet.
    OPEN = "open"
    #: On board.
    BOARDED = "boarded"
    #: Did not come.
    NO_SHOW = "no_show"
    #: Was not let on board.
    REFUSED = "refused"


class Arrival(StrEnum):
    """What happened at the other end."""

    #: Not known yet.
    OPEN = "open"
    #: The receiving side has met the person.
    CONFIRMED = "confirmed"
    #: The receiving side did not meet the person.
    MISSING = "missing"


class Plan(StrEnum):
    """How far the reintegration plan is."""

    #: There is none.
    NONE = "none"
    #: Waits for approval.
    SUBMITTED = "submitted"
    #: May be delivered.
    APPROVED = "approved"
    #: Was turned down.
    REJECTED = "rejected"
