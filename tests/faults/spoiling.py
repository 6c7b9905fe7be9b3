"""Real events of real cases whose handling fails for as long as it is told to: they become dead letters, and what comes
after them in their case waits. Wraps the product from outside, as the hooks do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from inspect import signature
from pathlib import Path
from typing import Any

from shared.messaging.consumer import Consumer, RetryPolicy
from shared.messaging.handlers import Handler, Received

#: Failures after which an event is a dead letter: some eight seconds, where the product takes a minute.
ATTEMPTS = 5


class Spoilt(Exception):
    """The event's handling fails, by the fault suite's doing."""


@dataclass
class Spoiling:
    """What was spoilt in one run; ``folder`` is shared with the processes."""

    folder: Path
    #: A consumer and a case, of which it can handle nothing.
    spoilt: list[tuple[str, str]] = field(default_factory=list)

    def spoil(self, consumer: str, subject: str) -> None:
        """From now on every event of the subject fails there."""
        self._file(consumer, subject, "felt").unlink(missing_ok=True)
        self._file(consumer, subject, "spoilt").touch()
        self.spoilt.append((consumer, subject))

    def felt(self, consumer: str, subject: str) -> bool:
        """Whether an event has failed."""
        return self._file(consumer, subject, "felt").exists()

    def give_up(self, consumer: str, subject: str) -> bool:
        """Spoil it no more if nothing has failed; whether that is so. One that is failing just now keeps failing."""
        self._file(consumer, subject, "spoilt").unlink()
        if self.felt(consumer, subject):
            self._file(consumer, subject, "spoilt").touch()
            return False
        self.spoilt.remove((consumer, subject))
        return True

    def mend(self) -> None:
        """Everything can be handled again."""
        for consumer, subject in self.spoilt:
            self._file(consumer, subject, "spoilt").unlink()

    def _file(self, consumer: str, subject: str, state: str) -> Path:
        return self.folder / f"{consumer}.{subject}.{state}"


def install(folder: Path, replica: str) -> None:
    """Wrap the handlers of this process. Before ``hooks.install``, whose ledger notes no effect of what has failed."""
    service = replica.rpartition("-")[0]
    init, parameters = Consumer.__init__, signature(Consumer.__init__)

    @wraps(init)
    def initialise(*arguments: Any, **more: Any) -> None:
        bound = parameters.bind(*arguments, **more)
        handlers: dict[str, Handler] = bound.arguments["handlers"]
        bound.arguments["handlers"] = {
            type: replace(each, function=partial(_spoilt, folder, service, each.function))
            for type, each in handlers.items()
        }
        bound.arguments["policy"] = replace(bound.arguments.get("policy", RetryPolicy()), attempts=ATTEMPTS)
        init(*bound.args, **bound.kwargs)

    Consumer.__init__ = initialise  # type: ignore[method-assign]


def _spoilt(folder: Path, service: str, handle: Callable[[Received[Any], Any], None], *both: Any) -> None:
    received: Received[Any] = both[0]
    spoilt = folder / f"{service}.{received.subject}.spoilt"
    if spoilt.exists():
        spoilt.with_suffix(".felt").touch()
        raise Spoilt
    handle(*both)
