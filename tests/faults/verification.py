"""The chains of the logs as their services verify them: every event over the one before it, up to the head."""

from collections.abc import Mapping
from typing import Any

from tests.faults.desk import Desk


async def verified(desk: Desk, events: Mapping[str, int]) -> list[str]:
    """What is wrong with the log of a producer, of which ``events`` says how long it is."""
    return [each for producer, length in events.items() for each in await _verified(desk, producer, length)]


async def _verified(desk: Desk, producer: str, length: int) -> list[str]:
    wrong: list[str] = []
    seen = 0
    after: Mapping[str, Any] | None = {}
    while after is not None:
        page = await desk.read("admin", f"/api/{producer}/events/verification", limit=2000, **after)
        if page is None:
            return [*wrong, f"{producer} does not verify its log"]
        wrong += [f"{producer}: {link['subject']} {link['sequence']}: {link['what']}" for link in page["broken"]]
        seen, after = seen + page["events"], page["next"]
    return wrong if seen == length else [*wrong, f"{producer} has verified {seen} events of {length}"]
