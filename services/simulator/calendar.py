"""The simulated calendar: it moves on when the suite is at rest, and tells those who watch."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from services.simulator.gateway import CONFLICT, Gateway, Refused

#: Seconds for which the suite may be busy after a step before the simulator gives up.
RESTLESS = 120.0
_TRIES = 20


@dataclass(frozen=True)
class Step:
    """What is being done, on which day, and how many cases are at each stage."""

    day: date
    action: str
    stages: dict[str, int]


class Restless(Exception):
    """The suite did not come to rest."""


class Calendar:
    """The programme's clock in the simulator's hands. Day 0 is the first Monday on or after the suite's own day."""

    def __init__(self, gateway: Gateway, watch: Callable[[Step], None]) -> None:
        self._gateway, self._watch = gateway, watch
        self.now = datetime.min
        self._first = date.min

    async def begin(self) -> None:
        """Go to the first Monday."""
        self.now = await self._read()
        self._first = self.now.date() + timedelta(days=-self.now.weekday() % 7)

    @property
    def today(self) -> date:
        """The simulated day."""
        return self.now.date()

    def day(self, number: int) -> date:
        """The date of a day of the simulation."""
        return self._first + timedelta(days=number)

    def at(self, number: int, hour: int) -> datetime:
        """A moment of a day of the simulation."""
        return datetime.combine(self.day(number), time(hour), self.now.tzinfo)

    async def until(self, number: int, hour: int, action: str) -> None:
        """Put the clock to that moment when the suite is at rest, and say what is done then."""
        await self.until_date(self.day(number), hour, action)

    async def until_date(self, day: date, hour: int, action: str) -> None:
        """The same for a date."""
        wanted = datetime.combine(day, time(hour), self.now.tzinfo)
        if wanted > self.now:
            self.now = await self._set(wanted)
        else:
            await self.rest()
        await self.tell(action)

    async def tell(self, action: str) -> None:
        """Tell those who watch."""
        figures = await self._gateway.get("manager", "/api/figures")
        self._watch(Step(self.today, action, figures["stages"]))

    async def rest(self) -> None:
        """Wait until every event that was produced is handled. Raises Restless."""
        loop = asyncio.get_running_loop()
        pause, ends = 0.01, loop.time() + RESTLESS
        while not (found := await self._gateway.get("admin", "/api/rest"))["at_rest"]:
            if loop.time() > ends:
                raise Restless(f"the suite is not at rest after {RESTLESS:.0f} s: {_reasons(found)}")
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, 0.5)

    async def _set(self, wanted: datetime) -> datetime:
        for _ in range(_TRIES):
            try:
                answer = await self._gateway.post("admin", "/api/clock", {"now": wanted.isoformat()})
                return datetime.fromisoformat(answer["now"])
            except Refused as refusal:
                # Not at rest: something is under way still, or fell due just now.
                if refusal.status != CONFLICT:
                    raise
            await self.rest()
        raise Restless(f"the clock could not be set in {_TRIES} tries")

    async def _read(self) -> datetime:
        return datetime.fromisoformat((await self._gateway.get("admin", "/api/clock"))["now"])


def _reasons(found: dict[str, Any]) -> str:
    return "; ".join(found.get("reasons", [])) or "no reason given"
