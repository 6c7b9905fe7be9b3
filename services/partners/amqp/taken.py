"""When it is certain that a queue has been consumed past what was published.

The broker tells nobody what a consumer has acknowledged. Its management API tells how many messages a queue holds,
ready and unacknowledged, by figures that are some seconds old, and not how old. So a mark is set at what was published,
and it counts as taken when the queue is seen empty by a figure that is younger than the mark for sure:

- The queue tells its figures every few seconds, and with them how much work its process has done, which is never twice
  the same. A process of the API collects the latest of them every few seconds, one after the other.
- After the mark was set the figure is looked at. The first change from then on was collected after some time that we
  don't know; the second one was told after the first one was collected, or it would have been collected instead; the
  third one was told after the second was collected, and that was after we had seen the mark.

Queues are first in, first out: a queue that was empty at a moment after the mark holds nothing from before it. More may
have been published since. Where no figures come, or the queue is never empty when one is told, nothing is certain: then
an agency says itself what it has taken. Late is fine, early never.
"""

from dataclasses import dataclass
from uuid import UUID

from services.partners.amqp.management import Figure
from services.partners.amqp.wanted import Queue

_CHANGES = 3


@dataclass
class Mark:
    """Up to where everything was given to the queue, and during a pause up to where tombstones were."""

    published: int
    buried: int
    generation: int
    work: int | None = None
    changes: int = 0


class Taken:
    """What one process has seen."""

    def __init__(self) -> None:
        self._marks: dict[UUID, Mark] = {}

    def undecided(self, queue: Queue) -> bool:
        """Whether the queue is to be looked at. Sets the mark; the look comes after it."""
        if queue.published <= queue.acknowledged and not queue.buried:
            self._marks.pop(queue.subscription, None)
            return False
        mark = self._marks.get(queue.subscription)
        # Of a queue that was made anew nothing is known.
        if mark is None or mark.generation != queue.generation or _tells_nothing(mark, queue):
            self._marks[queue.subscription] = Mark(queue.published, queue.buried, queue.generation)
        return True

    def seen(self, queue: Queue, figure: Figure | None) -> Mark | None:
        """Up to where it was taken, if that is certain by now."""
        mark = self._marks.get(queue.subscription)
        if mark is None:
            return None
        if figure is None or figure.work is None:
            mark.work, mark.changes = None, 0
            return None
        if figure.work != mark.work:
            mark.changes += mark.work is not None
            mark.work = figure.work
        if mark.changes < _CHANGES or figure.messages != 0:
            return None
        del self._marks[queue.subscription]
        return mark


def _tells_nothing(mark: Mark, queue: Queue) -> bool:
    """Whether nothing new would be known if the mark was taken."""
    return mark.published <= queue.acknowledged and (not queue.buried or not mark.buried)
