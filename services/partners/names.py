"""Who people are, asked of screening at the moment of delivery and kept nowhere.

Many deliveries ask at once: what is asked while a question is under way goes together into the next one.
"""

import asyncio
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.auth.purposes import Purpose
from shared.errors import Unavailable

#: Cases in one question.
_ASKED = 500


class NamesUnavailable(Unavailable):
    """Who these events are about can't be looked up at the moment: ask again shortly."""


@dataclass
class _Question:
    answer: "asyncio.Future[Mapping[str, Any]]"
    cases: set[str] = field(default_factory=set)


class Names:
    """``client``: gives screening's."""

    def __init__(self, client: Callable[[], httpx.AsyncClient]) -> None:
        self._client = client
        #: By recipient: what will be asked next, and who asks.
        self._next: dict[str, _Question] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def of(self, recipient: str, cases: Set[str]) -> Mapping[str, Any]:
        """By case: the identities of those who agree that the recipient hears of them. Raises NamesUnavailable."""
        if not cases:
            return {}
        question = self._next.get(recipient)
        if question is None:
            question = self._next[recipient] = _Question(asyncio.get_running_loop().create_future())
        question.cases |= cases
        if recipient not in self._asking:
            self._asking[recipient] = asyncio.create_task(self._ask(recipient), name=f"names for {recipient}")
        # One who gives up takes nothing from the others.
        found = await asyncio.shield(question.answer)
        return {case: found[case] for case in cases & found.keys()}

    async def _ask(self, recipient: str) -> None:
        try:
            while question := self._next.pop(recipient, None):
                try:
                    answer = await self._answer(recipient, sorted(question.cases))
                except NamesUnavailable as error:
                    question.answer.set_exception(error)
                    # Whoever asked may have given up.
                    question.answer.exception()
                except BaseException:
                    question.answer.cancel()
                    raise
                else:
                    question.answer.set_result(answer)
        finally:
            del self._asking[recipient]

    async def _answer(self, recipient: str, cases: list[str]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(cases), _ASKED):
            try:
                response = await self._client().post(
                    "/identities/for-transfer",
                    json={"case_ids": cases[start : start + _ASKED], "recipient": recipient},
                    headers={"Purpose": Purpose.TRANSFER},
                )
                response.raise_for_status()
            except httpx.HTTPError as error:
                raise NamesUnavailable from error
            found |= response.json()["identities"]
        return found
