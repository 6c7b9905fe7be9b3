"""Which numbers are told: none of fewer than five people, and none from which such a one could be worked out.

Four rules, so simple that it can be tried out for all small numbers that they hold:

- A number below five is not told, zero neither: what is hidden may be nobody, so that hiding tells of nobody.
- Of a whole all parts are told, or none: those of twelve and older and those under twelve of all; children and infants
  of those under twelve. So nothing is left over when told parts are taken from their whole.
- A number that is within four of one that was told before of the same month is told as that one, with its parts as
  they were: any two editions of a number differ by nothing or by five at least.
- Parts are told anew when each differs by five at least from all that was told of it before.

Which is hidden never depends on how the hidden numbers compare with each other: whatever is told, each hidden number
may be any from zero to four.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.partners.domain.vocabulary import AgeGroup

#: The smallest number of people that is told of; no agreement lowers it.
SMALLEST = 5


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one measure in one month; None is hidden."""

    all: int | None = None
    adults: int | None = None
    under_twelve: int | None = None
    children: int | None = None
    infants: int | None = None


def told(counts: Mapping[AgeGroup, int], before: Sequence[Told] = ()) -> Told:
    """What is told of these counts. ``before``: what was told of them before, the oldest first."""
    adults, children, infants = (counts.get(each, 0) for each in (AgeGroup.ADULT, AgeGroup.CHILD, AgeGroup.INFANT))
    under_twelve = children + infants
    everybody = adults + under_twelve
    if everybody < SMALLEST:
        return Told()
    for each in reversed(before):
        if each.all is not None and abs(each.all - everybody) < SMALLEST:
            return each
    if not _tellable((adults, under_twelve), ((each.adults, each.under_twelve) for each in before)):
        return Told(everybody)
    if not _tellable((children, infants), ((each.children, each.infants) for each in before)):
        return Told(everybody, adults, under_twelve)
    return Told(everybody, adults, under_twelve, children, infants)


def _tellable(parts: Sequence[int], before: Iterable[Sequence[int | None]]) -> bool:
    """Whether none of them is small, and none differs by little from what was told of it."""
    earlier = [told for told in before if None not in told]
    return all(
        part >= SMALLEST and all(abs(part - (told[place] or 0)) >= SMALLEST for told in earlier)
        for place, part in enumerate(parts)
    )
