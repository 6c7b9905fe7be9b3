"""Alarms before an agency complains: how many subscriptions need attention and why, as gauges."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

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
        for name, (unit, measure) in GAUGES.items():
            metrics.observe(name, partial(self._measure, measure), unit=unit)

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

    def _measure(self, measure: Callable[[list[Line]], Measured]) -> Measured:
        return [] if self._lines is None else measure(self._lines)


def _subscriptions(found: list[Line]) -> Measured:
    """By concern; one that has several counts for each."""
    counts: Counter[str] = Counter()
    for line in found:
        if line.concerns or line.state is not State.ENDED:
            counts.update([each.kind.value for each in line.concerns] or [_NO_CONCERN])
    # Also those that are none: an alarm ends when its gauge says so.
    return [(counts[each], {"concern": each}) for each in [*map(str, Kind), _NO_CONCERN]]


def _oldest_lag(found: list[Line]) -> Measured:
    # What is paused, suspended or unconfirmed waits because somebody wants it.
    going = (line for line in found if line.state is State.ACTIVE and line.suspended_on is None)
    lags = [line.lag_seconds or 0.0 for line in going]
    return [(max(lags, default=0.0), {})]


def _overdue(found: list[Line]) -> Measured:
    return [(sum(line.tombstones_overdue for line in found), {})]


#: Each gauge's unit, and how it is found.
GAUGES: Mapping[str, tuple[str, Callable[[list[Line]], Measured]]] = {
    "homeward.partners.subscriptions": ("{subscription}", _subscriptions),
    "homeward.partners.oldest_lag": ("s", _oldest_lag),
    "homeward.partners.tombstones_overdue": ("{tombstone}", _overdue),
}
