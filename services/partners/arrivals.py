"""Wakes who waits for something to deliver, as soon as something was kept for that subscription, by any process."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import HomewardError
from shared.persistence.database import Database, rows

#: Requests that may wait for one subscription at once: an agency's client may have given up an earlier one.
_POLLS = 4

log = structlog.get_logger()

#: Seconds between looks: at most so many, for what another process keeps.
_LONGEST = 1.0
#: A look is followed by a pause that is so many times as long: under load looks take longer, and find more at once.
_PAUSE = 20


class TooManyPolls(HomewardError):
    """This subscription's feed is waited for several times already: one request at a time is enough."""

    status = 429


class Arrivals:
    """``app.state.arrivals``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heads: dict[UUID, int] = {}
        self._waiting: dict[UUID, asyncio.Event] = {}
        self._polls: Counter[UUID] = Counter()
        self._kept = asyncio.Event()
        self._listeners: list[Callable[[Iterable[UUID]], None]] = []

    def wake(self) -> None:
        """Something was kept."""
        self._kept.set()

    def next(self, subscription: UUID) -> asyncio.Event:
        """What is set when something new is kept for the subscription."""
        return self._waiting.setdefault(subscription, asyncio.Event())

    @contextmanager
    def polled(self, subscription: UUID) -> Iterator[None]:
        """One more waits for the subscription in the block. Raises TooManyPolls."""
        if self._polls[subscription] >= _POLLS:
            raise TooManyPolls(retry_after=1)
        self._polls[subscription] += 1
        try:
            yield
        finally:
            self._polls[subscription] -= 1

    def head(self, subscription: UUID) -> int:
        """How many events were kept for the subscription when it was looked last."""
        return self._heads.get(subscription, 0)

    def tell(self, listener: Callable[[Iterable[UUID]], None]) -> None:
        """Have it called with the subscriptions for which something new is kept."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._kept.clear()
            begun = monotonic()
            try:
                await self._look()
            except (OSError, SQLAlchemyError) as error:
                log.warning("looking for what is kept failed", error=type(error).__name__)
            pause = min(_LONGEST, _PAUSE * (monotonic() - begun))
            await asyncio.sleep(pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST - pause):
                    await self._kept.wait()

    async def _look(self) -> None:
        async with self._database.statement() as connection:
            found = await rows(connection, "SELECT subscription_id, position FROM subscription_head")
        heads = {row.subscription_id: int(row.position) for row in found}
        moved = [id for id, position in heads.items() if position != self._heads.get(id, 0)]
        self._heads = heads
        if moved:
            for listener in self._listeners:
                listener(moved)
        for id in moved:
            if waiting := self._waiting.pop(id, None):
                waiting.set()
