"""Screening running, one per module."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.screening.programme import Programme


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programme(postgres_url: str) -> AsyncIterator[Programme]:
    async with Programme(postgres_url) as running:
        yield running
