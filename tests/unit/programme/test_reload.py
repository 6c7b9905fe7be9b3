"""A file that is written while the service looks is taken over as a whole."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared import policy
from shared.policy import Policy

pytestmark = pytest.mark.asyncio
WHOLE = (Path(__file__).parents[3] / "programme.toml").read_bytes()
OFFICE = b'[offices.misrata]\nname = "Misrata"\ncountry = "LY"\nairports = ["MRA"]\n'
#: As long as its last office isn't written it is sound, and so it is with half of it.
LONGER = WHOLE + b"\n" + OFFICE + OFFICE.replace(b"israta", b"israta-two").replace(b"MRA", b"MJI")
HALF = WHOLE + b"\n" + OFFICE


class Met(type(Path())):  # type: ignore[misc]
    """A file as each look finds it, and in the end always the same."""

    found: Iterator[bytes]

    def read_bytes(self) -> bytes:
        return next(self.found)


def _met(*looks: bytes) -> Met:
    def found() -> Iterator[bytes]:
        yield from looks
        while True:
            yield looks[-1]

    path = Met("programme.toml")
    path.found = found()
    return path


async def _taken_over(monkeypatch: pytest.MonkeyPatch, *looks: bytes) -> list[bytes]:
    """What was in force after each change, up to the last look's."""
    monkeypatch.setattr(policy, "INTERVAL", 0)
    followed, taken = Policy(_met(WHOLE, *looks)), []
    done = asyncio.Event()

    async def adopt() -> None:
        taken.append(followed.content)
        if followed.content == looks[-1]:
            done.set()

    following = asyncio.create_task(followed.follow(adopt))
    async with asyncio.timeout(10):
        await done.wait()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return taken


async def test_a_file_that_is_met_half_written_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _taken_over(monkeypatch, HALF, LONGER) == [LONGER]


async def test_a_file_that_is_met_empty_or_torn_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as told:
        assert await _taken_over(monkeypatch, b"", LONGER[:-30], LONGER) == [LONGER]
    assert told == []


async def test_a_fault_that_stays_is_told_once_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torn = LONGER[:-3]
    with capture_logs() as told:
        assert await _taken_over(monkeypatch, torn, torn, torn, torn, WHOLE + b"\n", WHOLE + b"\n") == [WHOLE + b"\n"]
    assert [each["event"] for each in told] == ["programme not taken over"]
