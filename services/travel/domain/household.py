"""A household: the cases that travel together or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.travel.domain.case import Case


@dataclass
class Household:
    """A travel unit of more than one person; who belongs to it is screening's decision."""

    id: UUID
    members: list[UUID] = field(default_factory=list)
    #: When screening last stated who belongs to it.
    stated_at: datetime | None = None

    def admit(self, case_id: UUID) -> None:
        """The case belongs to this household."""
        self.members = sorted({*self.members, case_id})

    def dismiss(self, case_id: UUID) -> None:
        """The case no longer belongs to this household."""
        self.members = [member for member in self.members if member != case_id]

    def left_out(self, case_id: UUID, at: datetime) -> bool:
        """Whether a statement newer than ``at`` leaves the case out."""
        return self.stated_at is not None and self.stated_at >= at and case_id not in self.members


def restate(household: Household, stated: list[Case], members: Mapping[UUID, Case], homes: Mapping[UUID, Household],
            at: datetime) -> list[Case]:  # fmt: skip
    """Screening states who belongs to the household: the cases that joined, stayed or left.

    A statement about another household may come first although it is newer, so each case keeps when it was placed.
    """
    if household.stated_at is not None and household.stated_at > at:
        return []
    household.stated_at = at
    concerned = {case.id: case for case in stated}
    for case_id in household.members:
        if case_id not in concerned:
            household.dismiss(case_id)
            concerned[case_id] = members[case_id]
            members[case_id].belongs_to(None, at)
    for case in stated:
        if not case.stated_after(at):
            _move(case, household, homes, at)
    return list(concerned.values())


def _move(case: Case, household: Household, homes: Mapping[UUID, Household], at: datetime) -> None:
    if case.household_id and case.household_id != household.id:
        homes[case.household_id].dismiss(case.id)
    household.admit(case.id)
    case.belongs_to(household.id, at)
