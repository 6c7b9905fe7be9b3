"""What a process under fault does besides its work: it hurts itself at named points when it is told to, counts what
it is given, and keeps a ledger of effects. All of it wraps the product's public methods from outside.
"""

import asyncio
import mmap
import os
import signal
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any
from uuid import UUID

from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from pamqp.commands import Basic
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import REGISTRY, Event
from shared.messaging.bus import Message
from shared.messaging.consumer import Consumer
from shared.messaging.handlers import Handler, Handlers, Received
from shared.messaging.producer_log import HttpProducerLog
from shared.messaging.rabbitmq import RabbitBus
from shared.messaging.relay import Relay
from shared.persistence.database import Database, run
from shared.persistence.unit_of_work import UnitOfWork
from shared.telemetry import Metrics
from shared.web.commands import Command

#: Where a process may hurt itself. A consumer's points are also reached while parked events are tried again.
RELAY_POINTS = (
    "relay.claim.before",
    "relay.claim.after",
    "relay.publish.before",
    "relay.publish.after",
    "relay.confirm.before",
    "relay.confirm.after",
    "relay.mark.before",
    "relay.mark.after",
)
CONSUMER_POINTS = (
    "consumer.receive.before",
    "consumer.handle.before",
    "consumer.handle.after",
    "consumer.commit.before",
    "consumer.commit.after",
    "consumer.ack.before",
    "consumer.ack.after",
)
COMMAND_POINTS = ("command.commit.before", "command.commit.after", "command.answer.before")
POINTS = (*RELAY_POINTS, *CONSUMER_POINTS, *COMMAND_POINTS)

#: What a process counts, in the order in which the numbers stand in its file.
COUNTED = ("messages", "redelivered", "published", "handled", "duplicates", "parked", "recovered", "dead", "recorded")

LEDGER = """CREATE TABLE IF NOT EXISTS test_effects (
    serial bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source text NOT NULL, subject text NOT NULL,
    sequence bigint NOT NULL, event_id uuid NOT NULL, via text NOT NULL, replica text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp())"""


class Points:
    """Reads what it is told for a point from ``<replica>.<point>.armed`` (the signal, and at which time from now on),
    and leaves ``.fired`` in its place when it does it.
    """

    def __init__(self, folder: Path, replica: str) -> None:
        self._armed = {point: folder / f"{replica}.{point}.armed" for point in POINTS}
        self._reached = dict.fromkeys(POINTS, 0)

    def reach(self, point: str) -> None:
        """Die or stop here if that was asked for."""
        armed = self._armed[point]
        if not os.path.exists(armed):
            self._reached[point] = 0
            return
        number, times = map(int, armed.read_text().split())
        self._reached[point] += 1
        if self._reached[point] >= times:
            armed.rename(armed.with_suffix(".fired"))
            os.kill(os.getpid(), number)


class Counters:
    """Numbers in a file that outlives the process that counts."""

    def __init__(self, path: Path) -> None:
        size = 8 * len(COUNTED)
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    def add(self, name: str, amount: int) -> None:
        at = 8 * COUNTED.index(name)
        struct.pack_into("q", self._map, at, struct.unpack_from("q", self._map, at)[0] + amount)


def read_counters(path: Path) -> dict[str, int]:
    """What a replica has counted in all its lives."""
    if not path.exists():
        return dict.fromkeys(COUNTED, 0)
    return dict(zip(COUNTED, struct.unpack(f"{len(COUNTED)}q", path.read_bytes()), strict=True))


def arm(folder: Path, replica: str, point: str, number: signal.Signals, times: int = 1) -> Path:
    """Have a replica hurt itself when it reaches the point for so many times from now; the file in which it says so."""
    draft, armed = (folder / f"{replica}.{point}.{state}" for state in ("draft", "armed"))
    draft.write_text(f"{int(number)} {times}")
    draft.rename(armed)
    return armed.with_suffix(".fired")


