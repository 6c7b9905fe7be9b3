"""What becomes of a service's connections when the network, not the broker or the service, ends them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import cast

import aio_pika
import pytest
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from sqlalchemy import make_url

from services.servers import LocalRabbitMQ, ServerUnavailable, local_rabbitmq
from shared.messaging.bus import Message, PublishFailed
from shared.messaging.rabbitmq import RabbitBus
from tests.faults.hooks import Points, _hurt_confirms
from tests.faults.proxy import Proxy
from tests.support.bench import eventually

EXCHANGE, QUEUE = "faults.connections", "faults.queue"
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
    through = make_url(amqp_url).set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
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


async def test_a_process_can_be_hurt_between_sending_and_the_confirm(
    bus: RabbitBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    monkeypatch.setattr(ChannelFrame, "marshall", ChannelFrame.marshall)
    monkeypatch.setattr(Channel, "_confirm_delivery", Channel._confirm_delivery)
    _hurt_confirms(cast(Points, SimpleNamespace(reach=reached.append)))
    await bus.publish(EXCHANGE, [EVENT])
    assert reached == ["relay.confirm.before", "relay.confirm.after"]


async def test_a_queue_that_a_killed_broker_left_without_a_leader_is_declared_anew() -> None:
    """RabbitMQ's log of the queue is not on disk yet when the node is killed, but the queue's name is."""
    try:
        # In this thread: a server ends with the thread that started it.
        broker = local_rabbitmq()
    except ServerUnavailable as error:
        pytest.skip(f"RabbitMQ must be a process of this machine: {error}")
    taken: list[Message] = []

    async def take(messages: Sequence[Message]) -> None:
        taken.extend(messages)

    try:
        await _kill_after_declaration(broker)
        bus = RabbitBus(broker.url, "faults")
        await bus.declare(EXCHANGE)
        await bus.start()
        await bus.subscribe(QUEUE, [EXCHANGE], take)
        await eventually(lambda: publishes(bus), seconds=120)

        async def arrived() -> bool:
            # What comes while there is no queue is for the reconciler.
            return await publishes(bus) and bool(taken)

        await eventually(arrived, seconds=120)
        await bus.close()
    finally:
        broker.close()


async def _kill_after_declaration(broker: LocalRabbitMQ) -> None:
    connection = await aio_pika.connect(broker.url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(exchange, "#")
        broker.kill()
    broker.start()


async def test_a_publisher_whose_exchange_was_deleted_declares_it_anew(bus: RabbitBus, amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as other:
        await (await other.channel()).exchange_delete(EXCHANGE)
    await eventually(lambda: publishes(bus))


async def test_a_consumer_whose_exchange_was_deleted_is_bound_anew(bus: RabbitBus, amqp_url: str) -> None:
    taken: list[Message] = []

    async def take(messages: Sequence[Message]) -> None:
        taken.extend(messages)

    async def arrives() -> bool:
        return await publishes(bus) and bool(taken)

    await bus.subscribe(f"{QUEUE}.bound", [EXCHANGE], take)
    await eventually(arrives)
    async with await aio_pika.connect(amqp_url) as other:
        await (await other.channel()).exchange_delete(EXCHANGE)
    taken.clear()
    await eventually(arrives, seconds=30)


async def test_a_publisher_whose_channel_was_closed_between_two_publications_goes_on(bus: RabbitBus) -> None:
    assert bus._channel is not None
    await bus._channel.close()
    await eventually(lambda: publishes(bus))
