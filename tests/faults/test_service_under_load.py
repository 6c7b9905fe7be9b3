"""A real service process: told to stop under load, and under a storm of redeliveries."""

import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.servers import rabbitmq_server
from tests.support.bench import eventually
from tests.support.travel_process import TravelProcess, travel_process

#: Cases and events of each in the backlog.
CASES, EVENTS = 400, 15
GROWTH = 30 * 1024 * 1024


@pytest.fixture(scope="module")
def broker_url() -> Iterator[str]:
    """A broker of its own, for the queue has the service's own name."""
    with rabbitmq_server() as server:
        yield server.url


@pytest.fixture
async def travel(tmp_path: Path, postgres_url: str, broker_url: str) -> AsyncIterator[TravelProcess]:
    async with travel_process(tmp_path, postgres_url, broker_url) as process:
        process.start()
        await eventually(process.consumers, seconds=60)
        yield process


async def _all_handled(travel: TravelProcess) -> bool:
    return await travel.handled() == (travel.told, travel.told)


async def test_who_is_told_to_stop_under_load_drains_in_time_and_leaves_nothing_half_done(
    travel: TravelProcess,
) -> None:
    travel.signal(signal.SIGSTOP)
    await travel.tell(CASES, EVENTS)
    travel.signal(signal.SIGCONT)
    await eventually(lambda: _begun(travel), seconds=30)
    begun = time.monotonic()
    assert await travel.stop() == 0
    assert time.monotonic() - begun < 15
    reached, took = await travel.handled()
    assert 0 < reached == took < travel.told
    positions = await travel.positions()
    left = await travel.left_in_queue()
    again = [event for event in left if event.sequence <= positions.get(event.subject, 0)]
    assert again == [], "what was committed was also acknowledged"
    travel.start()
    await eventually(lambda: _all_handled(travel), seconds=180)
    assert await travel.rows_of("inbox_parked") == 0
    assert await travel.stop() == 0


async def _begun(travel: TravelProcess) -> bool:
    return (await travel.handled())[0] > 0


async def test_a_storm_of_redeliveries_costs_neither_memory_nor_rows(travel: TravelProcess) -> None:
    await travel.tell(100, 2)
    await eventually(lambda: _all_handled(travel), seconds=30)
    rows_before = await travel.rows_of("inbox_position")
    async with travel.database.transaction() as other:
        # So long nothing can be handled, and everything that is handed out comes again.
        await other.exec_driver_sql("LOCK TABLE inbox_position IN EXCLUSIVE MODE")
        await travel.tell(CASES, EVENTS)
        memory, back = [], sys.maxsize
        for _ in range(20):
            await eventually(lambda back=back: _handed_out(travel, back), seconds=30)  # type: ignore[misc]
            memory.append(travel.memory)
            left = await travel.waiting()
            travel.proxy.reset()
            back = await eventually(lambda left=left: _given_back(travel, left), seconds=30)  # type: ignore[misc]
    # Buffers have their size after the first few.
    assert max(memory) - max(memory[:4]) < GROWTH, memory
    await eventually(lambda: _all_handled(travel), seconds=180)
    assert await travel.rows_of("inbox_position") == rows_before + CASES
    assert await travel.rows_of("inbox_parked") == 0
    assert await travel.stop() == 0


async def _handed_out(travel: TravelProcess, before: int) -> bool:
    return await travel.consumers() > 0 and await travel.waiting() < before


async def _given_back(travel: TravelProcess, left: int) -> int:
    """How many messages wait, when it is more than before."""
    waiting = await travel.waiting()
    return waiting if waiting > left else 0
