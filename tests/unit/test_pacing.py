"""Rests between turns: as long as they are worth it."""

import asyncio
from time import monotonic

import pytest

from shared.pacing import rest


@pytest.mark.parametrize(
    ("took", "pieces", "least", "most"),
    [
        pytest.param(0.01, 4, 0.03, 0.04, id="so many times the turn"),
        pytest.param(0.01, 99, 0.03, 0.04, id="nearly a full one"),
        pytest.param(10, 4, 0.05, 0.05, id="not for ever"),
        pytest.param(10, 3, 0, 0, id="nobody would share the next"),
        pytest.param(10, 100, 0, 0, id="full enough"),
    ],
)
async def test_a_turn_is_followed_by_a_rest_where_others_would_share_the_next(
    took: float, pieces: int, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested = [0.0]

    async def sleep(seconds: float) -> None:
        rested.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await rest(monotonic() - took, pieces)
    assert least <= rested[-1] <= most
