"""One run: a suite, operators at work, faults, healing, rest, and the checker's verdict."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.checker import Delivery, account, broken_links, total
from tests.faults.desk import Desk
from tests.faults.driver import Driver
from tests.faults.inspection import Findings, inspect
from tests.faults.nemesis import Nemesis
from tests.faults.schedule import schedule
from tests.faults.suite import FaultySuite

#: Seconds in which the healed suite must come to rest.
REST = 90.0


@dataclass
class Report:
    """What a run has shown."""

    faults: dict[str, int] = field(default_factory=dict)
    not_done: list[str] = field(default_factory=list)
    commands: dict[str, int] = field(default_factory=dict)
    deliveries: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)
    deaths: int = 0
    seconds_to_rest: float = 0.0
    #: Why the run has failed.
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> Delivery:
        """All deliveries together."""
        return total(self.deliveries.values())


async def run(
    data: Path,
    *,
    seed: int,
    length: float,
    replicas: int = 2,
    mutations: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Hurt a suite for ``length`` seconds and say what came of it."""
    report = Report()
    async with FaultySuite(data, replicas=replicas, mutations=mutations, seed=seed, progress=tell) as suite:
        desk = Desk(suite.gateway, suite.accounts.by_role, seed)
        driver = Driver(desk, seed)
        nemesis = Nemesis(suite, schedule(seed, length, replicas), tell)
        working = asyncio.create_task(driver.run())
        await nemesis.run(length)
        tell("everything is healed")
        desk.closed = True
        await working
        report.commands = driver.figures()
        report.faults, report.not_done = dict(sorted(nemesis.done.items())), nemesis.failed
        await rest(suite, desk, report, tell)
        findings = await inspect(suite)
        report.counted, report.deaths = suite.counted(), suite.deaths
        judge(report, findings, await follows(desk))
    return report


async def rest(suite: FaultySuite, desk: Desk, report: Report, tell: Callable[[str], None]) -> None:
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
        if loop.time() - began > REST:
            report.wrong.append(f"not at rest after {REST:.0f} s: {reasons}")
            break
        await asyncio.sleep(0.5)
    report.seconds_to_rest = loop.time() - began


async def follows(desk: Desk) -> dict[str, list[str]]:
    """Which sources each consumer follows, as the services themselves say."""
    found = await desk.read("admin", "/api/rest")
    return {name: list(each["handled"]) for name, each in found["services"].items()} if found else {}


def judge(report: Report, findings: Findings, follows: dict[str, list[str]]) -> None:
    """Compare what was recorded with what took effect."""
    skipped = findings.in_state("skipped")
    report.deliveries = account(findings.logs(), findings.effects, follows, skipped)
    for (consumer, source), delivery in report.deliveries.items():
        for word, number in delivery.faults().items():
            places = ", ".join(f"{subject} {sequence}" for subject, sequence in delivery.examples[word])
            report.wrong.append(f"{consumer} of {source}: {number} {word} ({places})")
    for source, events in findings.events.items():
        if broken := broken_links(events):
            report.wrong.append(f"{source}: the chain is broken at {broken[:3]}")
    report.wrong += [f"{name}: {count} subjects diverged" for name, count in findings.diverged.items() if count]
