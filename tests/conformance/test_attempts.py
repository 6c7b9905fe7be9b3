"""What is counted against an event, and what is not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from shared.contracts.envelope import Event
from shared.ids import new_id
from shared.messaging.bus import Message
from shared.messaging.codec import pack
from shared.messaging.consumer import Consumer, Failure
from shared.persistence.database import Database
from tests.support.bench import POISON, PRODUCER, Bench, ordinary


class Death(BaseException):
    """As far as the consumer can tell, the end of its process."""


def again(events: Sequence[Event]) -> Message:
    """As the broker gives it for the second time."""
    [message] = pack(events)
    return Message(message.body, message.content_type, message.headers, redelivered=True)


async def test_an_error_that_another_try_can_mend_is_not_held_against_redelivered_events(bench: Bench) -> None:
    subject, left = new_id(), [6]
    message = again(await bench.record(subject, *ordinary(3)))

    def away(_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise ConnectionResetError("the connection was lost")

    bench.behaviour.failing = away
    consumer = bench.replica(deliveries=2)
    for _ in range(6):
        with pytest.raises(ConnectionResetError):
            await _once(consumer, message)
    await consumer.receive([message])
    assert await bench.seen(subject) == [1, 2, 3]
    assert await bench.parked() == []


async def _once(consumer: Consumer, message: Message) -> None:
    """Every error ends the try here, where a real one is tried again some times before."""
    retried: Any = consumer.database.retried
    try:
        consumer.database.retried = lambda work: _transacted(consumer.database, work)  # type: ignore[method-assign]
        await consumer.receive([message])
    finally:
        consumer.database.retried = retried  # type: ignore[method-assign]


async def _transacted(database: Database, work: Any) -> Any:
    async with database.transaction() as connection:
        return await work(connection)


async def test_a_lock_that_is_not_had_in_time_makes_no_dead_letter(bench: Bench) -> None:
    subject = new_id()
    await bench.consumer.handle(await bench.record(subject, *ordinary()))
    message = again(await bench.record(subject, *ordinary(2)))
    database = bench.databases[1]
    [name] = [row.name for row in await bench.query("SELECT current_database() AS name")]
    await bench.execute(f"ALTER DATABASE {name} SET lock_timeout = '20ms'")
    await database.engine.dispose()
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SELECT 1 FROM tally FOR UPDATE")
        for _ in range(3):
            with pytest.raises(DBAPIError):
                await bench.replica(deliveries=1).receive([message])
    await bench.consumer.receive([message])
    assert await bench.seen(subject) == [1, 2, 3]
    assert await bench.parked() == []


async def test_a_skip_stands_against_a_replica_that_notes_its_failure_late(bench: Bench) -> None:
    subject = new_id()
    [event, _] = await bench.record(subject, POISON, *ordinary())
    slow, quick = bench.replica(attempts=1), bench.replica(attempts=1)
    reached, noted = asyncio.Event(), asyncio.Event()
    note = slow._set_aside

    async def late(failures: Sequence[Failure]) -> None:
        reached.set()
        await noted.wait()
        await note(failures)

    slow._set_aside = late  # type: ignore[method-assign]
    handling = asyncio.create_task(slow.handle([event]))
    await reached.wait()
    await quick.handle([event])
    await bench.letters.skip(PRODUCER, str(subject), 1, by="officer", reason="entered twice by hand")
    noted.set()
    await handling
    assert [row.state for row in await bench.query("SELECT state FROM inbox_parked WHERE sequence = 1")] == ["skipped"]


async def test_an_event_that_kills_whoever_retries_it_from_the_database_becomes_a_dead_letter(bench: Bench) -> None:
    [killer] = await bench.record(new_id(), *ordinary())

    def die(_: object) -> None:
        raise Death

    bench.behaviour.failing = die
    consumer = bench.replica(deliveries=3)
    with pytest.raises(Death):
        await consumer.receive([again([killer])])
    for _ in range(2):
        await bench.execute("UPDATE inbox_parked SET parked_at = parked_at - interval '1 hour'")
        with pytest.raises(Death):
            await consumer.retry_parked()
    await bench.execute("UPDATE inbox_parked SET parked_at = parked_at - interval '1 hour'")
    await consumer.retry_parked()
    assert await bench.parked() == [(1, "dead", 4)]


async def test_a_redelivered_message_with_two_events_in_one_place_holds_up_nobody(bench: Bench) -> None:
    subject, other = new_id(), new_id()
    [event] = await bench.record(subject, *ordinary())
    [fine] = await bench.record(other, *ordinary())
    twin = replace(event, id=new_id())
    await bench.consumer.receive([again([event, twin, fine])])
    assert await bench.seen(other) == [1]
    assert await bench.seen(subject) == [1]
