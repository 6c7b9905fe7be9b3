"""A household is one travel unit: it goes together or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.screening.domain import rules
from services.screening.domain.case import Case
from services.screening.domain.events import CaseEvent, HouseholdChanged
from services.screening.domain.vocabulary import HouseholdRole

#: Who is a parent to the household's children.
PARENTS = (HouseholdRole.HEAD, HouseholdRole.SPOUSE)


@dataclass(frozen=True)
class Split:
    """Members who left the unit by their own decision."""

    case_ids: list[UUID]
    reason: str
    at: datetime
    by: str


@dataclass
class Household:
    """People who travel together."""

    id: UUID
    office: str
    members: list[UUID] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)

    def changed(self) -> HouseholdChanged:
        """The event that tells who belongs to it."""
        return HouseholdChanged(self.id, tuple(self.members))

    def join(self, cases: Iterable[Case]) -> None:
        """Take these people in."""
        for case in cases:
            case.household_id = self.id
            self.members.append(case.id)

    def split(self, leaving: list[UUID], *, reason: str, at: datetime, by: str) -> None:
        """Let members go who decide otherwise than the rest."""
        if not set(leaving) <= set(self.members):
            raise rules.NotInHousehold
        if not leaving or set(leaving) == set(self.members):
            raise rules.HouseholdWouldBeEmpty
        self.members = [member for member in self.members if member not in leaving]
        self.splits.append(Split(leaving, reason, at, by))

    def forget(self, case_id: UUID) -> None:
        """One of them was erased: why who left is not told any more."""
        self.splits = [replace(each, reason="") if case_id in each.case_ids else each for each in self.splits]

    def replace(self, ended: Case, kept: Case) -> None:
        """A member's case was merged: the one that goes on takes its place, unless it has a household of its own."""
        self.members.remove(ended.id)
        if kept.household_id is None:
            kept.role = ended.role
            self.join([kept])


def accompany(members: Iterable[Case], at: datetime) -> list[CaseEvent]:
    """See for each member whether it is a child with a parent among them."""
    unit = list(members)
    parents = any(case.role in PARENTS and not case.identity.is_child(at.date()) for case in unit)
    return [event for case in unit for event in case.accompany(parents and case.role is HouseholdRole.CHILD, at)]
