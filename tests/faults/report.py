"""What a run has shown, and whether enough has happened in it for that to mean anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.faults.checker import Delivery, total
from tests.faults.schedule import WHOLE

#: What must have happened for each second under fault, at the least: a fifth of what two busy cores manage.
FLOORS: Mapping[str, float] = {"cases": 0.1, "acknowledged commands": 1.5, "deliveries": 6.0}


@dataclass
class Report:
    """What a run has shown."""

    length: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    not_done: list[str] = field(default_factory=list)
    commands: dict[str, int] = field(default_factory=dict)
    #: Commands whose outcome was found out only when everything was healed.
    resolved: int = 0
    deliveries: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    #: Dead letters of spoilt cases, and what waited behind them.
    held_up: int = 0
    behind: int = 0
    counted: dict[str, dict[str, int]] = field(default_factory=dict)
    cases: int = 0
    deaths: int = 0
    seconds_to_rest: float = 0.0
    #: Why the run has failed.
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> Delivery:
        """All deliveries together."""
        return total(self.deliveries.values())

    def empty(self) -> Iterator[str]:
        """What has not happened although the run was made for it: without it, nothing wrong means nothing."""
        yield from (f"a fault that was not done: {each}" for each in self.not_done)
        if self.held_up and not self.behind and self.length >= WHOLE:
            yield "nothing has waited behind a dead letter"
        if not self.faults:
            yield "no fault was done at all"
        reached = (self.cases, self.commands.get("acknowledged", 0), self.total.handled)
        for (what, floor), number in zip(FLOORS.items(), reached, strict=True):
            if number < floor * self.length:
                yield f"only {number} {what} in {self.length:.0f} s, of {floor * self.length:.0f} at the least"
        if unknown := self.commands.get("unknown", 0):
            yield f"the outcome of {unknown} commands is unknown although everything is healed"
