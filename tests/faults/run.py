"""One run: a suite, operators at work, faults, healing, rest, repair of what was poisoned, and the verdict."""

import asyncio
from pathlib import Path

from tests.faults.desk import Desk
from tests.faults.driver import Driver
from tests.faults.inspection import inspect
from tests.faults.nemesis import Nemesis
from tests.faults.planted import Planted
from tests.faults.repair import Unrepaired, repair
from tests.faults.report import Report
from tests.faults.rest import Rest, Tell
from tests.faults.schedule import schedule
from tests.faults.suite import FaultySuite
from tests.faults.verdict import repeated, verdict
from tests.faults.verification import verified

#: Seconds in which the healed suite must come to rest.
REST = 90.0
#: The same for a suite with a layer switched off, which may never do so.
MUTATED_REST = 15.0


async def run(
    data: Path, *, seed: int, length: float, replicas: int = 2, mutations: str = "", tell: Tell = lambda _: None
) -> Report:
    """Hurt a suite for ``length`` seconds and say what came of it."""
    report = Report(length)
    async with FaultySuite(data, replicas=replicas, mutations=mutations, seed=seed, progress=tell) as suite:
        desk = Desk(suite.gateway, suite.accounts.by_role, seed)
        nemesis = Nemesis(suite, schedule(seed, length, replicas), tell)
        await _hurt(Driver(desk, seed), nemesis, length, tell)
        report.faults, report.not_done = dict(sorted(nemesis.done.items())), nemesis.failed
        rest = Rest(desk, report, MUTATED_REST if mutations else REST, tell)
        await rest.reach()
        await _resolve(desk, report, rest, tell)
        planted = Planted(nemesis.injection.poisoned, nemesis.injection.undecodable, nemesis.spoiling.spoilt)
        if not report.wrong:
            findings = await inspect(suite)
            report.held_up, report.behind = len(planted.held_up(findings)), len(planted.behind(findings))
            report.wrong += planted.letters(findings)
            nemesis.spoiling.mend()
            await _repair(desk, planted, report, rest, tell)
        if not report.wrong:
            # Before all is looked at: who executes a command twice may well give the same answer twice.
            report.wrong += await repeated(desk, seed)
            await rest.reach()
        await _judge(suite, desk, planted, report)
    report.wrong += report.empty()
    return report


async def _hurt(driver: Driver, nemesis: Nemesis, length: float, tell: Tell) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(driver.run())
        await nemesis.run(length)
        tell("everything is healed")
        driver.desk.closed = True


async def _resolve(desk: Desk, report: Report, rest: Rest, tell: Tell) -> None:
    for record in (found := desk.unknown):
        tell(f"unknown: {record.kind} {record.about}: {record.attempts} attempts, {record.status} {record.answer}")
    await desk.resolve()
    report.resolved = len(found) - len(desk.unknown)
    if found:
        await rest.reach()


async def _repair(desk: Desk, planted: Planted, report: Report, rest: Rest, tell: Tell) -> None:
    tell(f"{len(planted.spoilt)} spoilt cases are replayed, {len(planted.poisoned)} poisoned ones skipped in the end")
    try:
        await repair(desk, planted)
    except Unrepaired as error:
        report.wrong.append(str(error))
    await rest.reach()


async def _judge(suite: FaultySuite, desk: Desk, planted: Planted, report: Report) -> None:
    findings = await inspect(suite)
    report.commands, report.deaths, report.counted = desk.figures(), suite.deaths, suite.counted()
    report.cases = len(findings.states["screening_case"])
    report.deliveries, wrong = verdict(findings, desk.records, planted)
    report.wrong += wrong
    lengths = {source.rsplit("/", 1)[-1]: len(events) for source, events in findings.events.items()}
    report.wrong += await verified(desk, lengths)
