"""Every test of this folder runs on both buses."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import make_url

from services.servers import fresh_database
from shared.messaging.inprocess import InProcessBus
from shared.messaging.rabbitmq import RabbitBus
from shared.persistence.database import Database
from tests.support.bench import Bench


@pytest.fixture(params=["inprocess", "rabbitmq"])
async def bench(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[Bench]:
    """A producer and a consumer that have not joined the bus yet."""
    make: Any = InProcessBus
    if request.param == "rabbitmq":
        url = request.getfixturevalue("amqp_url")
        make = lambda: RabbitBus(url, "bench")  # noqa: E731
    with fresh_database(postgres_url) as producer, fresh_database(postgres_url) as consumer:
        bench = Bench(Database(producer, name="bench"), Database(consumer, name="bench"), make)
        # One broker serves all tests, so each has a queue of its own.
        bench.queue = f"homeward.bench.{make_url(consumer).database}"
        bench.consumer = bench.replica()
        await bench.prepare()
        yield bench
        await bench.close()
