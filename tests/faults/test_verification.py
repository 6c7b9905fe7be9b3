"""The run's use of the services' own verification is seen red."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from tests.faults.desk import Desk
from tests.faults.verification import verified

LINK = {"subject": "omar", "sequence": 3, "what": "the head has another hash"}


class Answers:
    """In a desk's place: gives these pages."""

    def __init__(self, pages: Sequence[Any]) -> None:
        self.pages = list(pages)

    async def read(self, role: str, path: str, **query: Any) -> Any:
        return self.pages.pop(0)


def page(events: int, *broken: Any, after: Any = None) -> dict[str, Any]:
    return {"events": events, "broken": list(broken), "next": after}


MORE = {"subject": "omar", "sequence": 2}


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([page(2, after=MORE), page(1)], []),
        ([page(2, after=MORE), page(1, LINK)], ["omar 3: the head has another hash"]),
        ([page(2)], ["2 events of 3"]),
        ([page(2, after=MORE), None], ["does not verify"]),
    ],
)
async def test_a_broken_link_and_events_that_nobody_has_verified_are_told(pages: list[Any], words: list[str]) -> None:
    told = await verified(cast(Desk, Answers(pages)), {"screening": 3})
    assert len(told) == len(words) and all(word in each for word, each in zip(words, told, strict=True))
