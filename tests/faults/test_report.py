"""A run in which nothing happened is not one in which everything held."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Delivery
from tests.faults.report import Report

BUSY = Report(
    length=60.0,
    faults={"kill": 1},
    commands={"acknowledged": 394, "refused": 33},
    deliveries={("travel", "/homeward/screening"): Delivery(published=1973, handled=1973)},
    cases=31,
)


def test_a_busy_run_is_not_empty() -> None:
    assert list(BUSY.empty()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"not_done": ["cut http: nobody came to it"]}, "not done: cut http"),
        ({"faults": {}}, "no fault"),
        ({"held_up": 2}, "waited behind"),
        ({"cases": 0}, "0 cases"),
        ({"commands": {"refused": 427}}, "0 acknowledged"),
        ({"commands": {"acknowledged": 394, "unknown": 1}}, "unknown"),
        ({"deliveries": {}}, "0 deliveries"),
    ],
)
def test_what_did_not_happen_fails_a_run(change: dict[str, Any], words: str) -> None:
    [told] = replace(BUSY, **change).empty()
    assert words in told


def test_the_longer_a_run_the_more_must_happen_in_it() -> None:
    assert len(list(replace(BUSY, length=1800.0).empty())) == 3
