"""A type and those that it replaced: services know the newest alone, agencies the first."""

from collections.abc import Iterator
from typing import TypeVar

from shared.contracts.envelope import Contract

C = TypeVar("C", bound=Contract)


def lineage(contract: type[Contract]) -> Iterator[type[Contract]]:
    """The type, the one that it replaces, and so on to the first."""
    older: type[Contract] | None = contract
    while older:
        yield older
        older = older.replaces


def first(contract: type[Contract]) -> type[Contract]:
    """The type as it was published at first."""
    *_, found = lineage(contract)
    return found


def newest(contract: type[Contract]) -> type[Contract]:
    """The type that has taken this one's place; itself when none has."""
    while contract.replaced_by:
        contract = contract.replaced_by
    return contract


def upcast(data: Contract, wanted: type[C]) -> C:
    """The data as a newer type tells them. Raises TypeError when that one isn't newer."""
    while not isinstance(data, wanted):
        if data.replaced_by is None:
            raise TypeError(f"{type(data).type} never becomes {wanted.type}")
        data = data.replaced_by.upcast(data)
    return data


def downcast(data: Contract) -> Contract:
    """The data as the first type told them."""
    while data.replaces:
        data = data.downcast()
    return data
