"""The product with one layer switched off, from outside: the layers behind it, or the checker, must notice."""

from collections.abc import Callable, Sequence
from typing import Any

from shared.contracts.envelope import Event
from shared.messaging.inbox import Key, Plan, State, Subject, key_of


def forgetful(plan: Callable[..., Plan]) -> Callable[..., Plan]:
    """Positions switched off: whatever comes is taken for what comes next."""

    def forgetting(subjects: dict[Key, Subject], events: Sequence[Event], *rest: Any, **more: Any) -> Plan:
        for event in sorted(events, key=lambda each: -each.sequence):
            subject = subjects[key_of(event)]
            if event.sequence <= subject.sequence:
                subject.sequence, subject.hash = event.sequence - 1, event.prevhash
        return plan(subjects, events, *rest, **more)

    return forgetting


def losing_what_is_ahead(plan: Callable[..., Plan]) -> Callable[..., Plan]:
    """What is ahead of a gap is dropped, not parked."""

    def losing(*rest: Any, **more: Any) -> Plan:
        result = plan(*rest, **more)
        result.park = [each for each in result.park if each.state is not State.WAITING]
        return result

    return losing
