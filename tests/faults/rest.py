"""Waiting until a suite is at rest, and repairing what was poisoned."""

import asyncio
from collections.abc import Callable

from tests.faults.desk import REPAIR, Desk
from tests.faults.planted import Planted
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


async def repair(desk: Desk, planted: Planted, report: Report, tell: Tell) -> None:
    """Replay each poison, which dies again, and then skip it: what waits behind it is handled."""
    tell(f"{len(planted.poisoned)} poisoned subjects: replayed, then skipped")
    for subject in planted.poisoned:
        for what in ("replay", "skip"):
            letters = len(planted.consumers)
            if not await _eventually_dead(desk, subject, letters):
                report.wrong.append(f"before {what}: {subject} has not {letters} dead letters")
                return
            more = {"reason": "Planted by the fault suite", "count": letters} if what == "skip" else {}
            record = await desk.send(REPAIR, "admin", f"/api/dead-letters/{what}", {"case": subject, **more})
            if not record.accepted:
                report.wrong.append(f"{what} of {subject}: {record.status} {record.answer}")
                return


async def _eventually_dead(desk: Desk, subject: str, letters: int) -> bool:
    ends = asyncio.get_running_loop().time() + 20
    while asyncio.get_running_loop().time() < ends:
        found = await desk.read("admin", "/api/dead-letters", case=subject)
        if found is not None and len(found["dead_letters"]) == letters:
            return True
        await asyncio.sleep(0.3)
    return False
