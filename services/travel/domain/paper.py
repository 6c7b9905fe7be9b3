"""A paper that an authority issues for the journey: the travel document or the exit visa."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from services.travel.domain.rules import ExpiresTooLate, IssuedInTheFuture, NotInThisState, PaperValidity
from services.travel.domain.vocabulary import PaperKind

#: Twice as long as passports are valid.
_LONGEST = timedelta(days=20 * 366)


class PaperStatus(StrEnum):
    """Where the paper stands with its authority."""

    #: The authority was asked.
    REQUESTED = "requested"
    #: It is there.
    ISSUED = "issued"
    #: It is there, and the authority was asked for its successor.
    RENEWING = "renewing"
    #: The authority won't issue it.
    REFUSED = "refused"
    #: Its validity has ended.
    LAPSED = "lapsed"


class PaperAction(StrEnum):
    """What can be done with a paper."""

    #: Ask the authority.
    REQUEST = "request"
    #: Record that it was issued.
    ISSUE = "issue"
    #: Record that it won't be issued.
    REFUSE = "refuse"
    #: Its last day has passed.
    LAPSE = "lapse"


_S, _A = PaperStatus, PaperAction
TRANSITIONS: dict[PaperStatus, dict[PaperAction, PaperStatus]] = {
    _S.REQUESTED: {_A.REQUEST: _S.REQUESTED, _A.ISSUE: _S.ISSUED, _A.REFUSE: _S.REFUSED},
    _S.ISSUED: {_A.REQUEST: _S.RENEWING, _A.LAPSE: _S.LAPSED},
    _S.RENEWING: {_A.REQUEST: _S.RENEWING, _A.ISSUE: _S.ISSUED, _A.REFUSE: _S.ISSUED, _A.LAPSE: _S.REQUESTED},
    _S.REFUSED: {_A.REQUEST: _S.REQUESTED},
    _S.LAPSED: {_A.REQUEST: _S.REQUESTED},
}


@dataclass
class Paper:
    """One person's paper of one kind; its number, which is personal, is kept with the case."""

    noun: str
    kind: PaperKind
    authority: str
    status: PaperStatus = PaperStatus.REQUESTED
    issued_on: date | None = None
    expires_on: date | None = None

    def valid_on(self, day: date) -> bool:
        """Whether it can be travelled on that day."""
        return self._is_there and self.expires_on is not None and day <= self.expires_on

    @property
    def under_way(self) -> bool:
        """Whether it is there or the authority was asked for it."""
        return self._is_there or self.status is PaperStatus.REQUESTED

    @property
    def lapses_at(self) -> datetime | None:
        """When its validity ends: with the end of its last day."""
        if not self._is_there or self.expires_on is None:
            return None
        return datetime.combine(self.expires_on + timedelta(days=1), time(), UTC)

    def request(self, authority: str, kind: PaperKind) -> None:
        """Ask an authority, for the first time, again, or for a successor."""
        self._advance(PaperAction.REQUEST)
        self.authority, self.kind = authority, kind

    def issue(self, issued_on: date, expires_on: date, today: date) -> None:
        """Record the paper with the days that are printed on it."""
        require_issued(issued_on, today)
        if expires_on < today:
            raise PaperValidity(issued_on=issued_on.isoformat(), expires_on=expires_on.isoformat())
        if expires_on - today > _LONGEST:
            raise ExpiresTooLate()
        self._advance(PaperAction.ISSUE)
        self.issued_on, self.expires_on = issued_on, expires_on

    def asked_of(self, authorities: Iterable[str]) -> bool:
        """Whether one of these was asked for it, however it is written."""
        return _plain(self.authority) in map(_plain, authorities)

    def refuse(self) -> None:
        """Record the authority's refusal."""
        self._advance(PaperAction.REFUSE)

    def lapse(self) -> date:
        """Its last day has passed; that day."""
        self._advance(PaperAction.LAPSE)
        assert self.expires_on is not None
        return self.expires_on

    @property
    def _is_there(self) -> bool:
        return self.status in (PaperStatus.ISSUED, PaperStatus.RENEWING)

    def _advance(self, action: PaperAction) -> None:
        allowed = TRANSITIONS[self.status]
        if action not in allowed:
            raise NotInThisState(self.noun, self.status, action, allowed)
        self.status = allowed[action]


def _plain(authority: str) -> str:
    return " ".join(authority.casefold().split())


def require_issued(issued_on: date, today: date) -> None:
    """The day of issue has come; to be asked before days are counted from it."""
    if issued_on > today:
        raise IssuedInTheFuture()
