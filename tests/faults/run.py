"""One run: a suite, operators at work, faults, healing, rest, repair of what was poisoned, and the verdict."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.checker import Delivery, total
from tests.faults.desk import REPAIR, Desk, Outcome
from tests.faults.driver import Driver
from tests.faults.inspection import inspect
from tests.faults.nemesis import Nemesis
from tests.faults.schedule import schedule
from tests.faults.suite import FaultySuite
from tests.faults.verdict import Planted, repeated, verdict

#: Seconds in which the healed suite must come to rest.
REST = 90.0
#: The same for a suite with a layer switched off, which may never do so.
MUTATED_REST = 15.0

Tell = Callable[[str], None]


@dataclass
class Report:
    """What a run has shown."""

    faults: dict[str, int] = field(default_factory=dict)
    not_done: list[str] = field(default_factory=list)
    commands: dict[str, int] = field(default_factory=dict)
    deliveries: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)
    cases: int = 0
    deaths: int = 0
    seconds_to_rest: float = 0.0
    #: Why the run has failed.
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> Delivery:
        """All deliveries together."""
        return total(self.deliveries.values())


async def run(
    data: Path, *, seed: int, length: float, replicas: int = 2, mutations: str = "", tell: Tell = lambda _: None
) -> Report:
    """Hurt a suite for ``length`` seconds and say what came of it."""
    report = Report()
    async with FaultySuite(data, replicas=replicas, mutations=mutations, seed=seed, progress=tell) as suite:
        desk = Desk(suite.gateway, suite.accounts.by_role, seed)
        driver, nemesis = Driver(desk, seed), Nemesis(suite, schedule(seed, length, replicas), tell)
        async with asyncio.TaskGroup() as group:
            group.create_task(driver.run())
            await nemesis.run(length)
            tell("everything is healed")
            desk.closed = True
        report.commands, report.deaths = driver.figures(), suite.deaths
        for record in [each for each in desk.records if each.outcome is Outcome.UNKNOWN]:
            tell(f"unknown: {record.kind} {record.about}: {record.attempts} attempts, {record.status} {record.answer}")
        report.faults, report.not_done = dict(sorted(nemesis.done.items())), nemesis.failed
        bound = MUTATED_REST if mutations else REST
        await _rest(desk, report, bound, tell)
        planted = Planted(nemesis.injection.poisoned, nemesis.injection.undecodable)
        if planted.poisoned and not report.wrong:
            report.wrong += planted.letters(await inspect(suite))
            await _repair(desk, planted, report, bound, tell)
        findings = await inspect(suite)
        report.counted = suite.counted()
        report.cases = len(findings.states["screening_case"])
        report.deliveries, wrong = verdict(findings, desk.records, planted, await _follows(desk))
        report.wrong += wrong
        if not report.wrong:
            report.wrong += await repeated(desk, seed)
    return report


async def _rest(desk: Desk, report: Report, bound: float, tell: Tell) -> None:
    """Wait until the suite is at rest; what keeps it from it is what is wrong."""
    loop = asyncio.get_running_loop()
    began, said = loop.time(), ""
    while True:
        found = await desk.read("admin", "/api/rest")
        if found is not None and found["at_rest"]:
            break
        reasons = "nobody answers" if found is None else "; ".join(found["reasons"])
        if reasons != said:
            tell(f"{loop.time() - began:6.1f} s after: {reasons}")
            said = reasons
        if loop.time() - began > bound:
            report.wrong.append(f"not at rest after {bound:.0f} s: {reasons}")
            break
        await asyncio.sleep(0.5)
    report.seconds_to_rest = max(report.seconds_to_rest, loop.time() - began)


async def _repair(desk: Desk, planted: Planted, report: Report, bound: float, tell: Tell) -> None:
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
    await _rest(desk, report, bound, tell)


async def _eventually_dead(desk: Desk, subject: str, letters: int) -> bool:
    ends = asyncio.get_running_loop().time() + 20
    while asyncio.get_running_loop().time() < ends:
        found = await desk.read("admin", "/api/dead-letters", case=subject)
        if found is not None and len(found["dead_letters"]) == letters:
            return True
        await asyncio.sleep(0.3)
    return False


async def _follows(desk: Desk) -> dict[str, list[str]]:
    """Which sources each consumer follows, as the services themselves say."""
    found = await desk.read("admin", "/api/rest")
    return {name: list(each["handled"]) for name, each in found["services"].items()} if found else {}
