"""The bus on RabbitMQ 3.10 to 4.x: one topic exchange per producer, one quorum queue per consuming service.

Publishing and consuming have a connection each: a broker that runs short of memory blocks the publishing one only.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq.exceptions import AMQPError, ChannelPreconditionFailed

from shared.messaging.bus import Deliver, Message, PublishFailed, TakesOver

log = structlog.get_logger()

#: Messages in flight to the broker before its confirms are awaited.
WINDOW = 200
#: Unacknowledged messages per consumer, each packed with up to a hundred events: few, so that what a replica holds
#: back from its fellows is some seconds' work.
PREFETCH = 64
#: One batch for the consumer ends at so many bytes: a case that comes up several times in it is loaded and saved once,
#: which is what a large batch saves. Half as large again would save a fiftieth more.
BATCH_BYTES = 2 * 1024 * 1024
#: Seconds for what is being handled to end when we stop: longer than the slowest batch, and no more than a service has.
DRAIN = 7.0
#: Seconds for channels, queues and consumers to be there: a node that has lost its cluster answers nothing.
OPENING = 20.0
#: Seconds for a queue to take a consumer: one that is led does so in a tenth of one.
CONSUMING = 8.0
#: Seconds for a connection to say good-bye.
CLOSING = 5.0
#: Seconds between looks whether the broker still knows our consumers.
WATCH = 5.0


class _Link:
    """A connection that is made anew, after a jittered wait and to the next node, whenever it is lost."""

    def __init__(self, url: str, name: str, opened: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        self._name, self._opened = name, opened
        self._nodes = cycle(re.split(",(?=amqps?://)", url))
        self.connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = self._task or asyncio.create_task(self._keep(), name=f"link {self._name}")

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                connection = await aio_pika.connect(
                    next(self._nodes), timeout=10, client_properties={"connection_name": self._name}
                )
                try:
                    async with asyncio.timeout(OPENING):
                        await self._opened(connection)
                    self.connection, failures = connection, 0
                    await _lost(connection)
                finally:
                    self.connection = None
                    await _close(connection)
            except Exception as error:  # noqa: BLE001  whatever it was, without a connection there is no bus
                log.warning("no connection to the broker", connection=self._name, error=type(error).__name__)
            failures += 1
            await asyncio.sleep(random.uniform(0.1, 0.5) * 2 ** min(failures, 3))  # noqa: S311

    async def drop(self) -> None:
        """Give the connection up; a new one is made."""
        if self.connection is not None:
            await _close(self.connection)

    async def close(self) -> None:
        if self._task is not None:
            await _ended(self._task)


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended, for a library below may swallow one; each time it may say good-bye first."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CLOSING + 1)


async def _close(connection: AbstractConnection) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING):
            await connection.close()


async def _lost(connection: AbstractConnection) -> None:
    """Until the connection is gone: its own ``closed`` tells only of one that we have closed ourselves."""
    if connection.transport is not None:
        await asyncio.wait([connection.transport.connection.closing])


@dataclass(eq=False)
class _Subscription:
    queue: str
    exchanges: Sequence[str]
    deliver: Deliver
    takes_over: TakesOver | None = None
    channel: AbstractChannel | None = None
    tag: str | None = None
    waiting: asyncio.Queue[AbstractIncomingMessage] = field(default_factory=asyncio.Queue)
    worker: asyncio.Task[None] | None = None
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.idle.set()

    async def open(self, connection: AbstractConnection) -> None:
        """Declare, bind and consume on a channel of its own."""
        await self.forget()
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=PREFETCH)
        queue, channel = await _declare_queue(connection, channel, self.queue)
        await self._bind(channel, queue)
        if self.takes_over and await self.takes_over(queue.declaration_result.message_count or 0):
            await queue.purge()
        self.channel, self.waiting = channel, asyncio.Queue()
        self.worker = asyncio.create_task(self._work(self.waiting), name=f"consumer {self.queue}")
        try:
            self.tag = await queue.consume(self.waiting.put, timeout=CONSUMING)
        except TimeoutError:
            await self._give_up_queue(connection)
            raise

    async def _bind(self, channel: AbstractChannel, queue: Any) -> None:
        for exchange in self.exchanges:
            await _declare_exchange(channel, exchange)
            await queue.bind(exchange, routing_key="#")

    async def _give_up_queue(self, connection: AbstractConnection) -> None:
        """A node killed within a second of a declaration comes back with a queue that nobody leads: it takes no
        consumer, confirms nothing to any producer, and stays so. What was in it is in the logs, so it goes.
        """
        log.error("a queue without a leader is deleted, to be declared anew", queue=self.queue)
        channel = await connection.channel(publisher_confirms=False)
        await channel.queue_delete(self.queue)

    async def _work(self, waiting: asyncio.Queue[AbstractIncomingMessage]) -> None:
        while True:
            batch = await _batch(waiting)
            if self.stopping:
                return
            self.idle.clear()
            try:
                await self._deliver(batch)
                # Handled in the order of delivery, so the last one's acknowledgement covers all before it.
                with suppress(AMQPError, OSError, RuntimeError):
                    await batch[-1].ack(multiple=True)
            finally:
                self.idle.set()

    async def _deliver(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        """Until it succeeds: giving a message back would only count as a failed delivery of its events."""
        messages = [_from_amqp(each) for each in batch]
        for attempt in range(1_000_000):
            try:
                await self.deliver(messages)
                return
            except Exception as error:  # noqa: BLE001  the batch stays ours until it is handled
                log.warning("batch not handled, trying again", queue=self.queue, error=type(error).__name__)
                await asyncio.sleep(random.uniform(0.1, 0.3) * 2 ** min(attempt, 6))  # noqa: S311

    async def forget(self) -> None:
        """The channel is gone: what was handed to us comes again."""
        worker, self.worker, self.tag = self.worker, None, None
        if worker is not None:
            await _ended(worker)
        # A dead connection lies about until the garbage collector comes by: its messages must not.
        while not self.waiting.empty():
            self.waiting.get_nowait()

    async def drain(self) -> None:
        """Take no more; finish and acknowledge what is being handled; the rest goes back to the queue."""
        self.stopping = True
        with suppress(AMQPError, OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(DRAIN):
                if self.channel is not None and self.tag is not None:
                    await (await self.channel.get_underlay_channel()).basic_cancel(self.tag)
                await self.idle.wait()
        await self.forget()
        if self.channel is not None:
            with suppress(AMQPError, OSError, RuntimeError, TimeoutError):
                await asyncio.wait_for(self.channel.close(), CLOSING)

    async def present(self, connection: AbstractConnection) -> bool:
        """Whether the broker still has our queue and consumer: after a reconnect it may silently be gone."""
        if self.channel is None or self.channel.is_closed or self.tag is None:
            return False
        if self.tag not in getattr(await self.channel.get_underlay_channel(), "consumers", ()):
            return False
        return bool((await self.look(connection)).consumer_count)

    async def bind_again(self, connection: AbstractConnection) -> None:
        """An exchange that somebody has deleted took our binding with it."""
        probe = await connection.channel(publisher_confirms=False)
        try:
            await self._bind(probe, await probe.declare_queue(self.queue, passive=True))
        finally:
            await probe.close()

    async def look(self, connection: AbstractConnection) -> Any:
        """What the broker says of the queue: its messages and consumers."""
        probe = await connection.channel(publisher_confirms=False)
        try:
            return (await probe.declare_queue(self.queue, passive=True)).declaration_result
        finally:
            await probe.close()


class RabbitBus:
    """Publishes with pipelined confirms; consumes in batches; keeps its topology and its connections.

    ``url`` may name several nodes of one cluster, with commas between them.
    """

    system = "rabbitmq"

    def __init__(self, url: str, name: str) -> None:
        self._exchanges: set[str] = set()
        self._subscriptions: dict[str, _Subscription] = {}
        self._channel: AbstractChannel | None = None
        self._publishing = _Link(url, f"{name} publishing", self._open_publisher)
        self._consuming = _Link(url, f"{name} consuming", self._open_consumers)
        self._watchdog: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; returns at once, so that a service starts while the broker is away."""
        self._publishing.start()
        self._consuming.start()
        self._watchdog = self._watchdog or asyncio.create_task(self._watch(), name="consumer watchdog")

    async def _open_publisher(self, connection: AbstractConnection) -> None:
        self._channel = await connection.channel(publisher_confirms=True)
        for exchange in self._exchanges:
            await _declare_exchange(self._channel, exchange)

    async def _open_consumers(self, connection: AbstractConnection) -> None:
        for subscription in self._subscriptions.values():
            await subscription.open(connection)

    async def declare(self, exchange: str) -> None:
        """Have an exchange, now or as soon as the broker is there."""
        self._exchanges.add(exchange)
        if self._publishing.connection is not None and self._channel is not None:
            await _declare_exchange(self._channel, exchange)

    async def publish(self, exchange: str, messages: Sequence[Message]) -> None:
        """Publish with confirms, WINDOW at a time; without a queue bound a message counts as taken."""
        channel = self._channel
        if self._publishing.connection is None or channel is None or channel.is_closed:
            await self._replace_closed(channel)
            raise PublishFailed("no connection to the broker")
        try:
            target = await channel.get_exchange(exchange, ensure=False)
            for start in range(0, len(messages), WINDOW):
                window = [target.publish(_to_amqp(each), "event") for each in messages[start : start + WINDOW]]
                results = await asyncio.gather(*window, return_exceptions=True)
                failed = [each for each in results if isinstance(each, BaseException)]
                if failed:
                    raise PublishFailed(f"not confirmed: {type(failed[0]).__name__}") from failed[0]
        except (AMQPError, OSError, RuntimeError) as error:
            raise PublishFailed(f"{type(error).__name__}") from error
        finally:
            await self._replace_closed(channel)

    async def _replace_closed(self, channel: AbstractChannel | None) -> None:
        """The broker closes a channel whose exchange is gone; with a new connection it is declared anew."""
        if channel is not None and channel.is_closed and channel is self._channel:
            self._channel = None
            await self._publishing.drop()

    async def subscribe(
        self, queue: str, exchanges: Sequence[str], deliver: Deliver, takes_over: TakesOver | None = None
    ) -> None:
        """Consume from the queue, now or as soon as the broker is there."""
        subscription = self._subscriptions[queue] = _Subscription(queue, tuple(exchanges), deliver, takes_over)
        if self._consuming.connection is not None:
            await subscription.open(self._consuming.connection)

    async def waiting(self, queue: str) -> int | None:
        """Messages in the queue, and those that were handed to us and not handled yet."""
        subscription, connection = self._subscriptions.get(queue), self._consuming.connection
        if subscription is None or connection is None:
            return None
        try:
            async with asyncio.timeout(WATCH):
                ready = (await subscription.look(connection)).message_count or 0
        except (AMQPError, OSError, TimeoutError, RuntimeError):
            return None
        return ready + subscription.waiting.qsize() + (not subscription.idle.is_set())

    async def unsubscribe(self, queue: str) -> None:
        """Take no more, and wait for what is being handled."""
        subscription = self._subscriptions.pop(queue, None)
        if subscription is not None:
            await subscription.drain()

    async def accepting(self) -> bool:
        """Connected, and the broker does not block publishers."""
        connection = self._publishing.connection
        transport = getattr(connection, "transport", None)
        if transport is None:
            return False
        try:
            async with asyncio.timeout(0.05):
                await transport.connection.ready()
        except TimeoutError:
            return False
        return True

    def consuming(self, queue: str) -> bool:
        """Whether our consumer is open."""
        subscription = self._subscriptions.get(queue)
        return bool(self._consuming.connection and subscription and subscription.tag)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH)
            connection = self._consuming.connection
            if connection is None:
                continue
            try:
                async with asyncio.timeout(WATCH):
                    present = [await each.present(connection) for each in self._subscriptions.values()]
            except Exception:  # noqa: BLE001  who can't be asked is as good as gone
                present = [False]
            if all(present):
                await self._bind_again(connection)
            else:
                log.warning("a consumer was gone, connecting anew")
                await self._consuming.drop()

    async def _bind_again(self, connection: AbstractConnection) -> None:
        try:
            async with asyncio.timeout(WATCH):
                for each in self._subscriptions.values():
                    await each.bind_again(connection)
        except Exception as error:  # noqa: BLE001  a slow broker is no reason to give up what works
            log.info("not bound again", error=type(error).__name__)

    async def close(self) -> None:
        """Stop taking, drain, disconnect."""
        if self._watchdog is not None:
            await _ended(self._watchdog)
        await asyncio.gather(*(self.unsubscribe(queue) for queue in list(self._subscriptions)))
        await asyncio.gather(self._publishing.close(), self._consuming.close())


