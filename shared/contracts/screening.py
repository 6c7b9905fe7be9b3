"""What screening publishes. Subject: the case's id, but for ``household-changed``, whose subject is the household's."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup, AssistanceCode, Gate, Recipient, VulnerabilityBand

SOURCE = "/homeward/screening"


class CaseRegistered(Contract, type="org.homeward.screening.registered.v1"):
    """A person has asked to return and has a case."""

    person_id: UUID
    household_id: UUID | None
    reference: str
    office: str
    country_of_origin: str
    age_group: AgeGroup
    registered_on: date


class HouseholdChanged(Contract, type="org.homeward.screening.household-changed.v1"):
    """These cases, and no others, are one travel unit from now on."""

    case_ids: list[UUID]


class DuplicateSuspected(Contract, type="org.homeward.screening.duplicate-suspected.v1"):
    """The case may be of a person who has another case; clearance waits until a person has decided."""

    other_case_id: UUID


class DuplicateDecided(Contract, type="org.homeward.screening.duplicate-decided.v1"):
    """A person has decided about a suspected duplicate; ``person_id`` is whose case this is from now on."""

    other_case_id: UUID
    same_person: bool
    person_id: UUID


class CaseMerged(Contract, type="org.homeward.screening.merged.v1"):
    """The case was a duplicate and has ended; the person goes on under ``into_case_id``."""

    into_case_id: UUID


class CaseAssessed(Contract, type="org.homeward.screening.assessed.v1"):
    """The vulnerability screening's result: its band, and what the journey must provide."""

    band: VulnerabilityBand
    assistance: list[AssistanceCode]
    escort_required: bool
    care_required: bool


class CareArranged(Contract, type="org.homeward.screening.care-arranged.v1"):
    """Whether the arrangements that the care gate asks for are in place."""

    arranged: bool


class DeclarationSigned(Contract, type="org.homeward.screening.declaration-signed.v1"):
    """Voluntary return was declared and the use of data consented to."""

    signed_on: date
    #: To whom data may be transferred; none in what was published before it was told.
    recipients: list[Recipient] = Field(default_factory=list)


class RecipientsChanged(Contract, type="org.homeward.screening.recipients-changed.v1"):
    """Consent to a transfer was given or taken back: from now on data may go to these and to nobody else."""

    recipients: list[Recipient]


class ConsentWithdrawn(Contract, type="org.homeward.screening.consent-withdrawn.v1"):
    """The person no longer wants to return."""

    withdrawn_on: date


class HoldPlaced(Contract, type="org.homeward.screening.hold-placed.v1"):
    """The case must not move until the hold is lifted."""

    hold_id: UUID


class HoldLifted(Contract, type="org.homeward.screening.hold-lifted.v1"):
    """A hold has ended."""

    hold_id: UUID


class FitnessRecorded(Contract, type="org.homeward.screening.fitness-recorded.v1"):
    """The result of a fit-to-travel examination and the time it holds."""

    fit: bool
    valid_from: datetime
    valid_until: datetime
    assistance: list[AssistanceCode]
    escort_required: bool


class CaseCleared(Contract, type="org.homeward.screening.cleared.v1"):
    """All gates of screening are met."""

    cleared_on: date


class ClearanceRevoked(Contract, type="org.homeward.screening.clearance-revoked.v1"):
    """The clearance no longer stands; ``missing`` are the gates that fell."""

    missing: list[Gate]


class CaseDeclined(Contract, type="org.homeward.screening.declined.v1"):
    """The programme can't return this person."""

    declined_on: date


class IdentityCorrected(Contract, type="org.homeward.screening.identity-corrected.v1"):
    """Who the person is was recorded wrongly: who holds a name asks for it anew, and the rest is this from now on."""

    country_of_origin: str
    age_group: AgeGroup


class PersonErased(Contract, type="org.homeward.screening.erased.v1"):
    """What was held of the person is destroyed: whoever holds anything of the person by this case destroys it too."""

    erased_on: date
