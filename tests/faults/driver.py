"""Several operators at work at once."""

import asyncio
import random
from datetime import datetime

from tests.faults.charter import Charters
from tests.faults.desk import Closed, Desk
from tests.faults.journeys import Journeys, Unit
from tests.faults.suite import START

#: Donors' envelopes, in cents: too small for all who come.
FUNDS = (1_500_00, 2_500_00)


class Driver:
    """Takes unit after unit through the programme until it is told to end; ``now`` is the programme's time."""

    def __init__(self, desk: Desk, seed: int, *, operators: int = 10, now: datetime = START) -> None:
        self.desk = desk
        self._seed, self._operators, self._year = seed, operators, now.year
        self._charters = Charters(desk, seed, now)
        self._journeys = Journeys(desk, self._charters)
        self._begun = 0
        self.units: list[Unit] = []

    async def run(self) -> None:
        """Work until the desk is closed and every command under way is known or given up."""
        try:
            await self._open_funds()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._charters.run())
                for _ in range(self._operators):
                    group.create_task(self._operate())
        except Closed:
            pass

    async def _open_funds(self) -> None:
        for number, amount in enumerate(FUNDS, start=1):
            body = {
                "code": f"FUND-{number}",
                "donor": "European Union",
                "currency": "EUR",
                "amount": amount,
                "starts_on": f"{self._year}-01-01",
                "ends_on": f"{self._year}-12-31",
            }
            record = await self.desk.command("fund", "finance", "/api/reintegration/funds", body, amount=amount)
            self._journeys.fund_ids.append(record.answer["fund_id"])

    async def _operate(self) -> None:
        try:
            while not self.desk.closed:
                self._begun += 1
                unit = Unit(self._begun, random.Random(self._seed * 100_000 + self._begun))
                self.units.append(unit)
                await self._journeys.travel(unit)
        except Closed:
            pass
