"""One suite for this folder: what an office may see of another's cases doesn't depend on what else is there."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.gateway.suite import Suite, running_suite


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def suite(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> AsyncIterator[Suite]:
    async with running_suite(tmp_path_factory.mktemp("suite"), postgres_url) as running:
        yield running
