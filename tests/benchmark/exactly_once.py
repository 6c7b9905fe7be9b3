"""Events handled exactly once, each with its outgoing event published, beside how others do it."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

from tests.benchmark.consuming import QUEUED, Figures, Measured, measure
from tests.benchmark.contest import Scored, compete, publish_barely
from tests.benchmark.session import Session

#: Whom the ratios are taken to.
OTHERS = ("faststream", "lean_faststream", "celery", "bare_publish")
OURS = ("travel", "gateway", "tally")

Turn = Callable[[], Awaitable[Scored | Measured]]


async def run(session: Session) -> Figures:
    """Rounds in which everybody has a turn; each one's figure is the median of its runs."""
    lab = session.lab
    slow, fast = session.choose((1_200, 4_000), (3_000, 10_000))
    turns: dict[str, Turn] = {
        "faststream": partial(compete, lab, "faststream", slow),
        "travel": partial(measure, lab, "travel", QUEUED["travel"]),
        "lean_faststream": partial(compete, lab, "lean_faststream", fast),
        "gateway": partial(measure, lab, "gateway", QUEUED["gateway"]),
        "celery": partial(compete, lab, "celery", slow),
        "tally": partial(measure, lab, "tally", QUEUED["tally"]),
        "bare_publish": partial(publish_barely, lab, fast * 2),
    }
    runs: dict[str, list[Figures]] = {name: [] for name in turns}
    rounds = session.choose(1, 3)
    for number in range(1, rounds + 1):
        for name, turn in turns.items():
            session.tell(f"round {number} of {rounds}: {name}")
            runs[name].append(asdict(await turn()))
            session.tell(f"{name}: {runs[name][-1]['events_per_second']:,} events/s")
    return figures(runs)


def figures(runs: dict[str, list[Figures]]) -> Figures:
    """The medians and their ratios; travel's stand at the top."""
    rates = {name: median(each["events_per_second"] for each in found) for name, found in runs.items()}
    contestants = {name: {"events_per_second": rates[name], "runs": found} for name, found in runs.items()}
    parts: dict[str, Any] = {name: _ratios(rates, name) for name in OURS}
    return {**_ratios(rates, "travel"), **parts, "contestants": contestants}


def _ratios(rates: dict[str, float], name: str) -> Figures:
    ratios = {f"ratio_to_{other}": round(rates[name] / rates[other], 2) for other in OTHERS}
    return {"events_per_second": rates[name], **ratios}
