"""The gates of one person, evaluated at a day."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import compress, product

from services.travel.domain.vocabulary import READY_GATES, Gate


@dataclass(frozen=True)
class Evaluation:
    """What is met, missing, or met today but no longer on the day ``on``."""

    on: date
    met: tuple[Gate, ...]
    missing: tuple[Gate, ...]
    lapsing: tuple[Gate, ...]
    #: Whether there was a flight: without one, ``on`` is only the day of the look.
    flight: bool

    @property
    def ready(self) -> bool:
        """Whether only the flight, its seat and the last medical check are wanting."""
        return _READY.issubset(self.met)

    @property
    def absent(self) -> tuple[Gate, ...]:
        """All that does not hold on the day: missing or lapsing."""
        return tuple(gate for gate in Gate if gate in self.missing or gate in self.lapsing)

    def says_the_same_as(self, other: "Evaluation | None") -> bool:
        """Whether an operator would read the same in both."""
        if other is None or self.flight != other.flight or (self.flight and self.on != other.on):
            return False
        return (self.met, self.missing, self.lapsing) == (other.met, other.missing, other.lapsing)


@dataclass
class Fitness:
    """The result of a fit-to-travel examination."""

    fit: bool
    valid_from: datetime
    valid_until: datetime
    escort_required: bool
    #: Whether the end of its validity was noticed.
    lapsed: bool = False

    def holds_at(self, moment: datetime) -> bool:
        """Whether the person is fit to travel at that moment, as far as was examined."""
        return self.fit and self.valid_from <= moment <= self.valid_until


# There are few different ones in a day, and every event of screening has its whole family's gates evaluated.
@lru_cache(maxsize=4096)
def evaluation(on: date, flight: bool, now: frozenset[Gate], then: frozenset[Gate]) -> Evaluation:
    """What holds ``then``, on the day ``on``; what holds ``now`` but not then is lapsing."""
    met: list[Gate] = []
    missing: list[Gate] = []
    lapsing: list[Gate] = []
    for gate in Gate:
        (met if gate in then else lapsing if gate in now else missing).append(gate)
    return Evaluation(on, tuple(met), tuple(missing), tuple(lapsing), flight)


def those_of(*gates: Gate) -> dict[tuple[bool, ...], frozenset[Gate]]:
    """Which of these gates hold, by whether each does: made once, because it is asked with every event."""
    return {each: frozenset(compress(gates, each)) for each in product((False, True), repeat=len(gates))}


_READY = frozenset(READY_GATES)
