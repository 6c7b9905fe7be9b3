"""One person's case in screening: what was recorded, which gates are met, and what may be done next."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.screening.domain import rules
from services.screening.domain.consents import NEEDED, ConsentChange, Recipient
from services.screening.domain.events import (
    CareArranged,
    CaseAssessed,
    CaseCleared,
    CaseDeclined,
    CaseEvent,
    CaseMerged,
    CaseRegistered,
    ClearanceRevoked,
    ConsentWithdrawn,
    DeclarationSigned,
    DuplicateSuspected,
    FitnessRecorded,
    HoldLifted,
    HoldPlaced,
    IdentityCorrected,
    PersonErased,
    RecipientsChanged,
)
from services.screening.domain.gates import GATES, undoes_clearance
from services.screening.domain.identity import NOBODY, Identity, search_key
from services.screening.domain.lifecycle import BEFORE_BOARDING, NOT_OFFERED, TRANSITIONS
from services.screening.domain.records import (
    Assessment,
    BestInterests,
    Correction,
    Declaration,
    ErasureRequest,
    Examination,
    Hold,
    Refusal,
    Suspicion,
    Withdrawal,
)
from services.screening.domain.vocabulary import (
    Action,
    AgeGroup,
    Escort,
    Gate,
    GivenBy,
    HouseholdRole,
    Likeness,
    PlaceKind,
    Status,
)


@dataclass
class Case:
    """One person's return, from registration to clearance."""

    id: UUID
    #: Whose case it is: the same for all cases of one person, however often the person returns.
    person_id: UUID
    reference: str
    office: str
    place_kind: PlaceKind
    registered_at: datetime
    registered_by: str
    identity: Identity = NOBODY
    place: str = ""
    list_reference: str | None = None
    household_id: UUID | None = None
    role: HouseholdRole | None = None
    #: A parent of this child is in the household.
    accompanied: bool = False
    status: Status = Status.OPEN
    declarations: list[Declaration] = field(default_factory=list)
    consent_changes: list[ConsentChange] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    assessment: Assessment | None = None
    best_interests: BestInterests | None = None
    holds: list[Hold] = field(default_factory=list)
    examinations: list[Examination] = field(default_factory=list)
    suspicions: list[Suspicion] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    #: Whose case it was before it was found to be somebody else's: backups are sealed for them.
    former_persons: list[UUID] = field(default_factory=list)
    #: The households that the person has left; why stands there.
    left: list[UUID] = field(default_factory=list)
    refusal: Refusal | None = None
    merged_into: UUID | None = None
    #: As travel tells: consent can't be withdrawn here any more.
    boarded: bool = False
    #: Since when nothing is done for the person any more: withdrawn, declined, merged, or closed by monitoring.
    ended_on: date | None = None
    erasure: ErasureRequest | None = None
    erased_on: date | None = None
    #: As travel tells: has a seat or has flown, so that the country of origin's offices have to do with the case.
    travelling: bool = False

    def registered(self) -> CaseRegistered:
        """The event of its registration."""
        on = self.registered_at.date()
        return CaseRegistered(
            case_id=self.id,
            person_id=self.person_id,
            household_id=self.household_id,
            reference=self.reference,
            office=self.office,
            nationality=self.identity.nationality,
            age_group=self.identity.age_group(on),
            registered_on=on,
        )

    def correct(self, identity: Identity, reason: str, *, at: datetime, by: str) -> list[CaseEvent]:
        """Hold the person to be somebody else from now on, and remember who it was before."""
        if identity == self.identity:
            raise rules.NothingCorrected
        self._advance(Action.CORRECT)
        cared_for = self.needs_care(at.date())
        self.corrections.append(Correction(self.identity, reason, at, by))
        self.identity = identity
        assessed = self._assessed(at.date()) if cared_for != self.needs_care(at.date()) else []
        return self._then(at, IdentityCorrected(self.id, *self._told()), *assessed)

    def _told(self) -> tuple[str, AgeGroup]:
        """What others know of the identity."""
        return self.identity.nationality, self.identity.age_group(self.registered_at.date())

    def search_keys(self) -> set[str]:
        """The keys under which it is searched: each word of the name, its reference, its list's reference."""
        references = (self.reference, self.list_reference)
        return self.identity.search_keys() | {search_key(each) for each in references if each}

    @property
    def consents(self) -> bool:
        """Whether a declaration stands."""
        return bool(self.declarations) and self.status in (Status.OPEN, Status.CLEARED)

    @property
    def recipients(self) -> list[Recipient]:
        """To whom data may be transferred now."""
        if not self.consents:
            return []
        given = dict.fromkeys(self.declarations[-1].recipients, True)
        own = (each for each in self.consent_changes if each.declaration == len(self.declarations))
        given |= {each.recipient: each.given for each in own}
        return [each for each in Recipient if given.get(each)]

    def given_at(self, recipient: Recipient) -> datetime:
        """When consent to one of the recipients was given last."""
        given = [each.at for each in self.consent_changes if each.recipient is recipient and each.given]
        return max([self.declarations[-1].at, *given])

    @property
    def open_holds(self) -> list[Hold]:
        """Holds that were not lifted."""
        return [hold for hold in self.holds if hold.lifted_at is None]

    @property
    def open_suspicions(self) -> list[Suspicion]:
        """Suspected duplicates about which nobody has decided."""
        return [suspicion for suspicion in self.suspicions if suspicion.open]

    @property
    def like_elders(self) -> list[Suspicion]:
        """Open suspicions of cases that were there before this one: every pair has one side in such a list."""
        return [suspicion for suspicion in self.open_suspicions if suspicion.of_elder]

    @property
    def examination(self) -> Examination | None:
        """The last fit-to-travel result."""
        return self.examinations[-1] if self.examinations else None

    def needs_care(self, on: date) -> bool:
        """Whether this is a child without a parent, whose return needs best interests, a receiver and an escort."""
        return self.identity.is_child(on) and not self.accompanied

    def escort(self, on: date) -> Escort:
        """Who must travel with the person, as the assessment says; never nobody for an unaccompanied child."""
        assessed = self.assessment.escort if self.assessment else Escort.NONE
        return Escort.OPERATIONAL if assessed is Escort.NONE and self.needs_care(on) else assessed

    def missing(self, at: datetime) -> tuple[Gate, ...]:
        """The gates that are not met at that moment."""
        return tuple(gate for gate, met in GATES.items() if not met(self, at))

    def possible(self, at: datetime) -> list[Action]:
        """What an officer may do next."""
        possible = [action for action in TRANSITIONS[self.status] if action not in NOT_OFFERED]
        if self.boarded:
            possible = [action for action in possible if action not in BEFORE_BOARDING]
        return [action for action in possible if action is not Action.CLEAR or not self.missing(at)]

    def declare(self, declaration: Declaration) -> list[CaseEvent]:
        """Take the voluntary declaration and the consent to the use of data."""
        if not declaration.alternatives_explained:
            raise rules.AlternativesNotExplained
        if not declaration.data_consent:
            raise rules.DataConsentMissing
        if not declaration.witness.strip() or not declaration.language.strip():
            raise rules.WitnessMissing
        if declaration.given_by is GivenBy.SELF and self.identity.is_child(declaration.at.date()):
            raise rules.GuardianMissing
        if declaration.given_by is not GivenBy.SELF and not (declaration.proxy_reason or "").strip():
            raise rules.ProxyWithoutReason
        self._advance(Action.DECLARE)
        self.declarations.append(declaration)
        self.ended_on = None
        return [DeclarationSigned(self.id, declaration.at.date(), tuple(self.recipients))]

    def change_consent(self, recipient: Recipient, given: bool, reason: str, at: datetime, by: str) -> list[CaseEvent]:
        """Give or take back consent to one recipient; without some nobody can travel."""
        if not self.consents:
            raise rules.NotDeclared
        if not given and recipient in NEEDED:
            raise rules.NeededToTravel
        self.consent_changes.append(ConsentChange(recipient, given, reason, len(self.declarations), at, by))
        return [RecipientsChanged(self.id, tuple(self.recipients))]

    def withdraw(self, withdrawal: Withdrawal) -> list[CaseEvent]:
        """End consent: at once, with no condition but that the person isn't on board yet."""
        if self.boarded:
            raise rules.WithdrawalTooLate
        return self._withdraw(withdrawal)

    def hear_withdrawal(self, withdrawal: Withdrawal) -> list[CaseEvent]:
        """Travel has released everything after a withdrawal: here before, or at the airport desk just now."""
        if self.hear_answer(withdrawal.on):
            return []
        withdrawal.answered = True
        return self._withdraw(withdrawal) if Action.WITHDRAW in TRANSITIONS[self.status] else []

    def hear_answer(self, on: date) -> bool:
        """Travel answers each withdrawal that was made here once; whether this answers one."""
        waiting = next((own for own in self.withdrawals if own.on <= on and not own.answered), None)
        if waiting is not None:
            waiting.answered = True
        return waiting is not None

    def _withdraw(self, withdrawal: Withdrawal) -> list[CaseEvent]:
        cleared = self.status is Status.CLEARED
        self._advance(Action.WITHDRAW)
        self.withdrawals.append(withdrawal)
        self.ended_on = withdrawal.on
        withdrawn = ConsentWithdrawn(self.id, withdrawal.on)
        return [withdrawn, ClearanceRevoked(self.id, (Gate.CONSENT,))] if cleared else [withdrawn]

    def assess(self, assessment: Assessment, *, unaccompanied: bool) -> list[CaseEvent]:
        """Record the vulnerability screening's result."""
        if unaccompanied and not self.identity.is_child(assessment.at.date()):
            raise rules.NotAChild
        if unaccompanied and self.accompanied:
            raise rules.TravelsWithParent
        self._advance(Action.ASSESS)
        self.assessment = assessment
        return self._then(assessment.at, *self._assessed(assessment.at.date()))

    def accompany(self, accompanied: bool, at: datetime) -> list[CaseEvent]:
        """A parent has come into the household or left it."""
        if accompanied == self.accompanied:
            return []
        before = self.needs_care(at.date())
        self.accompanied = accompanied
        changed = before != self.needs_care(at.date())
        return self._then(at, *self._assessed(at.date())) if changed else []

    def _assessed(self, on: date) -> list[CaseEvent]:
        if self.assessment is None:
            return []
        needs = self.assessment.assistance
        escorted = self.escort(on) is not Escort.NONE
        return [CaseAssessed(self.id, self.assessment.band, needs, escorted, self.needs_care(on))]

    def place_hold(self, hold: Hold) -> list[CaseEvent]:
        """Stop the case until the hold is lifted."""
        self._advance(Action.PLACE_HOLD)
        self.holds.append(hold)
        return self._then(hold.placed_at, HoldPlaced(self.id, hold.id))

    def lift_hold(self, hold_id: UUID, *, outcome: str, at: datetime, by: str) -> list[CaseEvent]:
        """End a hold with its outcome."""
        hold = next((hold for hold in self.open_holds if hold.id == hold_id), None)
        if hold is None:
            raise rules.HoldNotOpen
        self._advance(Action.LIFT_HOLD)
        hold.lifted_at, hold.lifted_by, hold.outcome = at, by, outcome
        return [HoldLifted(self.id, hold.id)]

    def decide_best_interests(self, decision: BestInterests, at: datetime) -> list[CaseEvent]:
        """Record how a child's best-interests procedure ended."""
        if not self.identity.is_child(at.date()):
            raise rules.NotAChild
        if decision.decided_on > at.date():
            raise rules.DecisionInFuture
        self._advance(Action.DECIDE_BEST_INTERESTS)
        self.best_interests = decision
        return self._then(at, CareArranged(self.id, decision.arranged))

    def examine(self, examination: Examination) -> list[CaseEvent]:
        """Record a fit-to-travel result; it replaces the one before."""
        self._advance(Action.EXAMINE)
        self.examinations.append(examination)
        recorded = FitnessRecorded(
            case_id=self.id,
            fit=examination.fit,
            valid_from=examination.valid_from,
            valid_until=examination.valid_until,
            assistance=examination.assistance,
            escort_required=examination.escort is not Escort.NONE,
        )
        return self._then(examination.valid_from, recorded)

    def clear(self, at: datetime) -> list[CaseEvent]:
        """Declare all gates of screening met."""
        if self.status is Status.OPEN and (missing := self.missing(at)):
            raise rules.GatesMissing(missing)
        self._advance(Action.CLEAR)
        return [CaseCleared(self.id, at.date())]

    def decline(self, refusal: Refusal) -> list[CaseEvent]:
        """End the case: the programme can't return this person."""
        self._advance(Action.DECLINE)
        self.refusal, self.ended_on = refusal, refusal.at.date()
        return [CaseDeclined(self.id, refusal.at.date())]

    def close(self, on: date) -> None:
        """Monitoring has closed the case: the journey is over."""
        self.ended_on = self.ended_on or on

    def request_erasure(self, request: ErasureRequest) -> None:
        """Ask for the erasure of what is held of the person."""
        self.check_ended()
        if self.erasure is not None:
            raise rules.ErasureWaits
        self.erasure = request

    def approve_erasure(self, *, by: str) -> None:
        """Agree, as somebody else than who has asked."""
        if self.erasure is None or self.erasure.by == by:
            raise rules.SameEyes if self.erasure else rules.ErasureNotRequested

    def erase(self, on: date) -> list[CaseEvent]:
        """Destroy what is personal; that there was a case, and where it stood, remains."""
        if self.status is Status.ERASED:
            return []
        self._advance(Action.ERASE)
        self.identity, self.place, self.list_reference, self.corrections = NOBODY, "", None, []
        self.assessment = self.best_interests = self.refusal = self.erasure = None
        for name in ("declarations", "consent_changes", "withdrawals", "holds", "examinations", "suspicions"):
            getattr(self, name).clear()
        self.erased_on = on
        return [PersonErased(self.id, on)]

    def check_ended(self) -> None:
        """Refuse to erase whom something is still done for."""
        if self.ended_on is None:
            raise rules.CaseUnderWay

    def correct_boarding(self, boarded: bool, at: datetime) -> list[CaseEvent]:
        """Travel had it wrong: what could not stop a person on board stops one who is not."""
        self.boarded = boarded
        return self._then(at)

    def suspect(
        self, other: UUID, likeness: Iterable[Likeness], at: datetime, *, of_elder: bool = True
    ) -> list[CaseEvent]:
        """Note that this may be the person of another case: a person has to decide."""
        self.suspicions.append(Suspicion(other, sorted(likeness), at, of_elder))
        return self._then(at, DuplicateSuspected(self.id, other))

    def merge_into(self, other: UUID, on: date) -> list[CaseEvent]:
        """End as a duplicate."""
        self._advance(Action.MERGE)
        self.merged_into, self.ended_on = other, on
        return [CaseMerged(self.id, other)]

    def _advance(self, action: Action) -> None:
        if self.boarded and action in BEFORE_BOARDING:
            raise rules.HasBoarded
        if action not in TRANSITIONS[self.status]:
            raise rules.NotPossibleNow(action, self.status)
        self.status = TRANSITIONS[self.status][action]

    def _then(self, at: datetime, *events: CaseEvent) -> list[CaseEvent]:
        """The events, and the clearance revoked if one of its gates fell by them."""
        fallen = tuple(gate for gate in self.missing(at) if undoes_clearance(self, gate))
        if self.status is not Status.CLEARED or not fallen:
            return list(events)
        self._advance(Action.REVOKE)
        return [*events, ClearanceRevoked(self.id, fallen)]
