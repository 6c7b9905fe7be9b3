"""How much more a queue may be given: one that nobody consumes must not fill the broker, and what waits in it can't be
taken back when a person withdraws consent.

What waits is counted by the broker when we ask. What a consumer holds and has not acknowledged is known by figures that
are some seconds old, to which is added what was published meanwhile.
"""

from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from services.partners.amqp.wanted import WAITING

#: Events that wait or are in a consumer's hands.
UNACKNOWLEDGED = 10 * WAITING
#: Seconds: no figure that comes is older; and seconds for which one that came last is believed.
_OLD, _BELIEVED = 15.0, 60.0
#: Seconds until a full queue is looked at again: at first, and at most.
_SOON, _LATE, _DOUBLINGS = 0.2, 5.0, 6


@dataclass
class _Flow:
    published: deque[tuple[float, int]] = field(default_factory=deque)
    full: int = 0


class Room:
    """What one process knows."""

    def __init__(self) -> None:
        self._flows: dict[UUID, _Flow] = {}

    def left(self, id: UUID, waiting: int, held: tuple[int, float] | None, now: float) -> int:
        """How many may be published now. ``held``: the last figure, and when it came."""
        flow = self._flows.setdefault(id, _Flow())
        while flow.published and flow.published[0][0] < now - _OLD:
            flow.published.popleft()
        lately = sum(count for _, count in flow.published)
        known = held[0] if held and held[1] > now - _BELIEVED else 0
        left = min(WAITING - waiting, UNACKNOWLEDGED - known - lately)
        flow.full = 0 if left > 0 else flow.full + 1
        return max(0, left)

    def gave(self, id: UUID, count: int, now: float) -> None:
        """So many were published."""
        self._flows.setdefault(id, _Flow()).published.append((now, count))

    def pause(self, id: UUID) -> float:
        """Seconds until a full queue is looked at again."""
        full = self._flows[id].full if id in self._flows else 1
        return min(_LATE, _SOON * 2.0 ** min(full, _DOUBLINGS))
