"""What a case remembers, and who did it: these details stay in the service."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.screening.domain.consents import NEEDED, Recipient
from services.screening.domain.identity import Identity
from services.screening.domain.vocabulary import (
    Band,
    Escort,
    GivenBy,
    Ground,
    HoldKind,
    Likeness,
    Outcome,
    PlaceKind,
    Verdict,
)


@dataclass(frozen=True)
class Declaration:
    """The voluntary declaration and the consent to the use of data."""

    place: str
    place_kind: PlaceKind
    language: str
    interpreter: str | None
    witness: str
    alternatives_explained: bool
    data_consent: bool
    given_by: GivenBy
    proxy_reason: str | None
    at: datetime
    by: str
    #: To whom data may be transferred.
    recipients: tuple[Recipient, ...] = NEEDED


@dataclass
class Withdrawal:
    """Consent taken back, here or at the airport desk."""

    on: date
    place: str
    reason: str
    at: datetime
    by: str
    #: Travel answers a withdrawal with an event of its own, which must not count as another withdrawal.
    answered: bool = False


@dataclass(frozen=True)
class Assessment:
    """The vulnerability screening's result and what the journey must provide."""

    band: Band
    assistance: tuple[str, ...]
    escort: Escort
    at: datetime
    by: str


@dataclass(frozen=True)
class BestInterests:
    """How the best-interests procedure of a child ended, and who receives the child."""

    verdict: Verdict
    family_traced: bool
    receiver: str | None
    decided_on: date
    by: str

    @property
    def arranged(self) -> bool:
        """Whether the child may travel as far as care at home is concerned."""
        return self.verdict is Verdict.POSITIVE and (self.family_traced or bool(self.receiver))


@dataclass
class Hold:
    """The case must not move until this is lifted."""

    id: UUID
    kind: HoldKind
    note: str
    placed_at: datetime
    placed_by: str
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class Examination:
    """A fit-to-travel result and the time for which it holds."""

    outcome: Outcome
    assistance: tuple[str, ...]
    escort: Escort
    valid_from: datetime
    valid_until: datetime
    by: str

    @property
    def fit(self) -> bool:
        """Whether the person may fly, with or without assistance."""
        return self.outcome in (Outcome.FIT, Outcome.FIT_WITH_ASSISTANCE)

    def holds_at(self, moment: datetime) -> bool:
        """Whether it says so and is still valid."""
        return self.fit and self.valid_from <= moment <= self.valid_until


@dataclass
class Suspicion:
    """This case may be of the person who has the other one."""

    other_case_id: UUID
    likeness: list[Likeness]
    raised_at: datetime
    #: The other case has a suspicion of this one in turn; of the two this is the one by which people speak of the pair.
    of_elder: bool = True
    same_person: bool | None = None
    reason: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None

    @property
    def open(self) -> bool:
        """Whether nobody has decided yet."""
        return self.same_person is None


@dataclass(frozen=True)
class Correction:
    """Who the person was held to be before, and why that was wrong."""

    former: Identity
    reason: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Refusal:
    """Why the programme can't return this person."""

    reason: str
    at: datetime
    by: str


@dataclass(frozen=True)
class ErasureRequest:
    """Somebody wants the person's data erased; somebody else has to approve it."""

    ground: Ground
    reason: str
    at: datetime
    by: str
