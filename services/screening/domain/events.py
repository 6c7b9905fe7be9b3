"""What happens in screening. ``outgoing.py`` decides what of it leaves the service."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.screening.domain.vocabulary import AgeGroup, Band, Gate


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to one person's case."""

    case_id: UUID


@dataclass(frozen=True, slots=True)
class CaseRegistered(CaseEvent):
    person_id: UUID
    household_id: UUID | None
    reference: str
    office: str
    nationality: str
    age_group: AgeGroup
    registered_on: date


@dataclass(frozen=True, slots=True)
class DuplicateSuspected(CaseEvent):
    other_case_id: UUID


@dataclass(frozen=True, slots=True)
class DuplicateDecided(CaseEvent):
    other_case_id: UUID
    same_person: bool
    person_id: UUID


@dataclass(frozen=True, slots=True)
class CaseMerged(CaseEvent):
    into_case_id: UUID


@dataclass(frozen=True, slots=True)
class CaseAssessed(CaseEvent):
    band: Band
    assistance: tuple[str, ...]
    escort_required: bool
    care_required: bool


@dataclass(frozen=True, slots=True)
class CareArranged(CaseEvent):
    arranged: bool


@dataclass(frozen=True, slots=True)
class DeclarationSigned(CaseEvent):
    signed_on: date
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipientsChanged(CaseEvent):
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn(CaseEvent):
    withdrawn_on: date


@dataclass(frozen=True, slots=True)
class HoldPlaced(CaseEvent):
    hold_id: UUID


@dataclass(frozen=True, slots=True)
class HoldLifted(CaseEvent):
    hold_id: UUID


@dataclass(frozen=True, slots=True)
class FitnessRecorded(CaseEvent):
    fit: bool
    valid_from: datetime
    valid_until: datetime
    assistance: tuple[str, ...]
    escort_required: bool


@dataclass(frozen=True, slots=True)
class CaseCleared(CaseEvent):
    cleared_on: date


@dataclass(frozen=True, slots=True)
class ClearanceRevoked(CaseEvent):
    missing: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class CaseDeclined(CaseEvent):
    declined_on: date


@dataclass(frozen=True, slots=True)
class IdentityCorrected(CaseEvent):
    nationality: str
    age_group: AgeGroup


@dataclass(frozen=True, slots=True)
class PersonErased(CaseEvent):
    erased_on: date


@dataclass(frozen=True, slots=True)
class HouseholdChanged:
    """These cases, and no others, are one travel unit."""

    household_id: UUID
    case_ids: tuple[UUID, ...]


CaseScreeningEvent = (
    CaseRegistered
    | IdentityCorrected
    | DuplicateSuspected
    | DuplicateDecided
    | CaseMerged
    | CaseAssessed
    | CareArranged
    | DeclarationSigned
    | RecipientsChanged
    | ConsentWithdrawn
    | HoldPlaced
    | HoldLifted
    | FitnessRecorded
    | CaseCleared
    | ClearanceRevoked
    | CaseDeclined
    | PersonErased
)
ScreeningEvent = CaseScreeningEvent | HouseholdChanged
