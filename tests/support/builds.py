"""A type in three versions, as three builds of a service know it, and what else a newer build records.

No service knows these: they are in the registry as long as a test uses them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Literal, Self

from shared.contracts.envelope import REGISTRY, Contract


class Cause(StrEnum):
    """Why a bag is held. An older build knows the first alone."""

    WEIGHT = "weight"
    CONTENT = "content"


class BagHeld1(Contract, type="org.homeward.screening.bag-held.v1"):
    """A bag is held."""

    kilograms: int


class BagHeld2(Contract, type="org.homeward.screening.bag-held.v2", replaces=BagHeld1):
    """The same in another unit, and why."""

    grams: int
    cause: Literal["weight"]

    @classmethod
    def upcast(cls, older: BagHeld1) -> Self:
        return cls(grams=older.kilograms * 1000, cause="weight")

    def downcast(self) -> BagHeld1:
        return BagHeld1(kilograms=self.grams // 1000)


class BagHeld(Contract, type="org.homeward.screening.bag-held.v3", replaces=BagHeld2):
    """The same with a further cause."""

    grams: int
    cause: Cause

    @classmethod
    def upcast(cls, older: BagHeld2) -> Self:
        return cls(grams=older.grams, cause=Cause(older.cause))

    def downcast(self) -> BagHeld2:
        return BagHeld2(grams=self.grams, cause="weight")


class BagReturned(Contract, type="org.homeward.screening.bag-returned.v1"):
    """A type that an older build doesn't have at all."""


_FIRST = (BagHeld1,)
_ALL = (BagHeld1, BagHeld2, BagHeld, BagReturned)
#: The types that each build knows.
OLD = frozenset(REGISTRY) - {each.type for each in _ALL} | {each.type for each in _FIRST}
NEW = OLD | {each.type for each in _ALL}
for _each in _ALL:
    del REGISTRY[_each.type]


class LongerBagHeld(Contract, type=BagHeld1.type):
    """The first version with a member that may be missing, as a newer build records it."""

    kilograms: int
    colour: str | None = None


del REGISTRY[BagHeld1.type]


@contextmanager
def registered() -> Iterator[None]:
    """The types are known."""
    REGISTRY.update({each.type: each for each in _ALL})
    try:
        yield
    finally:
        for each in _ALL:
            del REGISTRY[each.type]
