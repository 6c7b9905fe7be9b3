"""What was put among the events on purpose, and what must have become of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts import screening
from tests.faults.checker import FOLLOWS, Place
from tests.faults.inspection import Findings

#: A consumer, a source, a subject of it and a sequence.
Letter = tuple[str, str, str, int]


@dataclass(frozen=True)
class Planted:
    """Everything that the nemesis has planted in one run."""

    #: Subjects of screening's log whose second event doesn't fit its type.
    poisoned: Sequence[str] = ()
    undecodable: Sequence[bytes] = ()
    #: A consumer and a real case, of which it could handle nothing for a while.
    spoilt: Sequence[tuple[str, str]] = ()

    #: Who follows screening, and so has a dead letter of each.
    consumers = ("travel", "reintegration", "monitoring", "partners", "gateway")

    @property
    def poisons(self) -> set[Letter]:
        """The letters that nothing can mend: each is skipped in the end."""
        return {(name, screening.SOURCE, subject, 2) for name in self.consumers for subject in self.poisoned}

    @property
    def _behind_poisons(self) -> set[Letter]:
        return {(name, source, subject, 3) for name, source, subject, _ in self.poisons}

    def skipped(self) -> Mapping[str, Mapping[str, set[Place]]]:
        """By consumer and source: the places that are skipped in the end, and no others."""
        places = {(subject, sequence) for _, _, subject, sequence in self.poisons}
        return {name: {screening.SOURCE: places} for name in self.consumers}

    def held_up(self, findings: Findings) -> set[Letter]:
        """The first event, of each source, that a consumer could not handle of a spoilt case."""
        return {
            (consumer, source, subject, left[0])
            for consumer, subject in self.spoilt
            for source in FOLLOWS[consumer]
            if (left := _left(findings, consumer, source, subject))
        }

    def behind(self, findings: Findings) -> set[Letter]:
        """What waits behind those."""
        return {
            (consumer, source, subject, sequence)
            for consumer, source, subject, _ in self.held_up(findings)
            for sequence in _left(findings, consumer, source, subject)[1:]
        }

    def letters(self, findings: Findings) -> Iterator[str]:
        """Before anything is repaired: dead letters are exactly what was planted, the rest waits behind them, and no
        bytes were kept but those that were sent.
        """
        held_up = self.held_up(findings)
        yield from _difference("dead letter", findings.in_state("dead"), self.poisons | held_up)
        behind = self.behind(findings) | self._behind_poisons
        yield from _difference("waiting event", findings.in_state("waiting"), behind)
        for each in sorted({*self.spoilt} - {(consumer, subject) for consumer, _, subject, _ in held_up}):
            yield f"nothing was held up of a case that was spoilt: {each}"
        kept = {body for bodies in findings.unreadable.values() for body in bodies}
        yield from (f"kept as unreadable, and never sent: {body[:80]!r}" for body in kept - set(self.undecodable))

    def repaired(self, findings: Findings) -> Iterator[str]:
        """In the end: nothing is dead, and exactly the poisons are skipped, by a person's decision on record."""
        yield from _difference("dead letter", findings.in_state("dead"), set())
        yield from _difference("skipped event", findings.in_state("skipped"), self.poisons)
        yield from _difference("decision to skip", findings.skips, self.poisons)


def _left(findings: Findings, consumer: str, source: str, subject: str) -> list[int]:
    """What of the subject has had no effect, in order."""
    done = {each.sequence for each in findings.effects[consumer] if (each.source, each.subject) == (source, subject)}
    return sorted(
        event.sequence
        for event, _ in findings.events[source]
        if event.subject == subject and event.sequence not in done
    )


def _difference(what: str, found: set[Letter], expected: set[Letter]) -> Iterator[str]:
    yield from (f"a {what} that nobody planted: {each}" for each in sorted(found - expected))
    yield from (f"a planted {what} that is not there: {each}" for each in sorted(expected - found))
