"""Work that many ask for, done in one go: what is asked while a turn is under way goes together into the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from time import monotonic
from typing import Generic, TypeVar

from shared.pacing import rest
from shared.persistence.database import is_transient

Q = TypeVar("Q")
A = TypeVar("A")

#: Questions in one turn.
_MOST = 100


class Together(Generic[Q, A]):
    """``work``: answers questions, in their order. An exception among its answers is raised where that was asked. What
    it raises is everybody's if another try can mend it; else who has asked for something else gets that.

    ``abandoned`` gets an answer for which nobody waits any more. ``fitting``: which of the questions go into the next
    turn; the first one does in any case. ``surely``: what was asked is done although whoever asked has given up.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Q]], Awaitable[Sequence[A | Exception]]],
        abandoned: Callable[[A], Awaitable[None]] | None = None,
        *,
        fitting: Callable[[list[Q]], Collection[int]] = lambda asked: range(len(asked)),
        surely: bool = False,
    ) -> None:
        self._name, self._work, self._abandoned = name, work, abandoned
        self._fitting, self._surely = fitting, surely
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._turn: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer. One who gives up takes nothing from the others."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._asked.append((question, future))
        if self._turn is None:
            self._turn = asyncio.create_task(self._run(), name=self._name)
        return await future

    async def close(self) -> None:
        """Wait until all of that is done which was asked: nobody asks any more."""
        if self._turn is not None:
            await asyncio.wait([self._turn])

    async def _run(self) -> None:
        turn: list[tuple[Q, asyncio.Future[A]]] = []
        try:
            while self._asked:
                turn = self._next()
                begun = monotonic()
                answers = await self._answers([question for question, _ in turn])
                for (_, future), answer in zip(turn, answers, strict=True):
                    await self._settle(future, answer)
                if self._asked:
                    await rest(begun, len(turn))
        finally:
            self._turn = None
            for _, future in [*turn, *self._asked]:
                future.cancel()
            self._asked.clear()

    def _next(self) -> list[tuple[Q, asyncio.Future[A]]]:
        asked = [each for each in self._asked if self._surely or not each[1].done()]
        going = set(sorted({0, *self._fitting([question for question, _ in asked])})[:_MOST])
        self._asked = [each for n, each in enumerate(asked) if n not in going]
        return [each for n, each in enumerate(asked) if n in going]

    async def _answers(self, questions: list[Q]) -> Sequence[A | Exception]:
        try:
            return await self._work(questions) if questions else []
        except Exception as error:  # noqa: BLE001  each whom it concerns hears of it
            if len(questions) == 1 or is_transient(error):
                return [error] * len(questions)
        # In halves, for it may be one of a hundred that raises, and whoever asks it asks again.
        half = len(questions) // 2
        return [*await self._answers(questions[:half]), *await self._answers(questions[half:])]

    async def _settle(self, future: "asyncio.Future[A]", answer: A | Exception) -> None:
        if isinstance(answer, Exception):
            if not future.done():
                future.set_exception(answer)
        elif not future.done():
            future.set_result(answer)
        elif self._abandoned is not None:
            await self._abandoned(answer)
