"""Lanes: a large batch is handled in several transactions side by side, one computing while another waits for the
database.

What belongs together goes into one lane. Lanes that share a family wait for each other's locks, and don't see whom the
other has just added to it: when they were made by subject alone, every third of travel's batches was done again.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from shared.contracts.envelope import Event

#: Events from which on a batch has lanes.
SIDE_BY_SIDE = 100
#: How many there are at most.
LANES = 2


def split(
    events: Sequence[Event], groups: Sequence[Iterable[Hashable]], joints: Iterable[Iterable[Hashable]]
) -> list[list[Event]]:
    """The events in at most LANES lanes of about the same length, each in its order.

    ``groups`` names for each event what it concerns, ``joints`` what else belongs together.
    """
    sets = _Sets()
    for joint in joints:
        sets.join(joint)
    for group in groups:
        sets.join(group)
    roots = [sets.root(next(iter(group))) for group in groups]
    sizes = Counter(roots)
    lanes: list[list[Event]] = [[] for _ in range(LANES)]
    filled, chosen = [0] * LANES, dict[Hashable, int]()
    for root, size in sizes.items():
        chosen[root] = lane = filled.index(min(filled))
        filled[lane] += size
    for event, root in zip(events, roots, strict=True):
        lanes[chosen[root]].append(event)
    return [lane for lane in lanes if lane]


class _Sets:
    """Disjoint sets."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def join(self, members: Iterable[Hashable]) -> None:
        """These belong together."""
        roots = [self.root(member) for member in members]
        for root in roots[1:]:
            self._parents[root] = roots[0]

    def root(self, member: Hashable) -> Hashable:
        """The same for all members of a set."""
        parent = self._parents.setdefault(member, member)
        while parent != member:
            # Half the way is forgotten with each step, so that the next search is short.
            self._parents[member] = parent = self._parents[parent]
            member, parent = parent, self._parents[parent]
        return member
