"""Alarms before an agency complains: how many subscriptions need attention and why, as gauges."""

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

from services.partners.domain.concern import Kind, Times
from services.partners.domain.subscription import State
from services.partners.health.standing import Line, lines
from services.partners.registry import registry_of
from services.partners.webhooks.sender import Sender
from shared.telemetry.metrics import Measured, Metrics
from shared.web.commands import Desk

log = structlog.get_logger()

#: Seconds between two measurements. What they tell of takes hours to become a concern.
_MEASURING = 15.0
#: Of subscriptions about which there is none.
_NO_CONCERN = "none"


class Gauges:
    """Measures as long as its service runs: whoever exports reads what was measured last."""

    def __init__(self, desk: Desk, sender: Sender, metrics: Metrics) -> None:
        self._desk, self._sender = desk, sender
        self._lines: list[Line] | None = None
        metrics.observe(
            "homeward.partners.subscriptions",
            self._subscriptions,
            unit="{subscription}",
            description="Subscriptions by concern; one that has several counts for each.",
        )
        metrics.observe(
            "homeward.partners.oldest_lag",
            lambda: self._one(lambda found: max(map(_lag, found), default=0.0)),
            unit="s",
            description="Age of what waits longest.",
        )
        metrics.observe(
            "homeward.partners.tombstones_overdue",
            lambda: self._one(lambda found: sum(each.tombstones_overdue for each in found)),
            unit="{tombstone}",
            description="Tombstones that agencies have not acknowledged in time.",
        )

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            try:
                self._lines = await self._measured()
            except Exception as error:  # noqa: BLE001  a gauge without a value says more than an old one
                self._lines = None
                log.info("deliveries not measured", error=type(error).__name__)
            await asyncio.sleep(_MEASURING)

    async def _measured(self) -> list[Line]:
        database = self._desk.database
        async with database.transaction() as connection:
            registry = registry_of(connection)
            await registry.refresh(connection)
        subscriptions = [each.subscription for each in registry.every.values()]
        return await lines(database, subscriptions, Times(self._desk.clock.now(), self._sender.clock.now()))

    def _subscriptions(self) -> Measured:
        if self._lines is None:
            return []
        counts: Counter[str] = Counter()
        for line in self._lines:
            if line.concerns or line.state is not State.ENDED:
                counts.update([each.kind.value for each in line.concerns] or [_NO_CONCERN])
        # Also those that are none: an alarm ends when its gauge says so.
        return [(counts[each], {"concern": each}) for each in [*map(str, Kind), _NO_CONCERN]]

    def _one(self, figure: Callable[[list[Line]], float]) -> Measured:
        return [] if self._lines is None else [(figure(self._lines), {})]


def _lag(line: Line) -> float:
    # What is paused or unconfirmed waits because somebody wants it.
    return (line.lag_seconds or 0.0) if line.state is State.ACTIVE else 0.0
