"""Waiting until a suite is at rest."""

import asyncio
from collections.abc import Callable

from tests.faults.desk import Desk
from tests.faults.report import Report

Tell = Callable[[str], None]


class Rest:
    """Of one run's suite: it must be reached within ``bound`` seconds, each time."""

    def __init__(self, desk: Desk, report: Report, bound: float, tell: Tell) -> None:
        self._desk, self._report, self._bound, self._tell = desk, report, bound, tell

    async def reach(self) -> None:
        """Wait until the suite is at rest; what keeps it from it is what is wrong."""
        loop = asyncio.get_running_loop()
        began, said = loop.time(), ""
        while (reasons := await self._restless()) and loop.time() < began + self._bound:
            if reasons != said:
                self._tell(f"{loop.time() - began:6.1f} s after: {reasons}")
                said = reasons
            await asyncio.sleep(0.5)
        if reasons:
            self._report.wrong.append(f"not at rest after {self._bound:.0f} s: {reasons}")
        self._report.seconds_to_rest = max(self._report.seconds_to_rest, loop.time() - began)

    async def _restless(self) -> str:
        """Why it is not at rest; empty when it is."""
        found = await self._desk.read("admin", "/api/rest")
        if found is None:
            return "nobody answers"
        return "" if found["at_rest"] else "; ".join(found["reasons"]) or "no reason is given"
