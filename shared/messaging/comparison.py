"""A comparison with the producers' logs that somebody has asked for: begun once, and asked how far it is.

It may take longer than any request should: who asks waits for some seconds, and asks again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import NotFound, Stopping, Unavailable
from shared.messaging.reconciler import Reconciler, Unreachable

#: Seconds for which one request waits: less than services and the gateway give each other (10 s).
PATIENCE = 5.0


class NothingCompared(NotFound):
    """No comparison was asked for in this process since its start; another replica may be at work."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a comparison is."""

    running: bool
    #: Producers whose logs were compared, of how many.
    compared: int
    producers: int
    #: Events that came from them.
    fetched: int


class Comparer:
    """Compares one service's positions in full, one comparison at a time."""

    def __init__(self, reconciler: Reconciler, sources: Sequence[str]) -> None:
        self.reconciler = reconciler
        self.sources = sources
        self._task: asyncio.Task[None] | None = None
        self._fetched: list[int] = []

    async def compare(self) -> Comparison:
        """Begin, or join the one that is under way; what :meth:`so_far` says."""
        if self._task is None or self._task.done():
            self._fetched = []
            self._task = asyncio.create_task(self._run(), name="comparison")
        return await self.so_far()

    async def so_far(self) -> Comparison:
        """How far it is, after its end or some seconds. Raises NothingCompared, Unavailable or Stopping."""
        if (task := self._task) is None:
            raise NothingCompared
        await asyncio.wait([task], timeout=PATIENCE)
        if task.done():
            _raise_what_ended(task)
        return Comparison(not task.done(), len(self._fetched), len(self.sources), sum(self._fetched))

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        for source in self.sources:
            self._fetched.append(await self.reconciler.compare(source))


def _raise_what_ended(task: "asyncio.Task[None]") -> None:
    if task.cancelled():
        raise Stopping
    match error := task.exception():
        case Unreachable():
            raise Unavailable(f"A producer's log can't be read ({error}): try again shortly.") from error
        case BaseException():
            raise error
