"""What is known of cases, for those who may know it."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.screening import repository
from services.screening.api.models import IdentityBody
from services.screening.domain.case import Case
from services.screening.domain.consents import USE, Recipient
from services.screening.domain.gates import GATES
from services.screening.domain.identity import Identity, search_key
from services.screening.domain.names import words
from services.screening.domain.vocabulary import Action, Escort, Gate, Likeness, Sex, Status
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import NotFound
from shared.protection.vault import Erased
from shared.web.bodies import Body
from shared.web.commands import PersonalReading, personal

router = APIRouter(tags=["reads"])

Caring = Annotated[PersonalReading, personal(Permission.FILES_READ)]
Looking = Annotated[PersonalReading, personal(Permission.GATES_READ)]
Boarding = Annotated[PersonalReading, personal(Permission.CONSENT_READ)]
Naming = Annotated[PersonalReading, personal(Permission.IDENTITIES_READ)]
Transferring = Annotated[PersonalReading, personal(Permission.TRANSFERS_MAKE)]
Searching = Annotated[PersonalReading, personal(Permission.CASES_SEARCH)]
Deciding = Annotated[PersonalReading, personal(Permission.DUPLICATES_READ)]


#: For whom a service asks who people are: it is told of those who agree to that.
TRANSFERS = {"service:travel": Recipient.CARRIER}


class Gates(BaseModel):
    """The gates of screening at this moment."""

    met: list[Gate]
    missing: list[Gate]


class Consent(BaseModel):
    """What boarding must know."""

    consent: bool
    #: To whom data may be transferred.
    recipients: list[Recipient]
    holds: int
    checked_at: datetime


class AskForTransfer(Body):
    """Whose identity is to go to whom."""

    case_ids: Annotated[list[UUID], Field(max_length=1000)]
    recipient: Recipient


#: As many people have one name in a programme of a hundred thousand.
_MEANT = 500


class SearchForTransfer(Body):
    """Who is meant: by the name, or by the number of a paper with nationality and date of birth."""

    recipient: Recipient
    given_name: Annotated[str, Field(max_length=500)] = ""
    family_name: Annotated[str, Field(max_length=500)] = ""
    document_number: Annotated[str, Field(max_length=500)] = ""
    nationality: Annotated[str, Field(max_length=3)] = ""
    date_of_birth: date | None = None

    def words(self) -> list[str]:
        """Under what the name is found."""
        return [search_key(sound) for sound in words(f"{self.given_name} {self.family_name}")]

    def paper(self) -> str | None:
        """Under what somebody with this paper is found."""
        if not self.document_number or self.date_of_birth is None:
            return None
        somebody = Identity("", "", self.date_of_birth, Sex.OTHER, self.nationality, None, [self.document_number])
        keys = somebody.likeness_keys()
        return next((key for key, likeness in keys.items() if likeness is Likeness.DOCUMENT_AND_BIRTH), None)


class FoundForTransfer(BaseModel):
    """Who may be meant; ``more``: these are not all. ``others``: who may be meant too, and agrees to no transfer."""

    identities: dict[UUID, IdentityBody]
    others: list[UUID]
    more: bool


class AskIdentities(Body):
    """Whose identity is needed."""

    case_ids: Annotated[list[UUID], Field(max_length=1000)]


class Told(IdentityBody):
    """Who a person is, and the number by which the lists of others know the person."""

    list_reference: str | None = None


class Suspected(BaseModel):
    """Two cases that may be of one person, and what they have in common."""

    case_id: UUID
    reference: str
    other_case_id: UUID
    likeness: list[Likeness]
    raised_at: datetime


class Found(BaseModel):
    """Cases, newest first."""

    case_ids: list[UUID]


class HoldView(BaseModel):
    """A hold; why, for those who may know."""

    hold_id: UUID
    open: bool
    placed_at: datetime
    kind: str | None = None
    note: str | None = None
    outcome: str | None = None


class CorrectionView(BaseModel):
    """Who the person was held to be before."""

    former: IdentityBody
    reason: str
    at: datetime
    by: str


class CaseView(BaseModel):
    """A case with the person's identity; what was found and why, for those who may know."""

    case_id: UUID
    person_id: UUID
    household_id: UUID | None
    role: str | None
    reference: str
    list_reference: str | None
    office: str
    place: str
    place_kind: str
    registered_at: datetime
    status: Status
    merged_into: UUID | None
    boarded: bool
    identity: IdentityBody
    is_child: bool
    #: What the airline provides: from the assessment and the examination.
    assistance: list[str]
    escort_required: bool
    fit: bool | None
    fit_until: datetime | None
    gates: Gates
    holds: list[HoldView]
    #: To whom data may be transferred, and for what.
    consents: dict[Recipient, str]
    suspected_duplicates: list[UUID]
    possible: list[Action]
    #: How often it was corrected who the person is.
    corrected: int
    corrections: list[CorrectionView] | None = None
    care_required: bool | None = None
    declaration: dict[str, Any] | None = None
    assessment: dict[str, Any] | None = None
    fitness: dict[str, Any] | None = None


