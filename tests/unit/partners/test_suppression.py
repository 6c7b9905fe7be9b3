"""Of few people no number is told, and none can be worked out from those that are, nor from how they change."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as some

from services.partners.domain.suppression import SMALLEST, Told, told
from services.partners.domain.vocabulary import AgeGroup

Counts = dict[AgeGroup, int]

_COUNTS = some.fixed_dictionaries({each: some.integers(0, 40) for each in AgeGroup})
#: A month's counts, edition after edition; they mostly change by little.
_CHANGES = some.lists(some.fixed_dictionaries({each: some.integers(-7, 7) for each in AgeGroup}), max_size=6)
#: Every count of up to so many in each age group.
_FEW = [dict(zip(AgeGroup, each, strict=True)) for each in product(range(13), repeat=3)]


def parts(counts: Counts) -> tuple[int, ...]:
    """What a full telling of the counts would say."""
    adults, children, infants = (counts[each] for each in AgeGroup)
    return adults + children + infants, adults, children + infants, children, infants


def editions(counts: Counts, changes: Iterable[Counts]) -> tuple[list[Counts], list[Told]]:
    """The counts as they became, and what was told of them."""
    seen, all_told = [counts], [told(counts)]
    for change in changes:
        counts = {each: max(0, counts[each] + change[each]) for each in AgeGroup}
        seen.append(counts)
        all_told.append(told(counts, all_told))
    return seen, all_told


@given(_COUNTS, _CHANGES)
def test_no_number_below_five_is_told_and_zero_neither(counts: Counts, changes: list[Counts]) -> None:
    for each in editions(counts, changes)[1]:
        assert all(number is None or number >= SMALLEST for number in astuple(each))


@given(_COUNTS)
def test_what_is_told_at_first_is_so(counts: Counts) -> None:
    pairs = zip(astuple(told(counts)), parts(counts), strict=True)
    assert all(number is None or number == true for number, true in pairs)


@given(_COUNTS, _CHANGES)
def test_whatever_is_told_is_within_four_of_the_whole_that_is_so(counts: Counts, changes: list[Counts]) -> None:
    for true, each in zip(*editions(counts, changes), strict=True):
        everybody = parts(true)[0]
        assert (each.all is None) == (everybody < SMALLEST)
        assert each.all is None or abs(each.all - everybody) < SMALLEST


@given(_COUNTS, _CHANGES)
def test_of_a_whole_all_parts_are_told_or_none_and_they_make_up_the_whole(
    counts: Counts, changes: list[Counts]
) -> None:
    for each in editions(counts, changes)[1]:
        for whole, first, second in (
            (each.all, each.adults, each.under_twelve),
            (each.under_twelve, each.children, each.infants),
        ):
            assert (first is None) == (second is None)
            assert first is None or second is None or first + second == whole


@given(_COUNTS, _CHANGES)
def test_two_editions_of_a_number_differ_by_nothing_or_by_five_at_least(counts: Counts, changes: list[Counts]) -> None:
    for one, other in combinations(editions(counts, changes)[1], 2):
        if one == other:
            continue
        for before, after in zip(astuple(one), astuple(other), strict=True):
            assert before is None or after is None or abs(before - after) >= SMALLEST


@given(_COUNTS, _CHANGES)
def test_what_has_not_changed_is_told_as_it_was(counts: Counts, changes: list[Counts]) -> None:
    seen, all_told = editions(counts, changes)
    assert told(seen[-1], all_told) == all_told[-1]


def test_every_hidden_number_may_be_any_from_zero_to_four() -> None:
    hides_all([])


@given(_COUNTS.filter(lambda each: sum(each.values()) < 30), _CHANGES)
def test_so_it_may_after_any_editions(counts: Counts, changes: list[Counts]) -> None:
    hides_all(editions(counts, changes)[1])


def hides_all(before: Sequence[Told]) -> None:
    """Whoever knows these rules and all editions, and sees one more, can't narrow down what is hidden in it.

    Looks at all counts that lead to the same telling: each hidden number is each of the small ones in one of them.
    """
    leading: dict[Told, list[tuple[int, ...]]] = defaultdict(list)
    for counts in _FEW:
        leading[told(counts, before)].append(parts(counts))
    for each, possible in leading.items():
        if each in before or (each.all or 0) > _WITHIN:
            # What is told as before tells of no new counts; and of larger ones not all are among those looked at.
            continue
        for place, number in enumerate(astuple(each)):
            if number is None:
                assert {numbers[place] for numbers in possible} >= set(range(SMALLEST)), (each, place)


#: Up to so many in all, every way in which they may be made up is looked at.
_WITHIN = 12
