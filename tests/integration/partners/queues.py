"""An airline that consumes what happens to its flights from its own queue."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractIncomingMessage

from services.embedded import EmbeddedSuite
from shared.auth.roles import Role
from tests.integration.partners.world import Airline, codes
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually
from tests.support.liaison import Liaison
from tests.support.suite import embedded, sign_in

Connection = Any


@dataclass
class QueueOwner(Airline):
    """The airline and its queue. ``made`` is what it was answered."""

    made: dict[str, Any] = field(default_factory=dict)
    broker: AgencyBroker | None = None
    agreement: str = ""

    @property
    def vhost(self) -> str:
        return str(self.made["amqp"]["virtual_host"])

    @property
    def queue(self) -> str:
        return str(self.made["amqp"]["queue"])

    def url(self, *, vhost: str | None = None, password: str | None = None) -> str:
        """As an agency connects: by TLS."""
        address = self.made["amqp"]
        host = address["url"].removeprefix("amqps://")
        return f"amqps://{address['user']}:{password or self.secret}@{host}/{vhost or self.vhost}"

    @asynccontextmanager
    async def connected(self, **how: Any) -> AsyncIterator[Connection]:
        """A connection of the airline's, which trusts the broker's authority alone."""
        connection = await self._connect(**how)
        try:
            yield connection
        finally:
            await connection.close()

    async def _connect(self, **how: Any) -> Connection:
        assert self.broker is not None
        context = ssl.create_default_context(cafile=str(self.broker.authority))
        return await aio_pika.connect(self.url(**how), ssl_context=context, timeout=10)

    async def until_connected(self, **how: Any) -> None:
        """Once the broker lets it in and has its queue."""

        async def so() -> bool:
            try:
                async with self.connected(**how) as connection:
                    channel = await connection.channel()
                    await channel.declare_queue(self.queue, passive=True)
            except (aio_pika.exceptions.AMQPError, OSError):
                return False
            return True

        await eventually(so, seconds=30)

    @asynccontextmanager
    async def consuming(self, *, prefetch: int = 10, acknowledge: bool = True) -> AsyncIterator["Consumed"]:
        """What comes, while it is consumed."""
        await self.until_connected()
        consumed = Consumed()

        async def take(message: AbstractIncomingMessage) -> None:
            consumed.messages.append(message)
            if acknowledge:
                await message.ack()

        async def begun() -> Connection | None:
            # A broker that has just come back, or whose users another process looks after too, lets one in before it is
            # whole, and may refuse one again.
            try:
                connection = await self._connect()
            except (aio_pika.exceptions.AMQPError, OSError):
                return None
            try:
                channel = await connection.channel()
                await channel.set_qos(prefetch_count=prefetch)
                await (await channel.get_queue(self.queue, ensure=False)).consume(take)
            except (aio_pika.exceptions.AMQPError, OSError):
                await connection.close()
                return None
            return connection

        connection = await eventually(begun, seconds=30)
        try:
            yield consumed
        finally:
            await connection.close()

    async def standing(self) -> dict[str, Any]:
        """Its subscription as it is listed."""
        found = (await self.client.get("/subscriptions")).json()["subscriptions"]
        [mine] = [each for each in found if each["subscription_id"] == self.subscription]
        return dict(mine)

    async def until_waiting(self, count: int, *, seconds: float = 60) -> None:
        """Once so many are not acknowledged."""

        async def so() -> bool:
            return bool((await self.standing())["waiting"] == count)

        await eventually(so, seconds=seconds)

    async def tests(self, count: int) -> None:
        """Has test events delivered, about nobody."""
        for _ in range(count):
            assert (await self.post("test")).is_success


@dataclass
class Consumed:
    """Messages in the order in which they came."""

    messages: list[AbstractIncomingMessage] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.messages]

    @property
    def once(self) -> list[dict[str, Any]]:
        """As a receiver keeps them: each id when it came first."""
        return list({each["id"]: each for each in reversed(self.events)}.values())[::-1]

    async def got(self, count: int) -> list[dict[str, Any]]:
        """Once as many different ones have come."""

        async def so() -> bool:
            return len({each["id"] for each in self.events}) >= count

        await eventually(so, seconds=60)
        return self.events


async def queue_owner(
    suite: EmbeddedSuite, broker: AgencyBroker, *, kind: str = "carrier", **changes: Any
) -> QueueOwner:
    """An airline, or another agency, that has subscribed by AMQP."""
    roles = (Role.MOVEMENTS, Role.PARTNER_LIAISON, Role.MANAGER, Role.ADMIN)
    operators = {role.value: await sign_in(suite, role) for role in roles}
    liaison = Liaison(suite, operators["partner_liaison"], operators["manager"])
    carrier = next(codes)
    agency, client = await liaison.agency(f"Agency {carrier}", kind, carrier=carrier)
    agreement = await liaison.approved(agency, purpose="flying people home")
    body = {"agreement_id": agreement, "way": "amqp"} | changes
    made = await client.post("/subscriptions", json=body, headers={"Idempotency-Key": f"subscribe-{carrier}"})
    assert made.status_code == 201, made.text
    found = made.json()
    return QueueOwner(
        *(suite, client, carrier, found["subscription_id"], found["secret"], operators, agency),
        made=found,
        broker=broker,
        agreement=agreement,
    )


def in_order(events: list[dict[str, Any]]) -> bool:
    """Whether each subject's sequences are 1, 2, 3 …"""
    found: dict[str, list[int]] = {}
    for event in events:
        found.setdefault(event["subject"], []).append(int(event["sequence"]))
    return all(each == list(range(1, len(each) + 1)) for each in found.values())


@asynccontextmanager
async def with_broker(folder: Path, broker: AgencyBroker) -> AsyncIterator[EmbeddedSuite]:
    """The suite, whose agencies may use the broker."""
    folder.chmod(0o711)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOMEWARD_PARTNERS_AGENCIES_AMQP_URL", broker.url)
        environment.setenv("HOMEWARD_PARTNERS_AGENCIES_MANAGEMENT_URL", broker.management_url)
        environment.setenv("HOMEWARD_PARTNERS_AGENCIES_AMQP_PUBLIC_URL", broker.public_url)
        async with embedded(folder / "data") as running:
            running.apps["partners"].state.amqp.reconciler.every = 0.5
            yield running


def api(broker: AgencyBroker) -> httpx.AsyncClient:
    """The broker's management, as whoever runs it has it."""
    return httpx.AsyncClient(base_url=f"{broker.management_url}/api/", timeout=20)


async def until_there(broker: AgencyBroker, path: str, there: bool) -> None:
    """Once there is such a thing at the broker, or no more."""
    async with api(broker) as client:

        async def so() -> bool:
            return (await client.get(path)).is_success is there

        await eventually(so, seconds=30)