@router.get("/cases/{case_id}")
async def show_case(case_id: UUID, reading: Caring) -> CaseView:
    """A case with the person's identity."""
    case = await _case(reading, case_id)
    if case.erased_on is not None:
        raise Erased(f"What was held of this person was destroyed on {case.erased_on}.", erased_on=str(case.erased_on))
    now = reading.clock.now()
    kept = vars(case)
    reading.disclose([case_id], case.office)
    return CaseView(
        **{
            name: kept[name]
            for name in CaseView.model_fields.keys()
            & kept.keys() - {"identity", "holds", "assessment", "corrections", "consents"}
        },
        case_id=case.id,
        identity=IdentityBody(**vars(case.identity)),
        corrected=len(case.corrections),
        is_child=case.identity.is_child(now.date()),
        gates=_gates(case, now),
        consents={each: USE[each] for each in case.recipients},
        holds=_holds(case, reading.principal),
        suspected_duplicates=[suspicion.other_case_id for suspicion in case.open_suspicions],
        possible=case.possible(now),
        **_needs(case, now),
        **_found(case, now, reading.principal),
    )


@router.get("/cases/{case_id}/gates")
async def show_gates(case_id: UUID, reading: Looking) -> Gates:
    """What is met and what is missing."""
    case = await _case(reading, case_id)
    reading.disclose([case_id], case.office)
    return _gates(case, reading.clock.now())


@router.get("/cases/{case_id}/consent")
async def show_consent(case_id: UUID, reading: Boarding) -> Consent:
    """Whether the person consents and nothing holds the case."""
    case = await _case(reading, case_id)
    reading.disclose([case_id], case.office)
    return Consent(
        consent=case.consents, recipients=case.recipients, holds=len(case.open_holds), checked_at=reading.clock.now()
    )


@router.post("/identities")
async def show_identities(body: AskIdentities, reading: Naming) -> dict[str, dict[UUID, Told]]:
    """Who these people are."""
    cases = [case for case in await repository.cases_of(reading.connection, body.case_ids) if case.erased_on is None]
    to = TRANSFERS.get(reading.principal.id)
    if to:
        cases = [case for case in cases if to in case.recipients]
    reading.disclose_each((case.id, case.office) for case in cases)
    hidden = {} if reading.principal.may(Permission.PHONES_READ) else {"phone": None}
    # What a service transfers has no use for the list that somebody was on.
    listed = {case.id: None if to else case.list_reference for case in cases}
    return {
        "identities": {
            case.id: Told(**{**vars(case.identity), **hidden}, list_reference=listed[case.id]) for case in cases
        }
    }


@router.post("/identities/for-transfer")
async def show_for_transfer(body: AskForTransfer, reading: Transferring) -> dict[str, dict[UUID, IdentityBody]]:
    """Who these people are, of those alone who agree that data go to the recipient."""
    cases = await repository.cases_of(reading.connection, body.case_ids)
    agreeing = [case for case in cases if case.erased_on is None and body.recipient in case.recipients]
    reading.disclose_each((case.id, case.office) for case in agreeing)
    return {"identities": {case.id: IdentityBody(**vars(case.identity)) for case in agreeing}}


