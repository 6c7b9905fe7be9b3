"""Rests between turns: as long as they are worth it."""

import asyncio

import pytest

from shared.pacing import rest

NOW = 1000.0


@pytest.mark.parametrize(
    ("took", "pieces", "rests"),
    [
        pytest.param(0.01, 4, 0.03, id="so many times the turn"),
        pytest.param(0.01, 99, 0.03, id="nearly a full one"),
        pytest.param(10, 4, 0.05, id="not for ever"),
        pytest.param(10, 3, None, id="nobody would share the next"),
        pytest.param(10, 100, None, id="full enough"),
    ],
)
async def test_a_turn_is_followed_by_a_rest_where_others_would_share_the_next(
    took: float, pieces: int, rests: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested: list[float] = []

    async def sleep(seconds: float) -> None:
        rested.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr("shared.pacing.monotonic", lambda: NOW)
    await rest(NOW - took, pieces)
    assert rested == ([] if rests is None else [pytest.approx(rests)])
