"""What an agency answers: kept as it came, with what became of it."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.partners.domain.agreement import Agency, Agreement
from services.partners.domain.fact import Case
from services.partners.domain.rules import (
    AnswerSettled,
    CaseEnded,
    ConsentGone,
    NoAgreementForThis,
    NotACandidate,
    NotForThisKind,
)
from services.partners.domain.vocabulary import AgencyKind, Verdict

#: What was sent is kept so long, for who asks what was wrong with it; what became of it stays.
KEPT = timedelta(days=30)
#: Nobody is shown what opens something: keys and signing secrets of ours, tokens, passwords. Bounded, for strangers.
_SECRETS = re.compile(
    r"""(homeward-agency\.|wh(?:sec|sk|pk)_|\b(?:bearer|basic)\s{1,9}(?=\S{16})|[a-z0-9+.-]{1,20}://[^\s/@:]{0,99}:
    |"(?:password|secret|token|api[_-]?key)"\s{0,9}:\s{0,9}")[^\s"'\\@,;<>]+""",
    re.IGNORECASE | re.VERBOSE,
)
_HIDDEN = "[hidden]"


class AnswerType(StrEnum):
    """What an agency may say."""

    DOCUMENT_ISSUED = "org.homeward.agency.document-issued.v1"
    VISA_GRANTED = "org.homeward.agency.visa-granted.v1"
    ARRIVAL_CONFIRMED = "org.homeward.agency.arrival-confirmed.v1"
    REFERRAL_ACCEPTED = "org.homeward.agency.referral-accepted.v1"
    REFERRAL_REJECTED = "org.homeward.agency.referral-rejected.v1"


_REFERRED_TO = frozenset(
    {AgencyKind.EXIT_AUTHORITY, AgencyKind.HEALTH_PARTNER, AgencyKind.REINTEGRATION_PARTNER, AgencyKind.UNHCR}
)
#: Who may say what.
SAYS: Mapping[AnswerType, frozenset[AgencyKind]] = {
    AnswerType.DOCUMENT_ISSUED: frozenset({AgencyKind.EMBASSY}),
    AnswerType.VISA_GRANTED: frozenset({AgencyKind.EXIT_AUTHORITY}),
    AnswerType.ARRIVAL_CONFIRMED: frozenset({AgencyKind.RECEIVING_OFFICE}),
    AnswerType.REFERRAL_ACCEPTED: _REFERRED_TO,
    AnswerType.REFERRAL_REJECTED: _REFERRED_TO,
}


class State(StrEnum):
    """What became of an answer."""

    #: It took effect.
    APPLIED = "applied"
    #: It didn't, and the agency was told why.
    REFUSED = "refused"
    #: A person decides whom it is about.
    WAITING = "waiting"


@dataclass
class Answer:
    """One answer of one agency."""

    id: UUID
    agency_id: UUID
    #: None for what could not be read.
    type: AnswerType | None
    #: Of its content: the same id with another content is another answer.
    digest: str
    at: datetime
    state: State = State.REFUSED
    case_id: UUID | None = None
    #: Whom it may be about, while it waits.
    candidates: list[UUID] = field(default_factory=list)
    #: Why it was refused: the problem's type.
    cause: str | None = None
    #: Whom the programme has asked, where nobody knows whether that is this agency: a person decides.
    authority: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    #: Personal, for it names members as they came: why it was refused, as the agency was told.
    problem: dict[str, Any] | None = None
    #: Personal: as it came, though not more of it than is kept, and why somebody decided so.
    content: str = ""
    reason: str = ""

    def apply(self, case_id: UUID) -> None:
        """It took effect on this case."""
        self.state, self.case_id, self.candidates = State.APPLIED, case_id, []

    def refuse(self, problem: dict[str, Any]) -> None:
        """It took none."""
        self.state, self.candidates, self.problem, self.cause = State.REFUSED, [], problem, problem["type"]

    def wait(self, candidates: list[UUID]) -> None:
        """A person decides which of these it is about."""
        self.state, self.candidates, self.case_id = State.WAITING, sorted(candidates), None

    def empty(self) -> None:
        """Nobody asks any more what was in it. Where it is about nobody whom we know nobody could ask for the rest."""
        self.content = ""
        if self.case_id is None:
            self.reason, self.problem = "", None

    @property
    def perishable(self) -> bool:
        """Whether something is left in it that goes after a while."""
        return bool(self.content or (self.case_id is None and (self.reason or self.problem)))

    @property
    def shown(self) -> str | None:
        """What was sent as people read it, without secrets and with what can't be seen spelt out; None once it is
        destroyed.
        """
        if not self.content:
            return None
        text = _SECRETS.sub(rf"\1{_HIDDEN}", base64.b64decode(self.content).decode("utf-8", "backslashreplace"))
        return "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text)

    def decide(self, case_id: UUID | None, by: str, at: datetime, reason: str) -> None:
        """Somebody says whom it is about: one of the candidates, or nobody."""
        if self.state is not State.WAITING:
            raise AnswerSettled(state=self.state)
        if case_id is not None and case_id not in self.candidates:
            raise NotACandidate(candidates=self.candidates)
        self.decided_by, self.decided_at, self.reason = by, at, reason


def may_say(agency: Agency, type: AnswerType) -> None:
    """Raises NotForThisKind."""
    if agency.kind not in SAYS[type]:
        raise NotForThisKind(kinds=sorted(SAYS[type]))


def stands(agreements: list[Agreement], case: Case) -> None:
    """Raises what keeps the agency from saying anything about the case; ``agreements``: its own that are in force."""
    verdicts = {agreement.stands(case) for agreement in agreements}
    if Verdict.SENT in verdicts:
        return
    if Verdict.GONE in verdicts:
        raise CaseEnded
    if Verdict.NO_CONSENT in verdicts:
        raise ConsentGone
    raise NoAgreementForThis(reasons=sorted(verdicts))