@router.post("/identities/for-transfer/search")
async def search_for_transfer(body: SearchForTransfer, reading: Transferring) -> FoundForTransfer:
    """Who may be meant, of those alone who agree that data go to the recipient: somebody of this name in any spelling,
    or with this paper.
    """
    found = await repository.search(reading.connection, body.words(), _MEANT + 1) if body.given_name else ()
    ids = {case_id for case_id, _ in found}
    if paper := body.paper():
        ids |= {case_id for _, case_id in await repository.known_by(reading.connection, [paper])}
    cases = await repository.cases_of(reading.connection, sorted(ids)) if ids else []
    agreeing = [case for case in cases if case.erased_on is None and body.recipient in case.recipients]
    reading.disclose_each((case.id, case.office) for case in cases)
    return FoundForTransfer(
        identities={case.id: IdentityBody(**vars(case.identity)) for case in agreeing},
        others=sorted(ids - {case.id for case in agreeing}),
        more=len(ids) > _MEANT,
    )


@router.get("/search")
async def search(
    reading: Searching,
    q: Annotated[str, Query(min_length=2, max_length=200)],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Found:
    """Cases by whole words of the name in any spelling, by reference or by a list's reference."""
    found = await repository.search(reading.connection, [search_key(q)], limit)
    if not found and (sounds := words(q)):
        found = await repository.search(reading.connection, [search_key(sound) for sound in sounds], limit)
    reading.disclose([], None)
    for case_id, office in found:
        reading.disclose([case_id], office)
    return Found(case_ids=[case_id for case_id, _ in found])


@router.get("/duplicates")
async def show_duplicates(
    reading: Deciding, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> dict[str, list[Suspected]]:
    """Suspected duplicates about which nobody has decided."""
    cases = await repository.suspected(reading.connection, limit)
    reading.disclose_each((case.id, case.office) for case in cases)
    return {
        "duplicates": [
            Suspected(case_id=case.id, reference=case.reference, **_of(suspicion))
            for case in cases
            for suspicion in case.like_elders
        ]
    }


async def _case(reading: PersonalReading, case_id: UUID) -> Case:
    found = await repository.cases_of(reading.connection, [case_id])
    if not found:
        raise NotFound(f"There is no case {case_id}.")
    return found[0]


def _of(suspicion: Any) -> dict[str, Any]:
    return {name: getattr(suspicion, name) for name in ("other_case_id", "likeness", "raised_at")}


def _gates(case: Case, at: datetime) -> Gates:
    missing = case.missing(at)
    return Gates(met=[gate for gate in GATES if gate not in missing], missing=list(missing))


def _needs(case: Case, at: datetime) -> dict[str, Any]:
    """What the journey must provide, without why: all that those who move a person need to know."""
    examined = case.examination
    said = [each for each in (case.assessment, examined) if each]
    escorts = {case.escort(at.date()), *(each.escort for each in said)}
    return {
        "assistance": sorted({code for each in said for code in each.assistance}),
        "escort_required": escorts != {Escort.NONE},
        "fit": examined.fit if examined else None,
        "fit_until": examined.valid_until if examined else None,
    }


def _found(case: Case, at: datetime, principal: Principal) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if principal.may(Permission.ASSESSMENTS_READ):
        found["corrections"] = [
            CorrectionView(**{**vars(each), "former": IdentityBody(**vars(each.former))}) for each in case.corrections
        ]
        found["care_required"] = case.needs_care(at.date())
        found["declaration"] = vars(case.declarations[-1]) if case.declarations else None
        found["assessment"] = vars(case.assessment) if case.assessment else None
    if principal.may(Permission.FITNESS_READ):
        found["fitness"] = vars(case.examination) if case.examination else None
    return found


def _holds(case: Case, principal: Principal) -> list[HoldView]:
    may_read = principal.may(Permission.HOLDS_READ)
    return [
        HoldView(
            hold_id=hold.id,
            open=hold.lifted_at is None,
            placed_at=hold.placed_at,
            **({"kind": hold.kind, "note": hold.note, "outcome": hold.outcome} if may_read else {}),
        )
        for hold in case.holds
    ]
