"""A referral: an agency is asked to do something for somebody."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.partners.domain.rules import ReferralState
from services.partners.domain.vocabulary import Need


class State(StrEnum):
    """How far a referral is."""

    #: The agency hasn't answered.
    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What can be done with a referral."""

    ACCEPT = "accept"
    REJECT = "reject"
    WITHDRAW = "withdraw"


TRANSITIONS: dict[State, dict[Action, State]] = {
    State.WAITING: {
        Action.ACCEPT: State.ACCEPTED,
        Action.REJECT: State.REJECTED,
        Action.WITHDRAW: State.WITHDRAWN,
    },
    State.ACCEPTED: {Action.WITHDRAW: State.WITHDRAWN},
    State.REJECTED: {},
    State.WITHDRAWN: {},
}


@dataclass
class Referral:
    """One referral of one case to one agency. What somebody needs it for is in the person's file, not here."""

    id: UUID
    agency_id: UUID
    #: What the agency is, for the person's consent.
    recipient: str
    services: frozenset[Need]
    at: datetime
    by: str
    state: State = State.WAITING
    settled_at: datetime | None = None
    #: Why it was rejected or withdrawn: a word of the lists.
    reason: str | None = None
    #: How many subscriptions it was told to: an agency without one hears of it another way.
    told: int = 0

    @property
    def open(self) -> bool:
        """Whether the agency may go on hearing of the person."""
        return self.state in (State.WAITING, State.ACCEPTED)

    def settle(self, action: Action, at: datetime, reason: str | None = None) -> None:
        """Raises ReferralState."""
        allowed = TRANSITIONS[self.state]
        if action not in allowed:
            raise ReferralState(self.state, action, allowed)
        self.state, self.settled_at, self.reason = allowed[action], at, reason
