"""A donor's envelope: what is reserved, committed, spent and free always adds up to its amount."""

from dataclasses import dataclass
from datetime import date
from typing import Self
from uuid import UUID

from services.reintegration.domain.events import FundOpened
from services.reintegration.domain.rules import FundNotRunning, FundOverdrawn, FundPeriodBackwards, FundWithoutAmount


@dataclass
class Fund:
    """Amounts are in the currency's minor unit."""

    id: UUID
    code: str
    donor: str
    currency: str
    amount: int
    starts_on: date
    ends_on: date
    #: For plans that wait for approval.
    reserved: int = 0
    #: For approved plans, as far as it is not spent.
    committed: int = 0
    #: For what was delivered.
    spent: int = 0

    @classmethod
    def open(
        cls, id: UUID, *, code: str, donor: str, currency: str, amount: int, starts_on: date, ends_on: date
    ) -> tuple[Self, FundOpened]:
        """A new envelope."""
        if amount <= 0:
            raise FundWithoutAmount()
        if ends_on < starts_on:
            raise FundPeriodBackwards()
        return cls(id, code, donor, currency, amount, starts_on, ends_on), FundOpened(id, code, currency, amount)

    @property
    def available(self) -> int:
        """What is free."""
        return self.amount - self.reserved - self.committed - self.spent

    def reserve(self, amount: int, on: date) -> None:
        """Hold an amount for a plan that waits for approval."""
        if not self.starts_on <= on <= self.ends_on:
            raise FundNotRunning(starts_on=self.starts_on.isoformat(), ends_on=self.ends_on.isoformat())
        if amount > self.available:
            raise FundOverdrawn(available=self.available, wanted=amount)
        self._move(reserved=amount)

    def commit(self, amount: int) -> None:
        """Promise what was reserved."""
        self._move(reserved=-amount, committed=amount)

    def release_reserved(self, amount: int) -> None:
        """Free what was reserved."""
        self._move(reserved=-amount)

    def release_committed(self, amount: int) -> None:
        """Free what was promised."""
        self._move(committed=-amount)

    def spend(self, amount: int) -> None:
        """Pay from what was promised."""
        self._move(committed=-amount, spent=amount)

    def unspend(self, amount: int) -> None:
        """A payment did not take place: it is promised again."""
        self._move(committed=amount, spent=-amount)

    def _move(self, *, reserved: int = 0, committed: int = 0, spent: int = 0) -> None:
        after = (self.reserved + reserved, self.committed + committed, self.spent + spent)
        if min(*after, self.amount - sum(after)) < 0:
            raise FundOverdrawn(available=self.available)
        self.reserved, self.committed, self.spent = after
