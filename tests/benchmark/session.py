"""What every group of measurements has at hand."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.benchmark.consuming import Figures, Tell
from tests.benchmark.lab import Lab

T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """The servers, how thorough to be, whom to tell how it goes, and what the groups before have found."""

    lab: Lab
    quick: bool
    tell: Tell
    figures: Mapping[str, Figures]

    def choose(self, quick: T, full: T) -> T:
        """The one or the other."""
        return quick if self.quick else full

    @property
    def capacity(self) -> float:
        """Events that one process of travel handles in a second, as the first group has found it."""
        return float(self.figures.get("exactly_once", {}).get("events_per_second", 3000))


Measure = Callable[[Session], Coroutine[Any, Any, Figures]]
