"""Who people are, asked of screening at the moment of delivery and kept nowhere; many deliveries ask together."""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Any

import httpx

from services.partners.together import Together
from shared.auth.purposes import Purpose
from shared.errors import Unavailable

#: Cases in one question.
_ASKED = 500


class NamesUnavailable(Unavailable):
    """Who these events are about can't be looked up at the moment: ask again shortly."""

    #: None of those who ask together is to blame.
    transient = True


class Names:
    """``client``: gives screening's."""

    def __init__(self, client: Callable[[], httpx.AsyncClient]) -> None:
        self._client = client
        self._asking: dict[str, Together[Set[str], Mapping[str, Any]]] = {}

    async def of(self, recipient: str, cases: Set[str]) -> Mapping[str, Any]:
        """By case: the identities of those who agree that the recipient hears of them. Raises NamesUnavailable."""
        if not cases:
            return {}
        if recipient not in self._asking:
            self._asking[recipient] = Together(f"names for {recipient}", partial(self._ask, recipient))
        found = await self._asking[recipient].ask(cases)
        return {case: found[case] for case in cases & found.keys()}

    async def _ask(self, recipient: str, asked: Sequence[Set[str]]) -> list[Mapping[str, Any]]:
        cases = sorted(set().union(*asked))
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
        return [found] * len(asked)
