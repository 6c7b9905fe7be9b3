"""Two processes of one service on one database and one queue, beside one."""

from dataclasses import asdict
from statistics import median

import psutil  # type: ignore[import-untyped]

from tests.benchmark.consuming import QUEUED, Figures, measure
from tests.benchmark.session import Session

KINDS = ("travel", "gateway")


async def run(session: Session) -> Figures:
    """One process and two by turns; each one's figure is the median of its runs."""
    rounds = session.choose(1, 3)
    found: dict[str, dict[int, list[Figures]]] = {kind: {1: [], 2: []} for kind in KINDS}
    for number in range(1, rounds + 1):
        for kind in KINDS:
            for processes in (1, 2):
                session.tell(f"round {number} of {rounds}: {processes} of {kind}")
                measured = await measure(session.lab, kind, QUEUED[kind], processes=processes)
                found[kind][processes].append(asdict(measured))
                session.tell(f"{processes} of {kind}: {measured.events_per_second:,} events/s")
    services = {kind: _compared(runs) for kind, runs in found.items()}
    return {"ratio_two_to_one": services["travel"]["ratio_two_to_one"], "cores": psutil.cpu_count(), **services}


def _compared(runs: dict[int, list[Figures]]) -> Figures:
    one, two = (_summed(runs[processes]) for processes in (1, 2))
    ratio = round(two["events_per_second"] / one["events_per_second"], 2)
    return {"ratio_two_to_one": ratio, "one": one, "two": two}


def _summed(runs: list[Figures]) -> Figures:
    """The medians, and how many cores each part kept busy."""
    cores = {
        name: round(median(each[f"cpu_{name}"] / each["seconds"] for each in runs), 2)
        for name in ("service", "postgres", "broker", "producers")
    }
    return {"events_per_second": median(each["events_per_second"] for each in runs), "cores_busy": cores, "runs": runs}
