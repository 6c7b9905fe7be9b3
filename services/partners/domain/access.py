"""An agency's access: opened by one person, approved by another and claimed by the agency; suspended and resumed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.partners.domain.rules import OwnRequest, OwnSuspension, RequestOver

#: By real time: the codes are with two people and on their way to a third.
CLAIMED_WITHIN = timedelta(hours=72)


class RequestState(StrEnum):
    """What becomes of an access request."""

    #: For a second person.
    WAITING = "waiting"
    #: The agency can claim its key.
    APPROVED = "approved"
    #: The agency did not claim in time: it can be approved once more.
    EXPIRED = "expired"
    #: The agency, or whoever had both codes, has a key.
    CLAIMED = "claimed"
    #: Taken back, or ended with every key that came of it.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One request; ``contact`` is whom at the agency the codes are told."""

    id: UUID
    agency_id: UUID
    contact: str
    reason: str
    opened_by: str
    opened_at: datetime
    approved_by: str | None = None
    expires_at: datetime | None = None
    claimed_at: datetime | None = None
    ended_at: datetime | None = None

    def state(self, now: datetime) -> RequestState:
        """As it stands."""
        if self.ended_at:
            return RequestState.ENDED
        if self.claimed_at:
            return RequestState.CLAIMED
        if self.expires_at is None:
            return RequestState.WAITING
        return RequestState.APPROVED if now < self.expires_at else RequestState.EXPIRED

    def check_approval(self, by: str, now: datetime) -> None:
        """Raises what forbids that this person is given a code."""
        if self.state(now) in (RequestState.CLAIMED, RequestState.ENDED):
            raise RequestOver
        if by == self.opened_by:
            raise OwnRequest


@dataclass(frozen=True, slots=True)
class Suspension:
    """Nothing leaves to the agency."""

    reason: str
    suspended_by: str
    suspended_at: datetime

    def check_resumption(self, by: str) -> None:
        """Raises OwnSuspension."""
        if by == self.suspended_by:
            raise OwnSuspension
