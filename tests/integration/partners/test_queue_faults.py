"""Whatever happens to the broker, each event comes at least once, and in order for each subject."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from services.embedded import EmbeddedSuite
from tests.integration.partners.queues import QueueOwner, api, in_order, queue_owner, with_broker
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

_FLIGHTS, _MOVES = 4, 20
_ALL = _FLIGHTS * (_MOVES + 1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path, broker: AgencyBroker) -> AsyncIterator[EmbeddedSuite]:
    async with with_broker(module_path, broker) as running:
        yield running


async def loaded(suite: EmbeddedSuite, broker: AgencyBroker) -> QueueOwner:
    """An airline for which much waits that may be published at once."""
    owner = await queue_owner(suite, broker)
    await owner.until_connected()
    await owner.post("pause")
    for _ in range(_FLIGHTS):
        await owner.moved(await owner.flight(), times=_MOVES)
    await owner.until_waiting(_ALL)
    return owner


async def all_in_order(owner: QueueOwner, count: int) -> None:
    async with owner.consuming() as consumed:
        await consumed.got(count)
        assert len(consumed.once) == count and in_order(consumed.once)
        await owner.until_waiting(0)


async def test_connections_that_are_cut_while_it_publishes_cost_nothing(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await loaded(suite, broker)
    cut: set[str] = set()
    more = 0
    async with api(broker) as client:
        await owner.post("resume")

        async def cut_often() -> bool:
            nonlocal more
            # There is always something to publish, however fast it is.
            await owner.tests(1)
            more += 1
            for each in (await client.get(f"vhosts/{owner.vhost}/connections")).json():
                if (await client.delete(f"connections/{each['name']}")).is_success:
                    cut.add(each["name"])
            return len(cut) >= 2

        await eventually(cut_often, seconds=30)
    await all_in_order(owner, _ALL + more)


async def test_a_broker_that_is_killed_while_it_is_published_to_loses_nothing(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await loaded(suite, broker)
    with capture_logs() as logs:
        await owner.post("resume")
        await asyncio.to_thread(broker.kill)
        # Everything else goes on meanwhile.
        assert (await owner.post("test")).is_success

        async def noticed() -> bool:
            return any("broker can't be kept" in each["event"] for each in logs)

        await eventually(noticed, seconds=30)
        await asyncio.to_thread(broker.start)
        async with owner.consuming() as consumed:
            await consumed.got(_ALL + 1)
            assert len(consumed.once) == _ALL + 1 and in_order(consumed.once)
    assert len([each for each in logs if "broker can't be kept" in each["event"]]) == 1


async def test_a_broker_that_has_lost_its_disk_gets_what_was_not_taken(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    async with owner.consuming() as consumed:
        await owner.tests(3)
        await consumed.got(3)
        await owner.until_waiting(0)
    await owner.tests(4)

    async def published() -> bool:
        async with api(broker) as client:
            try:
                return bool((await client.get(f"queues/{owner.vhost}/{owner.queue}")).json().get("messages") == 4)
            except httpx.HTTPError:
                return False

    await eventually(published, seconds=30)
    await asyncio.to_thread(broker.wipe)
    await asyncio.to_thread(broker.start)
    async with owner.consuming() as consumed:
        await consumed.got(4)
        assert len(consumed.once) == 4
        await owner.until_waiting(0)
