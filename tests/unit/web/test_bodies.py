"""A value in a body is what it is written as."""

from datetime import date
from typing import Annotated, Any

import pytest
from pydantic import AwareDatetime, Field, ValidationError

from shared.web.bodies import Body


class Inner(Body):
    type: int
    on: date | None = None


class Outer(Body):
    count: Annotated[int, Field(ge=0)]
    really: bool = False
    at: AwareDatetime
    inner: list[Inner] = Field(default_factory=list)
    pairs: list[tuple[str, int]] = Field(default_factory=list)


RIGHT: dict[str, Any] = {
    "count": 1,
    "really": True,
    "at": "2026-01-01T00:00:00Z",
    "inner": [{"type": 3, "on": "2026-01-01"}],
    "pairs": [["a", 1]],
}


def test_what_is_written_as_it_should_be_is_taken() -> None:
    assert Outer.model_validate(RIGHT).inner[0].on == date(2026, 1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": "1"},
        {"count": True},
        {"count": 1.5},
        {"really": 1},
        {"really": "yes"},
        {"at": 0},
        {"at": "1767225600"},
        {"inner": [{"type": 3, "on": 0}]},
        {"inner": [{"type": 3, "on": "0"}]},
        {"inner": [{"type": "3"}]},
        {"pairs": [["a", "1"]]},
        {"more": 1},
    ],
    ids=str,
)
def test_nothing_is_guessed(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Outer.model_validate(RIGHT | wrong)
