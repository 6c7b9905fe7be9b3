"""Whether the suite is at rest: nothing waits anywhere, and all that was produced has been handled."""

from collections.abc import Mapping

from pydantic import BaseModel


class RestReport(BaseModel):
    """What one service says of itself; ``handled`` and ``dead`` are per source that it follows."""

    unpublished: int
    waiting: int
    produced: int
    handled: dict[str, int] = {}
    dead: dict[str, int] = {}


def unrest(first: Mapping[str, RestReport], second: Mapping[str, RestReport]) -> list[str]:
    """Why the suite is not at rest, from two rounds of reports; empty when it is.

    One round would not do: what a service had handled when it was asked may be less than what another has produced
    by the time that one is asked. What was handled in the first round must be all that was produced by the second.
    """
    reasons = []
    for name, report in [*first.items(), *second.items()]:
        if report.unpublished:
            reasons.append(f"{name} has {report.unpublished} unpublished events")
        if report.waiting:
            reasons.append(f"{name} has {report.waiting} waiting events")
    for consumer, report in first.items():
        for source, handled in report.handled.items():
            producer = second.get(source.rsplit("/", 1)[-1])
            behind = producer.produced - handled - report.dead.get(source, 0) if producer else 0
            if behind:
                reasons.append(f"{consumer} is {behind} events behind {source}")
    return list(dict.fromkeys(reasons))
