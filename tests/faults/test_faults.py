"""The short form of the fault suite: one seed, some twenty seconds of faults on real processes."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from services.servers import ServerUnavailable
from tests.faults.hooks import POINTS
from tests.faults.report import Report
from tests.faults.run import run
from tests.faults.schedule import LINKED, LINKS, WHOLE, Fault, Kind, schedule

SEED, LENGTH = 7, 20.0


async def hurt(data: Path) -> Report:
    try:
        return await run(data, seed=SEED, length=LENGTH)
    except ServerUnavailable as error:
        pytest.skip(f"PostgreSQL and RabbitMQ must be processes of this machine: {error}")


async def test_nothing_is_lost_doubled_or_disordered_whatever_fails(tmp_path: Path) -> None:
    report = await hurt(tmp_path)
    assert report.wrong == []
    assert report.total.exactly_once and report.total.published == report.total.handled + report.total.skipped > 100
    assert {"broker-wipe", "postgres-kill", "kill", "poison", "spoil"} <= report.faults.keys() and report.held_up > 0


def counted(faults: Iterable[Fault]) -> set[str]:
    return {fault.name for fault in faults}


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    assert schedule(7, 60) == schedule(7, 60)
    assert schedule(7, 60) != schedule(8, 60)
    assert all(first.at <= second.at for first, second in pairwise(schedule(7, 120)))


@pytest.mark.parametrize("seed", range(20))
def test_a_run_of_a_minute_has_every_kind_of_fault_every_point_both_ways_and_every_link(seed: int) -> None:
    faults = schedule(seed, WHOLE)
    assert {fault.kind for fault in faults} == set(Kind)
    assert {f"{kind} {point}" for kind in (Kind.CRASH, Kind.FREEZE) for point in POINTS} <= counted(faults)
    assert {f"{kind} {link}" for kind in LINKED for link in LINKS} <= counted(faults)


@pytest.mark.parametrize("seed", range(5))
def test_the_heavy_faults_have_passed_before_a_run_ends(seed: int) -> None:
    for length in (LENGTH, WHOLE, 2 * WHOLE):
        assert all(0 < fault.at <= length for fault in schedule(seed, length))