def disarm(folder: Path, replica: str = "*", point: str = "*") -> None:
    """Have it hurt itself no more; everybody and everywhere without a name."""
    for state in ("armed", "fired"):
        for path in folder.glob(f"{replica}.{point}.{state}"):
            path.unlink(missing_ok=True)


def install(folder: Path, replica: str) -> None:
    """Wrap the product in this process."""
    points, counters = Points(folder, replica), Counters(folder / f"{replica}.counters")
    _count(counters)
    _hurt_relay(points)
    _hurt_confirms(points)
    _hurt_transactions(points)
    _hurt_acknowledgement(points)
    _hurt_consumer(points, counters)
    _keep_ledger(replica)


def _around(
    owner: type, name: str, reach: Callable[[str], None], before: str, after: str, *, only_if_something: bool = False
) -> None:
    original = getattr(owner, name)

    @wraps(original)
    async def wrapped(*arguments: Any, **more: Any) -> Any:
        reach(before)
        result = await original(*arguments, **more)
        if result or not only_if_something:
            reach(after)
        return result

    setattr(owner, name, wrapped)


def _hurt_relay(points: Points) -> None:
    _around(Relay, "claim", points.reach, "relay.claim.before", "relay.claim.after", only_if_something=True)
    _around(RabbitBus, "publish", points.reach, "relay.publish.before", "relay.publish.after")
    _around(Relay, "mark", points.reach, "relay.mark.before", "relay.mark.after")


def _hurt_confirms(points: Points) -> None:
    """Between a message's last byte, handed to the system, and the broker's word for it; and right after that word."""
    marshall, confirm = ChannelFrame.marshall, Channel._confirm_delivery

    def sent(drained: asyncio.Future[None]) -> None:
        if not drained.cancelled() and drained.exception() is None:
            points.reach("relay.confirm.before")

    def marshalling(channel_number: int, frames: Any, drain_future: asyncio.Future[None] | None = None) -> ChannelFrame:
        told = list(frames)
        if drain_future is not None and isinstance(told[0], Basic.Publish):
            drain_future.add_done_callback(sent)
        return marshall(channel_number, told, drain_future)

    def confirming(self: Channel, tag: int | None, frame: Any) -> None:
        confirm(self, tag, frame)
        points.reach("relay.confirm.after")

    ChannelFrame.marshall = staticmethod(marshalling)  # type: ignore[method-assign]
    Channel._confirm_delivery = confirming  # type: ignore[assignment, method-assign]


def _hurt_acknowledgement(points: Points) -> None:
    _around(Channel, "basic_ack", points.reach, "consumer.ack.before", "consumer.ack.after")


#: What the transaction of this task does: ``consumer`` or ``command``, once its unit of work is flushed.
_flushed: ContextVar[str] = ContextVar("_flushed", default="")
_commanding: ContextVar[bool] = ContextVar("_commanding", default=False)
_receiving: ContextVar[bool] = ContextVar("_receiving", default=False)


def _hurt_transactions(points: Points) -> None:
    original = Database.transaction

    @asynccontextmanager
    async def transaction(self: Database) -> AsyncIterator[AsyncConnection]:
        _flushed.set("")
        async with original(self) as connection:
            yield connection
            what = _flushed.get()
            if what:
                points.reach(f"{what}.commit.before")
        _flushed.set("")
        if what:
            points.reach(f"{what}.commit.after")

    Database.transaction = transaction  # type: ignore[method-assign]
    command = Command.run

    async def answer(self: Command[Any], *arguments: Any, **more: Any) -> Any:
        _commanding.set(True)
        result = await command(self, *arguments, **more)
        points.reach("command.answer.before")
        return result

    Command.run = answer  # type: ignore[method-assign]


