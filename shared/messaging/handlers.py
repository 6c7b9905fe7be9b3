"""A service's reactions: which function handles which event, and which aggregates it touches."""

import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.envelope import Contract, Event
from shared.contracts.versions import lineage, upcast

#: In whose files it says little that an error was raised there.
_LIBRARIES = ("site-packages", sysconfig.get_path("stdlib"))
C = TypeVar("C", bound=Contract)
U = TypeVar("U")


class NotYet(Exception):
    """Another source's event must come first; this one is tried again and the wait is not counted as a failure."""


class BadData(Exception):
    """The envelope can be read, but the data doesn't fit the type's schema: a dead letter at its place."""


@dataclass(slots=True)
class Received(Generic[C]):
    """An event as a handler sees it."""

    event: Event
    data: C
    #: The aggregate that the event is about.
    subject: UUID

    @property
    def time(self) -> datetime:
        """The programme's time at which it happened."""
        return self.event.time


@dataclass(frozen=True)
class Handler:
    """How one event type is handled."""

    contract: type[Contract]
    function: Callable[[Received[Any], Any], None]
    touches: Mapping[str, Callable[[Received[Any]], Iterable[UUID]]]


Handlers = Mapping[str, Handler]


def on(
    contract: type[C],
    function: Callable[[Received[C], U], None],
    **touches: Callable[[Received[C]], Iterable[UUID]],
) -> Handler:
    """Handle events of this contract; ``touches`` gives the ids to load, by kind of aggregate."""
    return Handler(contract, function, touches)


def handlers(*each: Handler) -> Handlers:
    """The table of a service's handlers, by event type: each also handles the types that its own has replaced."""
    table = {older.type: handler for handler in each for older in lineage(handler.contract)}
    if len(table) != sum(1 for handler in each for _ in lineage(handler.contract)):
        raise TypeError("two handlers for one event type")
    for newer in (handler.contract.replaced_by for handler in each):
        # It would pass over whatever is recorded from now on.
        if newer:
            raise TypeError(f"{newer.type} is what must be handled now")
    return table


def receive(event: Event, contract: type[C]) -> Received[C]:
    """The event with its data checked against its type's contract, and told as the handler's contract does."""
    return Received(event, _told_as(contract, event), _subject(event))


def _told_as(contract: type[C], event: Event) -> C:
    try:
        recorded = event.contract
    except ValidationError as error:
        raise BadData(f"data does not fit {event.type}: {_faults(error)}") from None
    try:
        return upcast(recorded, contract)
    except ValidationError as error:
        raise BadData(f"what became of {event.type} does not fit {contract.type}: {_faults(error)}") from None
    except ValueError as error:
        # Only where: the text may quote a value.
        raise BadData(f"{event.type} can't be told as {contract.type}: {where(error)}") from None


def _subject(event: Event) -> UUID:
    try:
        return event.subject_id
    except ValueError:
        raise BadData("subject is not a UUID") from None


def _faults(error: ValidationError) -> str:
    """Where and what, never the value: it may be personal."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors())


def where(error: Exception) -> str:
    """The kind of an error, and where it was raised: the text of a foreign one may quote values."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if not any(part in each.filename for part in _LIBRARIES)] or frames
    name = type(error).__name__
    return f"{name} in {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else name
