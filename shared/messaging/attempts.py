"""Deliveries that end with the consumer's death are counted in the database, where they outlive it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Event
from shared.messaging import inbox
from shared.messaging.inbox import Key, Parked, State, key_of
from shared.persistence.database import run


async def count(connection: AsyncConnection, events: Sequence[Event], *, deliveries: int, alone: bool = False) -> int:
    """Note that these events are about to be tried; how many of them were being tried before.

    One that is tried ``alone`` and has been so often is a dead letter.
    """
    subjects = await inbox.lock(connection, map(key_of, events))
    before, new = 0, dict[tuple[Key, int], Parked]()
    for event in events:
        subject = subjects[key_of(event)]
        row = subject.parked.get(event.sequence)
        if event.sequence <= subject.sequence or (row and row.state is not State.ATTEMPTING):
            continue
        before += row is not None
        if alone:
            await _count_one(connection, event, deliveries)
        elif row is None:
            new.setdefault((key_of(event), event.sequence), Parked(event, State.ATTEMPTING, attempts=1))
    if new:
        await inbox.park(connection, list(new.values()))
    return before


async def _count_one(connection: AsyncConnection, event: Event, deliveries: int) -> None:
    reason = "was being handled when a consumer stopped"
    attempts = await inbox.set_aside(connection, event, State.ATTEMPTING, delay=30, reason=reason)
    if attempts > deliveries:
        await inbox.bury(connection, event)


async def uncount(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Take a count back: the delivery ended, but nobody died of it."""
    await inbox.lock(connection, map(key_of, events))
    await run(
        connection,
        """UPDATE inbox_parked SET attempts = attempts - 1
           WHERE state = 'attempting' AND attempts > 0 AND (source, subject, sequence) IN (
               SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]),
                   CAST(:sequences AS bigint[])))""",
        sources=[event.source for event in events],
        subjects=[event.subject for event in events],
        sequences=[event.sequence for event in events],
    )