def _hurt_consumer(points: Points, counters: Counters) -> None:
    receive, handle = Consumer.receive, Consumer.handle

    async def receiving(self: Consumer, messages: Sequence[Message]) -> None:
        counters.add("messages", len(messages))
        counters.add("redelivered", sum(each.redelivered for each in messages))
        points.reach("consumer.receive.before")
        token = _receiving.set(True)
        try:
            await receive(self, messages)
        finally:
            _receiving.reset(token)

    async def handling(self: Consumer, events: Sequence[Event], *arguments: Any, **more: Any) -> int:
        if events:
            points.reach("consumer.handle.before")
        return await handle(self, events, *arguments, **more)

    Consumer.receive, Consumer.handle = receiving, handling  # type: ignore[method-assign]
    flush = UnitOfWork.flush

    async def flushing(self: UnitOfWork) -> None:
        await flush(self)
        if getattr(self, "_effects", None):
            points.reach("consumer.handle.after")
            _flushed.set("consumer")
        elif _commanding.get():
            _flushed.set("command")

    UnitOfWork.flush = flushing  # type: ignore[method-assign]


def _keep_ledger(replica: str) -> None:
    """A row for each event whose handler has run, in the transaction of its effects. Types that a service does not
    handle get a handler that does nothing, so that the ledger holds every event that the service follows.
    """
    from_log: deque[UUID] = deque(maxlen=50_000)
    fetch = HttpProducerLog.of_subjects

    async def fetching(self: HttpProducerLog, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        events = await fetch(self, wanted, limit)
        from_log.extend(event.id for event in events)
        return events

    HttpProducerLog.of_subjects = fetching  # type: ignore[method-assign]
    init, parameters = Consumer.__init__, signature(Consumer.__init__)

    def initialise(*arguments: Any, **more: Any) -> None:
        bound = parameters.bind(*arguments, **more)
        bound.arguments["handlers"] = _noting(bound.arguments["handlers"], from_log)
        init(*bound.args, **bound.kwargs)

    Consumer.__init__ = initialise  # type: ignore[method-assign]
    flush = UnitOfWork.flush

    async def flushing(self: UnitOfWork) -> None:
        if effects := getattr(self, "_effects", None):
            await _write(self.connection, effects, replica)
        await flush(self)

    UnitOfWork.flush = flushing  # type: ignore[method-assign]


def _noting(handlers: Handlers, from_log: Sequence[UUID]) -> Handlers:
    idle = {type: Handler(contract, lambda received, unit: None, {}) for type, contract in REGISTRY.items()}
    return {type: replace(each, function=_noted(each, from_log)) for type, each in {**idle, **handlers}.items()}


def _noted(handler: Handler, from_log: Sequence[UUID]) -> Callable[[Received[Any], Any], None]:
    def function(received: Received[Any], unit: Any) -> None:
        handler.function(received, unit)
        via = "log" if not _receiving.get() and received.event.id in from_log else "bus"
        unit.__dict__.setdefault("_effects", []).append((received.event, via))

    return function


async def _write(connection: AsyncConnection, effects: Sequence[tuple[Event, str]], replica: str) -> None:
    await run(
        connection,
        """INSERT INTO test_effects (source, subject, sequence, event_id, via, replica)
           SELECT *, CAST(:replica AS text) FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]),
               CAST(:sequences AS bigint[]), CAST(:ids AS uuid[]), CAST(:vias AS text[]))""",
        sources=[event.source for event, _ in effects],
        subjects=[event.subject for event, _ in effects],
        sequences=[event.sequence for event, _ in effects],
        ids=[event.id for event, _ in effects],
        vias=[via for _, via in effects],
        replica=replica,
    )


def _count(counters: Counters) -> None:
    init = Metrics.__init__

    def initialise(self: Metrics, *arguments: Any, **more: Any) -> None:
        init(self, *arguments, **more)
        for name in ("published", "handled", "duplicates", "parked", "recovered", "dead", "recorded"):
            setattr(self, name, _Counting(getattr(self, name), counters, name))

    Metrics.__init__ = initialise  # type: ignore[method-assign]


class _Counting:
    def __init__(self, instrument: Any, counters: Counters, name: str) -> None:
        self._instrument, self._counters, self._name = instrument, counters, name

    def add(self, amount: int, *arguments: Any, **more: Any) -> None:
        self._counters.add(self._name, amount)
        self._instrument.add(amount, *arguments, **more)
