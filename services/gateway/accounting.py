"""Each producer's log against each consumer's positions: what was handled, what is missing, what was handled twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Subjects that are named when they don't add up; their number is given in full.
NAMED = 50

Heads = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class Position:
    """How far a consumer is with one subject: the last sequence, its hash, and how many events took effect."""

    source: str
    subject: str
    sequence: int
    hash: str
    handled: int


def account(
    heads: Mapping[str, Heads], positions: Mapping[str, Iterable[Position]], follows: Mapping[str, Iterable[str]] = {}
) -> dict[str, Any]:
    """The account of a suite: heads per source, positions per consumer, and which sources each consumer follows."""
    return {
        "producers": {source: _produced(of_subjects) for source, of_subjects in heads.items()},
        "consumers": {
            consumer: _consumed(heads, each, follows.get(consumer, ())) for consumer, each in positions.items()
        },
    }


def _produced(heads: Heads) -> dict[str, int]:
    return {"subjects": len(heads), "events": sum(sequence for sequence, _ in heads.values())}


def _consumed(heads: Mapping[str, Heads], positions: Iterable[Position], follows: Iterable[str]) -> dict[str, Any]:
    by_source: dict[str, dict[str, Position]] = {source: {} for source in follows}
    for position in positions:
        by_source.setdefault(position.source, {})[position.subject] = position
    return {source: _compared(heads.get(source, {}), found) for source, found in sorted(by_source.items())}


def _compared(heads: Heads, found: Mapping[str, Position]) -> dict[str, Any]:
    behind = {
        subject: sequence - (found[subject].sequence if subject in found else 0)
        for subject, (sequence, _) in heads.items()
    }
    differing = [
        subject
        for subject, position in found.items()
        if heads.get(subject, (0, ""))[0] == position.sequence and heads[subject][1] != position.hash
    ]
    return {
        "subjects": len(found),
        "events": sum(position.sequence for position in found.values()),
        "handled": sum(position.handled for position in found.values()),
        "missing": sum(max(count, 0) for count in behind.values()),
        "ahead": sum(max(-count, 0) for count in behind.values())
        + sum(found[subject].sequence for subject in found.keys() - heads.keys()),
        "differing": len(differing),
        "subjects_behind": sorted(subject for subject, count in behind.items() if count)[:NAMED],
    }
