"""Compares what producers recorded with what took effect in consumers, in Jepsen's words. Pure: no I/O.

``lost``: in the log, without effect. ``duplicated``: effects beyond an event's first. ``unexpected``: effects of events
that no log holds. ``recovered``: events that came from the producer's log, not over the broker. ``disordered``: first
effects that came after one of a later event of their subject.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.envelope import GENESIS, Event

#: Of one subject: the sequence and the id of each event, in the log's order.
SubjectLog = Sequence[tuple[int, UUID]]
#: Of one producer: each subject's events.
ProducerLog = Mapping[str, SubjectLog]
#: A place in a producer's log.
Place = tuple[str, int]

#: Who follows whom: as it must be, whatever a running service says of itself.
FOLLOWS: Mapping[str, Sequence[str]] = {
    "screening": ("/homeward/travel", "/homeward/monitoring"),
    "travel": ("/homeward/screening",),
    "reintegration": ("/homeward/screening", "/homeward/travel"),
    "monitoring": ("/homeward/reintegration", "/homeward/screening"),
    "partners": ("/homeward/screening", "/homeward/travel", "/homeward/reintegration", "/homeward/monitoring"),
    "gateway": ("/homeward/screening", "/homeward/travel", "/homeward/reintegration", "/homeward/monitoring"),
}

#: Places that are named of each kind of fault.
NAMED = 3


@dataclass(frozen=True, slots=True)
class Effect:
    """An event that a handler has taken, in a transaction that was committed; ``serial`` tells their order."""

    serial: int
    source: str
    subject: str
    sequence: int
    event_id: UUID
    #: ``bus`` or ``log``: how the event came.
    via: str = "bus"


@dataclass(frozen=True)
class Delivery:
    """The account of one consumer and one source."""

    published: int = 0
    handled: int = 0
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    recovered: int = 0
    disordered: int = 0
    #: What was skipped by a person's decision, and is neither handled nor lost.
    skipped: int = 0
    #: The first places of each kind of fault.
    examples: Mapping[str, Sequence[Place]] = field(default_factory=dict, compare=False)

    @property
    def exactly_once(self) -> bool:
        """Whether everything took effect once and in order."""
        return not (self.lost or self.duplicated or self.unexpected or self.disordered)

    def faults(self) -> dict[str, int]:
        """What is wrong, by its word."""
        words = ("lost", "duplicated", "unexpected", "disordered")
        return {word: getattr(self, word) for word in words if getattr(self, word)}


def deliver(log: ProducerLog, effects: Iterable[Effect], skipped: Collection[Place] = ()) -> Delivery:
    """The account of one producer's log and one consumer's effects of it."""
    written = {(subject, sequence): id for subject, events in log.items() for sequence, id in events}
    first: dict[Place, Effect] = {}
    duplicated, unexpected = [], []
    for effect in sorted(effects, key=lambda each: each.serial):
        place = (effect.subject, effect.sequence)
        if written.get(place) != effect.event_id:
            unexpected.append(place)
        elif place in first:
            duplicated.append(place)
        else:
            first[place] = effect
    lost = sorted(written.keys() - first.keys() - set(skipped))
    disordered = _disordered(first.values())
    faults = {"lost": lost, "duplicated": duplicated, "unexpected": unexpected, "disordered": disordered}
    return Delivery(
        published=len(written),
        handled=len(first),
        recovered=sum(effect.via == "log" for effect in first.values()),
        skipped=len(written.keys() & set(skipped) - first.keys()),
        examples={word: places[:NAMED] for word, places in faults.items() if places},
        **{word: len(places) for word, places in faults.items()},
    )


def _disordered(effects: Iterable[Effect]) -> list[Place]:
    reached: dict[str, int] = {}
    found = []
    for effect in sorted(effects, key=lambda each: each.serial):
        if effect.sequence < reached.get(effect.subject, 0):
            found.append((effect.subject, effect.sequence))
        reached[effect.subject] = max(effect.sequence, reached.get(effect.subject, 0))
    return found


def account(
    logs: Mapping[str, ProducerLog],
    effects: Mapping[str, Sequence[Effect]],
    follows: Mapping[str, Iterable[str]],
    skipped: Mapping[str, Mapping[str, Collection[Place]]] = {},
) -> dict[tuple[str, str], Delivery]:
    """The account of every consumer and each source: it follows it, or it has effects of it."""
    found = {}
    for consumer, own in effects.items():
        for source in sorted({*follows.get(consumer, ()), *(effect.source for effect in own)}):
            of_source = [effect for effect in own if effect.source == source]
            left_out = skipped.get(consumer, {}).get(source, ())
            found[consumer, source] = deliver(logs.get(source, {}), of_source, left_out)
    return found


def total(deliveries: Iterable[Delivery]) -> Delivery:
    """All of them together."""
    words = ("published", "handled", "lost", "duplicated", "unexpected", "recovered", "disordered", "skipped")
    found = list(deliveries)
    return Delivery(**{word: sum(getattr(each, word) for each in found) for word in words})


def broken_links(events: Iterable[tuple[Event, bytes]]) -> list[Place]:
    """Places at which a log's chain is broken: each event comes with the hash that was stored for it."""
    ends: dict[str, tuple[int, bytes]] = {}
    broken = []
    for event, stored in sorted(events, key=lambda each: (each[0].subject, each[0].sequence)):
        last, expected = ends.get(event.subject, (0, GENESIS))
        if (event.sequence, event.prevhash, event.hash) != (last + 1, expected, stored):
            broken.append((event.subject, event.sequence))
        ends[event.subject] = (event.sequence, stored)
    return broken
