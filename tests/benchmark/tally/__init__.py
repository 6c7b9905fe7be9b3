"""The smallest service: each event is deduplicated, changes one case's row, and has one outgoing event published."""

from dataclasses import dataclass
from uuid import UUID

from shared.contracts.envelope import Contract
from shared.messaging.handlers import Received, handlers, on
from shared.messaging.outbox import Outgoing
from shared.persistence.store import Collection, Store
from shared.persistence.unit_of_work import UnitOfWork


class Noted(Contract, type="org.homeward.benchmark.noted.v1"):
    """What the producer tells."""

    note: str


class Stamped(Contract, type="org.homeward.benchmark.stamped.v1"):
    """What the service tells in its turn."""

    count: int
    note: str


@dataclass
class Tally:
    """How many events a case has seen, and the last of them."""

    id: UUID
    count: int = 0
    note: str = ""


TALLIES = Store("cases", "tally", Tally)


class Unit(UnitOfWork):
    """A unit of work with tallies."""

    STORES = (TALLIES,)

    @property
    def tallies(self) -> Collection[Tally]:
        """The loaded tallies."""
        return self.collection(TALLIES)


def noted(received: Received[Noted], uow: Unit) -> None:
    """One more."""
    tally = uow.tallies.get(received.subject)
    tally.count, tally.note = tally.count + 1, received.data.note
    uow.record(Outgoing(tally.id, Stamped(count=tally.count, note=received.data.note)))


HANDLERS = handlers(on(Noted, noted, cases=lambda received: [received.subject]))
