"""What a bus is: exchanges to publish to, queues that consumers compete on. Two of them pass one conformance suite."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What travels: one event in binary mode, or a batch of events."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The bus may have delivered this message before, to this consumer or to another.
    redelivered: bool = False


#: Is told how many messages wait in a queue before they are delivered; true to have the queue emptied instead.
TakesOver = Callable[[int], Awaitable[bool]]
#: Takes messages; returns when their effects are committed, raises to have them delivered again.
Deliver = Callable[[Sequence[Message]], Awaitable[None]]


class PublishFailed(Exception):
    """The bus did not confirm; the events stay in the log and are published again."""


class Bus(Protocol):
    """A message bus."""

    #: OpenTelemetry's ``messaging.system``.
    system: str

    async def start(self) -> None:
        """Begin to connect; returns at once."""

    async def declare(self, exchange: str) -> None:
        """Have an exchange; declaring it again changes nothing."""

    async def publish(self, exchange: str, messages: Sequence[Message]) -> None:
        """Return when the bus has taken every message; raise PublishFailed when it is not known to have."""

    async def subscribe(
        self, queue: str, exchanges: Sequence[str], deliver: Deliver, takes_over: TakesOver | None = None
    ) -> None:
        """Have a queue bound to everything of these exchanges, and deliver from it until ``unsubscribe``."""

    async def waiting(self, queue: str) -> int | None:
        """How many messages wait in the queue to be handled; None while the bus can't be reached."""

    async def unsubscribe(self, queue: str) -> None:
        """Take no more, and wait for what is being handled."""

    async def accepting(self) -> bool:
        """Whether publishing makes sense now: connected, and not blocked by the broker."""

    def consuming(self, queue: str) -> bool:
        """Whether the queue's consumer is there."""

    async def close(self) -> None:
        """Leave the bus."""


def exchange_of(source: str) -> str:
    """The exchange of a producer: ``/homeward/travel`` publishes to ``homeward.travel``."""
    return source.strip("/").replace("/", ".")
