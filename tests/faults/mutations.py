"""The product with one layer switched off, for the checker to go red: named on the command line, applied in every
process of the suite.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from aiormq.channel import Channel

from shared.contracts.envelope import Event
from shared.messaging import inbox
from shared.messaging.bus import Message, PublishFailed
from shared.messaging.inbox import Key, Plan, Subject, key_of
from shared.messaging.producer_log import HttpProducerLog
from shared.messaging.rabbitmq import RabbitBus


def positions() -> None:
    """Whatever comes is taken for what comes next: nothing is dropped as a duplicate."""
    plan = inbox.plan

    def forgetting(subjects: dict[Key, Subject], events: Sequence[Event], *rest: Any, **more: Any) -> Plan:
        for event in sorted(events, key=lambda each: -each.sequence):
            subject = subjects[key_of(event)]
            if event.sequence <= subject.sequence:
                subject.sequence, subject.hash = event.sequence - 1, event.prevhash
        return plan(subjects, events, *rest, **more)

    inbox.plan = forgetting


def confirms() -> None:
    """Publishing returns at once, and what was handed over counts as published whatever becomes of it."""
    publish = RabbitBus.publish
    under_way: set[asyncio.Task[None]] = set()

    async def carelessly(self: RabbitBus, exchange: str, messages: Sequence[Message]) -> None:
        async def send() -> None:
            with suppress(PublishFailed):
                await publish(self, exchange, messages)

        under_way.add(task := asyncio.create_task(send()))
        task.add_done_callback(under_way.discard)

    RabbitBus.publish = carelessly  # type: ignore[method-assign]


def ack_after_commit() -> None:
    """The broker forgets a message when it hands it out, before it is handled."""
    consume = Channel.basic_consume

    async def consuming(self: Channel, *arguments: Any, **more: Any) -> Any:
        return await consume(self, *arguments, **{**more, "no_ack": True})

    async def acknowledge(*_: Any, **__: Any) -> None:
        return None

    Channel.basic_consume, Channel.basic_ack = consuming, acknowledge  # type: ignore[method-assign]


def gap_repair() -> None:
    """Nothing is ever fetched from a producer's log."""

    async def nothing(*_: Any) -> list[Event]:
        return []

    HttpProducerLog.of_subjects = nothing  # type: ignore[method-assign, assignment]


MUTATIONS: dict[str, Callable[[], None]] = {
    "positions": positions,
    "confirms": confirms,
    "ack-after-commit": ack_after_commit,
    "gap-repair": gap_repair,
}


def apply(names: str) -> None:
    """Apply mutations, named with commas between them."""
    for name in filter(None, names.split(",")):
        MUTATIONS[name]()
