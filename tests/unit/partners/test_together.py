"""What is asked at the same time is answered in one go, and each who has asked gets an answer of their own."""

import asyncio
from dataclasses import replace

import pytest

from services.partners.feeds import MOST, Poll, fitting
from services.partners.together import Together
from shared.audit.trail import Deed
from shared.auth.principal import Principal
from shared.ids import new_id


class Clerk:
    """Doubles numbers. ``free``: nobody is answered before; ``turns``: which numbers were asked together."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.turns: list[list[int]] = []
        self.left: list[int] = []

    async def work(self, numbers: list[int]) -> list[int | Exception]:
        self.turns.append(numbers)
        await self.free.wait()
        return [ValueError(number) if number < 0 else 2 * number for number in numbers]

    async def leave(self, answer: int) -> None:
        self.left.append(answer)


async def test_what_is_asked_during_a_turn_goes_together_into_the_next() -> None:
    clerk = Clerk()
    together = Together("clerk", clerk.work)
    first = asyncio.create_task(together.ask(1))
    while not clerk.turns:
        await asyncio.sleep(0)
    rest = [asyncio.create_task(together.ask(number)) for number in (2, -3, 4)]
    await asyncio.sleep(0)
    clerk.free.set()
    found = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [each for each in found if isinstance(each, int)] == [2, 4, 8]
    assert isinstance(found[2], ValueError)
    assert clerk.turns == [[1], [2, -3, 4]]


async def test_after_a_turn_of_some_what_is_asked_during_its_rest_shares_the_next() -> None:
    clerk = Clerk()
    together = Together("clerk", clerk.work)
    some = [asyncio.create_task(together.ask(number)) for number in range(1, 5)]
    while not clerk.turns:
        await asyncio.sleep(0)
    waits = asyncio.create_task(together.ask(5))
    await asyncio.sleep(0)
    clerk.free.set()
    await asyncio.gather(*some)
    assert await together.ask(6) == 12 and await waits == 10
    assert clerk.turns == [[1, 2, 3, 4], [5, 6]]


async def test_a_question_that_cannot_be_answered_takes_the_answer_from_nobody_else() -> None:
    turns: list[list[int]] = []

    async def invert(numbers: list[int]) -> list[float]:
        turns.append(numbers)
        return [1 / number for number in numbers]

    together = Together("clerk", invert)
    found = await asyncio.gather(*(together.ask(number) for number in (1, 2, 0, 4)), return_exceptions=True)
    assert isinstance(found[2], ZeroDivisionError)
    assert [found[0], found[1], found[3]] == [1, 0.5, 0.25]
    assert turns == [[1, 2, 0, 4], [1, 2], [0, 4], [0], [4]]


async def test_what_another_try_can_mend_fails_for_each_and_the_next_turn_is_taken() -> None:
    turns: list[list[int]] = []

    async def fail(numbers: list[int]) -> list[int]:
        turns.append(numbers)
        if 0 in numbers:
            raise ConnectionResetError
        return numbers

    together = Together("clerk", fail)
    found = await asyncio.gather(together.ask(0), together.ask(1), return_exceptions=True)
    assert [type(each) for each in found] == [ConnectionResetError, ConnectionResetError]
    assert await together.ask(1) == 1
    assert turns == [[0, 1], [1]]


async def test_an_answer_for_which_nobody_waits_is_given_up() -> None:
    clerk = Clerk()
    together = Together("clerk", clerk.work, clerk.leave)
    gone, stays = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
    while not clerk.turns:
        await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    clerk.free.set()
    assert await stays == 4
    await together.close()
    assert clerk.left == [2]


async def test_what_does_not_fit_into_a_turn_goes_into_the_next() -> None:
    clerk = Clerk()
    clerk.free.set()

    def different(numbers: list[int]) -> set[int]:
        return {numbers.index(number) for number in numbers}

    together = Together("clerk", clerk.work, fitting=different)
    assert await asyncio.gather(*(together.ask(number) for number in (1, 1, 2, 1))) == [2, 2, 4, 2]
    assert clerk.turns == [[1, 2], [1], [1]]


@pytest.mark.parametrize("surely", [True, False])
async def test_what_must_be_done_is_done_although_whoever_asked_has_given_up(surely: bool) -> None:
    clerk = Clerk()
    together = Together("clerk", clerk.work, surely=surely)
    asked = [asyncio.create_task(together.ask(1))]
    while not clerk.turns:
        await asyncio.sleep(0)
    asked.append(asyncio.create_task(together.ask(2)))
    await asyncio.sleep(0)
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    clerk.free.set()
    await together.close()
    assert clerk.turns == ([[1], [2]] if surely else [[1]])


def test_a_turn_of_polls_takes_one_of_each_feed_and_no_more_events_than_it_can_hold() -> None:
    deed = Deed(Principal("agency", "Agency"), "feed", None, {})
    greedy, modest, late = (Poll(deed, new_id(), 0, limit) for limit in (MOST, 1, MOST))
    assert set(fitting([greedy, greedy, modest, late])) == {0, 2}
    assert set(fitting([modest, greedy, modest, replace(late, limit=MOST - 1), late])) == {0, 1, 3}
