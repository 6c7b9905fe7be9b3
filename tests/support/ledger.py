"""A ledger of effects beside a bench's consumers: a row for each event that a handler took, in its transaction.

Nothing in it is unique, so that what took effect twice stands there twice.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from shared.contracts.envelope import Event
from shared.messaging.consumer import Consumer
from shared.messaging.handlers import Handler, Received
from shared.messaging.outbox import Log
from tests.faults.checker import Delivery, Effect, deliver
from tests.support.bench import PRODUCER, Bench, Unit


class NotingLog(Log):
    """The producer's log, which notes what is fetched from it."""

    def __init__(self, log: Log) -> None:
        super().__init__(log.database, log.source)
        self.fetched: set[UUID] = set()

    async def of_subjects(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        events = await super().of_subjects(wanted, limit)
        self.fetched |= {event.id for event in events}
        return events


class Ledger:
    """The effects of one bench. Make it before the bench's consumers get anything to do."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.log = NotingLog(bench.log)
        bench.log = self.log
        self.note(bench.consumer)

    async def prepare(self) -> None:
        """Make the table."""
        await self.bench.execute(
            """CREATE TABLE effects (serial bigint GENERATED ALWAYS AS IDENTITY, source text NOT NULL,
                   subject text NOT NULL, sequence bigint NOT NULL, event_id uuid NOT NULL, via text NOT NULL)"""
        )

    def note(self, consumer: Consumer) -> Consumer:
        """Have a consumer's effects noted."""
        consumer.handlers = {
            type: replace(handler, function=self._noted(handler)) for type, handler in consumer.handlers.items()
        }
        return consumer

    def _noted(self, handler: Handler) -> Callable[[Received[Any], Unit], None]:
        def function(received: Received[Any], unit: Unit) -> None:
            handler.function(received, unit)
            event = received.event
            via = "log" if event.id in self.log.fetched else "bus"
            place = {"source": event.source, "subject": event.subject, "sequence": event.sequence}
            unit.insert("effects", {**place, "event_id": event.id, "via": via})

        return function

    async def account(self) -> Delivery:
        """The producer's log compared with the effects."""
        statement = "SELECT serial, source, subject, sequence, event_id, via FROM effects"
        effects = [Effect(*row) for row in await self.bench.query(statement)]
        log: dict[str, list[tuple[int, UUID]]] = defaultdict(list)
        statement = "SELECT subject, sequence, id FROM event_log ORDER BY subject, sequence"
        for row in await self.bench.query(statement, producer=True):
            log[row.subject].append((row.sequence, row.id))
        assert all(effect.source == PRODUCER for effect in effects)
        return deliver(log, effects)

    async def settled(self) -> bool:
        """Whether everything in the log has taken effect."""
        return (await self.account()).lost == 0
