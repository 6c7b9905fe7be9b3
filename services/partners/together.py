"""Work that many ask for, done in one go: what is asked while a turn is under way goes together into the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

#: Questions in one turn.
_MOST = 100


class Together(Generic[Q, A]):
    """``work``: answers questions, in their order. An exception among its answers is raised where that was asked."""

    def __init__(self, name: str, work: Callable[[list[Q]], Awaitable[Sequence[A | Exception]]]) -> None:
        self._name, self._work = name, work
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._turn: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer. One who gives up takes nothing from the others."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._asked.append((question, future))
        if self._turn is None:
            self._turn = asyncio.create_task(self._run(), name=self._name)
        return await future

    async def _run(self) -> None:
        turn: list[tuple[Q, asyncio.Future[A]]] = []
        try:
            while self._asked:
                turn, self._asked = self._asked[:_MOST], self._asked[_MOST:]
                _settle([future for _, future in turn], await self._answers([question for question, _ in turn]))
        finally:
            self._turn = None
            for _, future in [*turn, *self._asked]:
                future.cancel()
            self._asked.clear()

    async def _answers(self, questions: list[Q]) -> Sequence[A | Exception]:
        try:
            return await self._work(questions)
        except Exception as error:  # noqa: BLE001  each who has asked hears of it
            return [error] * len(questions)


def _settle(futures: Sequence["asyncio.Future[A]"], answers: Sequence[A | Exception]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