async def _batch(waiting: asyncio.Queue[AbstractIncomingMessage]) -> list[AbstractIncomingMessage]:
    batch = [await waiting.get()]
    size = len(batch[0].body)
    while size < BATCH_BYTES and not waiting.empty():
        batch.append(waiting.get_nowait())
        size += len(batch[-1].body)
    return batch


async def _declare_exchange(channel: AbstractChannel, name: str) -> None:
    await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)


async def _declare_queue(connection: Any, channel: AbstractChannel, name: str) -> tuple[Any, AbstractChannel]:
    arguments: dict[str, Any] = {"x-queue-type": "quorum"}
    if int(str(connection.transport.connection.server_properties["version"]).split(".")[0]) >= 4:
        # 4.x counts redeliveries against 20 unless told: a cut connection would dead-letter innocent messages.
        arguments["x-delivery-limit"] = -1
    try:
        return await channel.declare_queue(name, durable=True, arguments=arguments), channel
    except ChannelPreconditionFailed:
        log.warning("the queue exists with other arguments and is used as it is", queue=name)
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=PREFETCH)
        return await channel.declare_queue(name, passive=True), channel


def _to_amqp(message: Message) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        content_type=message.content_type,
        headers=dict(message.headers),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def _from_amqp(message: AbstractIncomingMessage) -> Message:
    headers = {name: str(value) for name, value in message.headers.items()}
    return Message(message.body, message.content_type or "", headers, bool(message.redelivered))
