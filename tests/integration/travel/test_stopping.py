"""A consumer that can't finish what it has in hand: the process ends in time all the same, and nothing is lost."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.servers import rabbitmq_server
from shared.persistence.database import run
from shared.serving import LIMIT
from tests.support.bench import eventually
from tests.support.travel_process import TravelProcess, travel_process


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


async def test_who_can_not_finish_is_gone_in_time_and_handles_it_after_the_next_start(travel: TravelProcess) -> None:
    async with travel.database.transaction() as other:
        # Whatever is handled waits for this, and for longer than any process would.
        await run(other, "LOCK TABLE inbox_position")
        await travel.tell(100, 2)
        await eventually(lambda: _taken(travel), seconds=30)
        begun = time.monotonic()
        assert await travel.stop(30) == 0
        assert time.monotonic() - begun < LIMIT
    assert "Traceback" not in travel.output.read_text()
    assert await travel.handled() == (0, 0)
    travel.start()
    await eventually(lambda: _all_handled(travel), seconds=60)


async def _taken(travel: TravelProcess) -> bool:
    return await travel.waiting() == 0


async def _all_handled(travel: TravelProcess) -> bool:
    return await travel.handled() == (travel.told, travel.told)
