"""The bus of the embedded suite: no broker; publishing returns once every consumer has committed.

What a crash leaves unpublished is published again, so nothing needs to be kept here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.messaging.bus import Deliver, Message, PublishFailed, TakesOver


@dataclass
class _Queue:
    exchanges: frozenset[str]
    #: Competing replicas.
    replicas: list[Deliver]
    handling: set[asyncio.Task[None]] = field(default_factory=set)
    turn: int = 0


class InProcessBus:
    """Queues are consumers to call; replicas of a queue take turns."""

    system = "homeward_inprocess"

    def __init__(self) -> None:
        self._exchanges: set[str] = set()
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    async def start(self) -> None:
        """Nothing to connect to."""

    async def declare(self, exchange: str) -> None:
        """Have an exchange."""
        self._exchanges.add(exchange)

    async def publish(self, exchange: str, messages: Sequence[Message]) -> None:
        """Return when every bound queue's consumer has committed; a consumer that can't makes it fail as a whole.

        Consumers who have committed meanwhile drop the second delivery as a duplicate.
        """
        if self._closed:
            raise PublishFailed("the bus is closed")
        tasks = [self._hand_over(queue, messages) for queue in self._queues.values() if exchange in queue.exchanges]
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                raise PublishFailed(f"a consumer could not take it: {type(result).__name__}") from result

    def _hand_over(self, queue: _Queue, messages: Sequence[Message]) -> "asyncio.Task[None]":
        queue.turn += 1
        deliver = queue.replicas[queue.turn % len(queue.replicas)]
        task = asyncio.create_task(_deliver(deliver, messages))
        queue.handling.add(task)
        task.add_done_callback(queue.handling.discard)
        return task

    async def subscribe(
        self, queue: str, exchanges: Sequence[str], deliver: Deliver, takes_over: TakesOver | None = None
    ) -> None:
        """Deliver what is published to these exchanges. Nothing waits here, so there is nothing to take over."""
        for exchange in exchanges:
            await self.declare(exchange)
        known = self._queues.setdefault(queue, _Queue(frozenset(exchanges), []))
        known.replicas.append(deliver)

    async def waiting(self, queue: str) -> int:
        """What is being handled; the rest waits in the producers' logs."""
        known = self._queues.get(queue)
        return len(known.handling) if known else 0

    async def unsubscribe(self, queue: str) -> None:
        """Take no more, and wait for what is being handled."""
        known = self._queues.pop(queue, None)
        if known and known.handling:
            await asyncio.wait(known.handling)

    async def accepting(self) -> bool:
        """Always, until closed."""
        return not self._closed

    def consuming(self, queue: str) -> bool:
        """Whether the queue has a consumer."""
        return queue in self._queues

    async def close(self) -> None:
        """Take nothing more and wait for what is being handled."""
        self._closed = True
        for queue in list(self._queues):
            await self.unsubscribe(queue)


async def _deliver(deliver: Deliver, messages: Sequence[Message]) -> None:
    await deliver(messages)
