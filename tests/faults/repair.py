"""What an operator does with dead letters: what is mended is replayed, by case or by cause, and the rest skipped."""

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.faults.desk import REPAIR, Desk
from tests.faults.planted import Planted
from tests.faults.spoiling import Spoilt


class Unrepaired(Exception):
    """The operator API did not do what it was asked for; the message says what."""


async def repair(desk: Desk, planted: Planted) -> None:
    """Replay and skip until nothing should be left. Raises Unrepaired."""
    await _replay_mended(desk, planted.spoilt)
    for subject in planted.poisoned:
        await _give_up_poison(desk, subject, len(planted.consumers))


async def _replay_mended(desk: Desk, spoilt: Sequence[tuple[str, str]]) -> None:
    """Every second one by its case, the others by type and cause."""
    for _, subject in spoilt[::2]:
        await _decide(desk, "replay", case=subject)
    found = await desk.read("admin", "/api/dead-letters/groups")
    for group in [each for each in (found or {"groups": ()})["groups"] if each["cause"].startswith(Spoilt.__name__)]:
        names = {name: group[name] for name in ("source", "type", "cause")}
        await _decide(desk, "replay", services=[group["service"]], **names)


async def _give_up_poison(desk: Desk, subject: str, letters: int) -> None:
    """Replay it, whereupon it dies again, and then skip it: what waits behind it is handled."""
    await _eventually_dead(desk, subject, letters)
    await _decide(desk, "replay", case=subject)
    await _eventually_dead(desk, subject, letters)
    await _decide(desk, "skip", case=subject, reason="Planted by the fault suite", count=letters)


async def _decide(desk: Desk, what: str, **letters: Any) -> None:
    record = await desk.send(REPAIR, "admin", f"/api/dead-letters/{what}", letters)
    if not record.accepted or record.answer["gaps"] or not (record.answer["events"] or record.unanswered):
        raise Unrepaired(f"{what} of {letters}: {record.status} {record.answer}")


async def _eventually_dead(desk: Desk, subject: str, letters: int) -> None:
    ends = asyncio.get_running_loop().time() + 20
    while asyncio.get_running_loop().time() < ends:
        found = await desk.read("admin", "/api/dead-letters", case=subject)
        if found is not None and len(found["dead_letters"]) == letters:
            return
        await asyncio.sleep(0.3)
    raise Unrepaired(f"{subject} has not {letters} dead letters")
