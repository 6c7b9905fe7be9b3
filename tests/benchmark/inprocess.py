"""The embedded suite on its in-process bus: whole journeys through the API, as ``homeward demo`` plays them."""

import asyncio
import json
import sys
import time
from statistics import median

from tests.benchmark.consuming import Figures
from tests.benchmark.session import Session


async def run(session: Session) -> Figures:
    """Play the demonstration several times, each in a process of its own."""
    rounds, runs = session.choose(1, 3), []
    for number in range(1, rounds + 1):
        session.tell(f"round {number} of {rounds}: homeward demo")
        begun = time.perf_counter()
        report = await _demo()
        runs.append(_played(report, time.perf_counter() - begun))
        session.tell(f"{runs[-1]['journeys_per_second']} journeys/s")
    rates = {name: median(each[name] for each in runs) for name in ("journeys_per_second", "events_per_second")}
    return {**rates, "persons": runs[0]["persons"], "runs": runs}


async def _demo() -> Figures:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "demo", "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"homeward demo failed: {errors.decode()[-500:]}")
    return dict(json.loads(output))


def _played(report: Figures, seconds: float) -> Figures:
    played = report["elapsed_seconds"]
    return {
        "persons": len(report["cases"]),
        "seconds": played,
        "seconds_with_start": round(seconds, 1),
        "events_handled": report["events"]["handled"],
        "journeys_per_second": round(len(report["cases"]) / played, 2),
        "events_per_second": round(report["events"]["handled"] / played),
    }
