"""Walking along chains of hashes that lie one after the other, page by page: a log's subjects, an audit's offices."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

F = TypeVar("F")

#: For a look at entries and heads of the same moment: both are written while it is taken.
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def faults(
    found: Sequence[Any],
    chain: Callable[[Any], str],
    at_a_link: Callable[[Any, Any], Iterator[F]],
    at_the_end: Callable[[Any], Iterator[F]],
    *,
    anchored: bool,
    more: bool,
) -> Iterator[F]:
    """What is wrong with these rows, in order.

    ``at_a_link`` gets a row and the one before it in its chain, ``at_the_end`` a chain's last. ``anchored``: the first
    row was verified on the page before; ``more``: the last chain may go on.
    """
    before: Any = None
    for row in found:
        if before is not None and chain(before) != chain(row):
            yield from at_the_end(before)
            before = None
        if before is not None or not anchored or row is not found[0]:
            yield from at_a_link(row, before)
        before = row
    if before is not None and not more:
        yield from at_the_end(before)
