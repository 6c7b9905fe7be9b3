"""A real broker with the manifests' users: over TLS every service does its work, and none does another's."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import aio_pika
import httpx
import pytest
import pytest_asyncio
from aiormq.exceptions import ChannelAccessRefused

from services.servers.server import SECRET
from shared.messaging.bus import Message, PublishFailed
from shared.messaging.rabbitmq import RabbitBus
from tests.architecture.tree import SERVICES
from tests.deploy.composed import on_the_broker
from tests.deploy.manifests import of_kind, rendered
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Guarded:
    """The broker, and the services' buses on it, each as its own user."""

    def __init__(self, broker: AgencyBroker) -> None:
        self._broker = broker
        self.buses: dict[str, RabbitBus] = {}
        #: By service: the bodies that came to it.
        self.received: dict[str, list[bytes]] = {name: [] for name in SERVICES}

    def url(self, user: str) -> str:
        """As a pod has it."""
        return f"amqps://{user}:{SECRET}@localhost:{self._broker.tls_port}/?cafile={self._broker.authority}"

    async def join(self, name: str) -> RabbitBus:
        """Have a service declare, bind and consume what it does."""
        names = on_the_broker()[name]
        bus = self.buses[name] = RabbitBus(self.url(f"{name}-broker"), name)
        await bus.start()
        if names.own:
            await bus.declare(names.own)

        async def deliver(messages: Sequence[Message]) -> None:
            self.received[name] += [each.body for each in messages]

        await bus.subscribe(names.queue, sorted(names.followed), deliver)
        return bus


def _definitions() -> dict[str, list[dict[str, str]]]:
    """The users of the manifests with their permissions, as the topology operator makes them."""
    permissions = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered("production"), "Permission")}
    return {
        "users": [{"name": name, "password": SECRET, "tags": ""} for name in permissions],
        "permissions": [
            {"user": name, "vhost": spec["vhost"], **spec["permissions"]} for name, spec in permissions.items()
        ],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncIterator[Guarded]:
    with AgencyBroker() as broker:
        async with httpx.AsyncClient(base_url=broker.management_url, timeout=30) as management:
            answer = await management.post("/api/definitions", json=_definitions())
        assert answer.is_success, answer.text
        found = Guarded(broker)
        async with AsyncExitStack() as stack:
            for name in SERVICES:
                stack.push_async_callback((await found.join(name)).close)
            yield found


async def test_every_event_comes_to_whoever_follows_it(guarded: Guarded) -> None:
    async def consuming() -> bool:
        return all(bus.consuming(on_the_broker()[name].queue) for name, bus in guarded.buses.items())

    await eventually(consuming)
    for name, bus in guarded.buses.items():
        if own := on_the_broker()[name].own:
            await eventually(bus.accepting)
            await bus.publish(own, [Message(name.encode(), "text/plain")])
    for name, names in on_the_broker().items():
        wanted = sorted(each.removeprefix("homeward.").encode() for each in names.followed)

        async def came(name: str = name, wanted: list[bytes] = wanted) -> bool:
            return sorted(guarded.received[name]) == wanted

        await eventually(came)


@pytest.mark.parametrize("name", SERVICES)
async def test_nobody_publishes_as_another(guarded: Guarded, name: str) -> None:
    others = {names.own for names in on_the_broker().values() if names.own} - {on_the_broker()[name].own}
    bus = guarded.buses[name]
    for exchange in sorted(others):
        await eventually(bus.accepting)
        with pytest.raises(PublishFailed):
            await asyncio.wait_for(bus.publish(exchange, [Message(b"forged", "text/plain")]), 10)


async def test_who_scales_sees_how_long_a_queue_is_and_nothing_in_it(guarded: Guarded) -> None:
    async with await aio_pika.connect(guarded.url("queue-depth")) as connection:
        for names in on_the_broker().values():
            channel = await connection.channel()
            queue = await channel.declare_queue(names.queue, passive=True)
            assert queue.declaration_result.message_count is not None
            with pytest.raises(ChannelAccessRefused):
                await queue.get(fail=False)
