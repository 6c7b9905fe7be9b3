"""Puts the checker, the model and the rules together: what is wrong with a run, one sentence each."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import httpx

from shared.programme import load_programme
from tests.faults.checker import FOLLOWS, Delivery, account, broken_links
from tests.faults.comparison import broken_rules, compare
from tests.faults.desk import REPAIR, Desk, Outcome, Record
from tests.faults.gates import wrong_gates
from tests.faults.history import expected, ghosts
from tests.faults.inspection import Findings
from tests.faults.model import Executed, world
from tests.faults.planted import Planted

#: Sentences of one kind; and commands that are sent once more in the end.
_NAMED, _REPEATED = 8, 40


def verdict(
    findings: Findings, records: Sequence[Record], planted: Planted
) -> tuple[dict[tuple[str, str], Delivery], list[str]]:
    """The account of every consumer and source, and all that is wrong."""
    deliveries = account(findings.logs(), findings.effects, FOLLOWS, planted.skipped())
    executed = list(_executed(findings, records))
    sentences = (
        _deliveries(deliveries),
        planted.repaired(findings),
        _chains(findings),
        _records(findings, records),
        _states(findings, executed),
        _events(findings, executed, planted),
        broken_rules(findings.states, load_programme(None).reintegration.ceiling),
    )
    return deliveries, [each for some in sentences for each in islice(some, _NAMED)]


def _deliveries(deliveries: Mapping[tuple[str, str], Delivery]) -> Iterator[str]:
    for (consumer, source), delivery in deliveries.items():
        for word, number in delivery.faults().items():
            places = ", ".join(f"{subject} {sequence}" for subject, sequence in delivery.examples[word])
            yield f"{consumer} of {source}: {number} {word} ({places})"


def _chains(findings: Findings) -> Iterator[str]:
    for source, events in findings.events.items():
        if broken := broken_links(events):
            yield f"{source}: the chain is broken at {broken[:3]}"
    yield from (f"{name}: {count} subjects diverged" for name, count in findings.diverged.items() if count)


def _records(findings: Findings, records: Sequence[Record]) -> Iterator[str]:
    for record in [each for each in records if each.kind != REPAIR]:
        done = record.key in findings.executed
        if record.outcome is Outcome.ACKNOWLEDGED and not done:
            yield f"{record.kind} {record.about} was acknowledged and has left no trace"
        if record.outcome is Outcome.REFUSED and done:
            yield f"{record.kind} {record.about} was refused with {record.status} and has taken effect"


def _states(findings: Findings, executed: Sequence[Executed]) -> Iterator[str]:
    yield from compare(world(executed), findings.states)


def _events(findings: Findings, executed: Sequence[Executed], planted: Planted) -> Iterator[str]:
    events = {
        source: [event for event, _ in of_source if event.subject not in planted.poisoned]
        for source, of_source in findings.events.items()
    }
    yield from ghosts(expected(executed), chain.from_iterable(events.values()))
    yield from wrong_gates(world(executed), events, findings.states["travel_case"])


def _executed(findings: Findings, records: Sequence[Record]) -> Iterator[Executed]:
    """In the order in which they took effect; what is unknown at the desk is known to the service."""
    done = [(findings.executed[each.key][1], each) for each in records if each.key in findings.executed]
    for _, record in sorted(done, key=itemgetter(0)):
        yield Executed(record.kind, record.about, findings.executed[record.key][0])


async def repeated(desk: Desk, seed: int) -> list[str]:
    """Some acknowledged commands once more, with their keys: the answer must be the same."""
    known = [each for each in desk.records if each.accepted and each.kind != REPAIR]
    wrong = []
    for record in random.Random(seed).sample(known, min(_REPEATED, len(known))):
        try:
            answer: Any = (await desk.repeat(record)).json()
        except httpx.TransportError as error:
            answer = type(error).__name__
        if answer != record.answer:
            wrong.append(f"{record.kind} was answered {record.answer}, and repeated with its key {answer}")
    return wrong
