"""Cases for the tests of screening's rules. Everybody is made up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.screening.domain.case import Case
from services.screening.domain.identity import Identity
from services.screening.domain.records import (
    Assessment,
    BestInterests,
    Declaration,
    Examination,
    Hold,
    Withdrawal,
)
from services.screening.domain.vocabulary import (
    Band,
    Escort,
    GivenBy,
    HoldKind,
    HouseholdRole,
    Outcome,
    PlaceKind,
    Sex,
    Verdict,
)
from shared.ids import new_id

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
ADULT, CHILD = date(1990, 5, 1), date(2012, 5, 1)


def identity(**changed: Any) -> Identity:
    """Somebody."""
    known: dict[str, Any] = {
        "given_name": "Adeel",
        "family_name": "Gill",
        "date_of_birth": ADULT,
        "sex": Sex.MALE,
        "nationality": "PK",
    }
    return Identity(**known | changed)


def case(*, born: date = ADULT, at: datetime = NOW, role: HouseholdRole | None = None, **changed: Any) -> Case:
    """A registered case."""
    id = new_id()
    known: dict[str, Any] = {
        "id": id,
        "person_id": new_id(),
        "reference": f"TRI-{id.hex[-6:]}",
        "list_reference": None,
        "office": "tripoli",
        "place": "Janzour",
        "place_kind": PlaceKind.URBAN,
        "identity": identity(date_of_birth=born),
        "registered_at": at,
        "registered_by": "officer",
        "role": role,
    }
    return Case(**known | changed)


def declaration(at: datetime = NOW, **changed: Any) -> Declaration:
    """A declaration as it should be."""
    known: dict[str, Any] = {
        "place": "Tripoli office",
        "place_kind": PlaceKind.OFFICE,
        "language": "ur",
        "interpreter": None,
        "witness": "A counsellor",
        "alternatives_explained": True,
        "data_consent": True,
        "given_by": GivenBy.SELF,
        "proxy_reason": None,
        "at": at,
        "by": "officer",
    }
    return Declaration(**known | changed)


def by_guardian(at: datetime = NOW) -> Declaration:
    """A child's declaration."""
    return declaration(at, given_by=GivenBy.GUARDIAN, proxy_reason="A child")


def withdrawal(at: datetime = NOW) -> Withdrawal:
    """Consent taken back."""
    return Withdrawal(at.date(), "Tripoli office", "Wants to stay", at, "officer")


def assessment(band: Band = Band.LOW, escort: Escort = Escort.NONE) -> Assessment:
    """A vulnerability screening's result."""
    return Assessment(band, (), escort, NOW, "officer")


def examination(outcome: Outcome = Outcome.FIT, at: datetime = NOW) -> Examination:
    """A fit-to-travel result of 72 hours."""
    return Examination(outcome, (), Escort.NONE, at, at + timedelta(hours=72), "doctor")


def hold(kind: HoldKind = HoldKind.INTERNATIONAL_PROTECTION) -> Hold:
    """A protection hold."""
    return Hold(new_id(), kind, "Referred", NOW, "protection")


def best_interests(
    verdict: Verdict = Verdict.POSITIVE, traced: bool = True, receiver: str | None = None
) -> BestInterests:
    """The end of a best-interests procedure."""
    return BestInterests(verdict, traced, receiver, NOW.date(), "protection")


def screened(one: Case, *, clear: bool = True) -> Case:
    """The case with every gate met, and cleared."""
    child = one.identity.is_child(NOW.date())
    one.declare(by_guardian() if child else declaration())
    one.assess(assessment(), unaccompanied=False)
    if one.needs_care(NOW.date()):
        one.decide_best_interests(best_interests(), NOW)
    one.examine(examination())
    if clear:
        one.clear(NOW)
    return one


def suspected(one: Case, other: Case) -> UUID:
    """The case, suspected to be of the other's person."""
    one.suspect(other.id, [], NOW)
    return other.id
