"""What becomes of a service's connections when the network, not the broker or the service, ends them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import make_url

from shared.messaging.bus import Message, PublishFailed
from shared.messaging.rabbitmq import RabbitBus
from tests.faults.proxy import Proxy
from tests.support.bench import eventually

EXCHANGE = "faults.connections"
EVENT = Message(b"{}", "application/json")


@pytest.fixture
async def proxy(amqp_url: str) -> AsyncIterator[Proxy]:
    broker = make_url(amqp_url)
    found = Proxy([(str(broker.host), broker.port or 5672)])
    await found.start()
    yield found
    await found.close()


@pytest.fixture
async def bus(amqp_url: str, proxy: Proxy) -> AsyncIterator[RabbitBus]:
    """Connected through the proxy."""
    through = make_url(amqp_url).set(port=proxy.port).render_as_string(hide_password=False)
    found = RabbitBus(through, "faults")
    await found.declare(EXCHANGE)
    await found.start()
    await eventually(lambda: publishes(found))
    yield found
    await found.close()


async def publishes(bus: RabbitBus) -> bool:
    try:
        async with asyncio.timeout(2):
            await bus.publish(EXCHANGE, [EVENT])
    except (PublishFailed, TimeoutError):
        return False
    return True


async def test_a_publisher_whose_connection_was_reset_connects_anew(bus: RabbitBus, proxy: Proxy) -> None:
    assert proxy.reset() > 0
    await eventually(lambda: publishes(bus))


async def test_a_publisher_connects_anew_as_often_as_it_is_cut_off(bus: RabbitBus, proxy: Proxy) -> None:
    for _ in range(3):
        proxy.reset()
        await eventually(bus.accepting)
        await eventually(lambda: publishes(bus))
