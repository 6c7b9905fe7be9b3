"""A broker that agencies use, a suite whose webhooks may come to loopback, and who works there."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from tests.integration.partners.answerers import World, world
from tests.integration.partners.world import AIRLINES
from tests.support.agency_broker import AgencyBroker
from tests.support.receivers import private_hosts
from tests.support.suite import embedded


@pytest.fixture(scope="module")
def broker() -> Iterator[AgencyBroker]:
    with AgencyBroker() as running:
        assert isinstance(running, AgencyBroker)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path) -> AsyncIterator[EmbeddedSuite]:
    module_path.chmod(0o711)
    with pytest.MonkeyPatch.context() as environment, private_hosts(AIRLINES) as setting:
        environment.setenv("HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS", setting)
        async with embedded(module_path / "data") as running:
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programme(suite: EmbeddedSuite) -> World:
    return await world(suite)
