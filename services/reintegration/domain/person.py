"""What one person receives over all of their cases."""

from dataclasses import dataclass, field
from uuid import UUID

from services.reintegration.domain.rules import CeilingExceeded


@dataclass
class Share:
    """One case's share, in minor units of the ceiling's currency."""

    #: Reserved, committed and spent.
    held: int = 0
    #: The part of it that was delivered.
    spent: int = 0


@dataclass
class Person:
    """The ledger of one person."""

    id: UUID
    shares: dict[UUID, Share] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """All that is reserved, committed or spent for the person."""
        return sum(share.held for share in self.shares.values())

    @property
    def spent(self) -> int:
        """All that was delivered to the person."""
        return sum(share.spent for share in self.shares.values())

    def check_held(self, more: int, ceiling: int) -> None:
        """Refuse what would lift all that is held above the ceiling."""
        if self.held + more > ceiling:
            raise CeilingExceeded(ceiling=ceiling, held=self.held, wanted=more)

    def check_spent(self, more: int, ceiling: int) -> None:
        """Refuse what would lift all that was delivered above the ceiling: two people may have turned out to be one."""
        if self.spent + more > ceiling:
            raise CeilingExceeded(ceiling=ceiling, spent=self.spent, wanted=more)

    def put(self, case_id: UUID, share: Share) -> None:
        """Keep a case's share."""
        if share.held:
            self.shares[case_id] = share
        else:
            self.shares.pop(case_id, None)

    def hand_over(self, case_id: UUID, other: "Person") -> None:
        """The case is another person's from now on, and its share with it."""
        share = self.shares.pop(case_id, None)
        if share:
            other.shares[case_id] = share
