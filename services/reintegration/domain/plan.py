"""A plan: what a person is given in kind, line by line, from which supplier, and what each line cost in the end."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.reintegration.domain.rules import (
    AboveBudget,
    LineAlreadyDelivered,
    LineNotDelivered,
    NoSuchLine,
    PlanWithoutLines,
    ProofMissing,
)


class PlanState(StrEnum):
    """Where a plan stands."""

    #: Waits for approval.
    SUBMITTED = "submitted"
    #: Is being delivered.
    APPROVED = "approved"
    #: Was not approved.
    REJECTED = "rejected"
    #: Every line was delivered.
    DELIVERED = "delivered"
    #: Ended before every line was delivered.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line as it is proposed."""

    kind: str
    description: str
    supplier: str
    amount: int


@dataclass(frozen=True)
class Delivery:
    """A hand-over, against proof."""

    amount: int
    proof_reference: str
    on: date
    by: str


@dataclass(frozen=True)
class Correction:
    """A delivery that was recorded and did not take place."""

    delivery: Delivery
    reason: str
    on: date
    by: str


@dataclass
class Line:
    """One line of a plan."""

    kind: str
    description: str
    supplier: str
    #: What was proposed for it.
    budget: int
    #: What the fund holds for it: the budget at first, and in the end what it cost.
    held: int
    delivery: Delivery | None = None
    corrections: list[Correction] = field(default_factory=list)

    @property
    def spent(self) -> int:
        """What was delivered."""
        return self.delivery.amount if self.delivery else 0

    def check_delivery(self, delivery: Delivery) -> None:
        """Refuse what can't be delivered on this line."""
        if self.delivery:
            raise LineAlreadyDelivered()
        if not delivery.proof_reference.strip():
            raise ProofMissing()
        if not 0 < delivery.amount <= self.held:
            raise AboveBudget(held=self.held, wanted=delivery.amount)

    def correct(self, reason: str, *, by: str, on: date) -> int:
        """Undo the delivery; what had been paid for it."""
        if not self.delivery:
            raise LineNotDelivered()
        amount = self.delivery.amount
        self.corrections.append(Correction(self.delivery, reason, on, by))
        self.delivery = None
        return amount


@dataclass
class Plan:
    """The lines, the fund that pays for them, and who decided."""

    fund_id: UUID
    currency: str
    lines: list[Line]
    submitted_by: str
    submitted_on: date
    state: PlanState = PlanState.SUBMITTED
    decided_by: str | None = None
    decided_on: date | None = None
    #: Why it was rejected.
    reason: str | None = None

    @classmethod
    def of(cls, fund_id: UUID, currency: str, wanted: list[Wanted], *, by: str, on: date) -> "Plan":
        """A plan to be submitted."""
        if not wanted or any(each.amount <= 0 for each in wanted):
            raise PlanWithoutLines()
        lines = [Line(each.kind, each.description, each.supplier, each.amount, each.amount) for each in wanted]
        return cls(fund_id, currency, lines, by, on)

    @property
    def held(self) -> int:
        """What the fund holds for it, spent or not."""
        return sum(line.held for line in self.lines)

    @property
    def spent(self) -> int:
        """What was delivered."""
        return sum(line.spent for line in self.lines)

    def line(self, number: int) -> Line:
        """The line with this number, from 1."""
        if not 1 <= number <= len(self.lines):
            raise NoSuchLine(f"The plan has lines 1 to {len(self.lines)}.", lines=len(self.lines))
        return self.lines[number - 1]

    def outstanding(self) -> list[int]:
        """The numbers of the lines that are not delivered."""
        return [number for number, line in enumerate(self.lines, 1) if line.delivery is None]

    def let_go(self) -> int:
        """Hold no more than what was spent; what that frees."""
        freed = self.held - self.spent
        for line in self.lines:
            line.held = line.spent
        return freed
