"""``python -m tests.faults --seed 7 --length 60``: hurts the suite, prints what was done to it and what came of it."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from time import monotonic

from shared.telemetry import configure_logging
from tests.faults.hooks import COUNTED
from tests.faults.mutations import MUTATIONS
from tests.faults.report import Report
from tests.faults.run import run


def main() -> int:
    """Run once; 0 when everything held."""
    options = _options()
    configure_logging("faults")
    data = Path(tempfile.mkdtemp(prefix="homeward-faults-"))
    began = monotonic()

    def tell(what: str) -> None:
        print(f"[{monotonic() - began:6.1f}] {what}", flush=True)

    report = asyncio.run(
        run(
            data,
            seed=options.seed,
            length=options.length,
            replicas=options.replicas,
            mutations=options.mutation,
            tell=tell,
        )
    )
    _show(report)
    if report.wrong:
        print(f"\nFAILED with seed {options.seed}; logs are in {data}")
        print("\n".join(f"  {each}" for each in report.wrong))
        return 1
    shutil.rmtree(data, ignore_errors=True)
    print(f"\nEverything held with seed {options.seed}: nothing lost, nothing doubled, nothing out of order.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=float, default=60.0, help="seconds under fault")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--mutation", default="", help=f"layers switched off, of: {', '.join(MUTATIONS)}")
    return parser.parse_args()


def _show(report: Report) -> None:
    print("\nFaults:", ", ".join(f"{name} {number}" for name, number in report.faults.items()))
    print(f"Deaths of replicas: {report.deaths}. At rest {report.seconds_to_rest:.1f} s after the last fault.")
    print(
        f"Cases: {report.cases}. Commands:",
        ", ".join(f"{name} {number}" for name, number in report.commands.items()),
        f"(of {report.resolved} it was found out in the end).",
    )
    print(f"Dead letters of real cases: {report.held_up}, with {report.behind} events that waited behind them.")
    print(f"\n{'service':15}" + "".join(f"{name:>12}" for name in COUNTED))
    for service, counted in report.counted.items():
        print(f"{service:15}" + "".join(f"{counted[name]:12}" for name in COUNTED))
    words = ("published", "handled", "lost", "duplicated", "unexpected", "disordered", "recovered", "skipped")
    print(f"\n{'consumer':15}{'source':15}" + "".join(f"{word:>12}" for word in words))
    for (consumer, source), delivery in report.deliveries.items():
        numbers = "".join(f"{getattr(delivery, word):12}" for word in words)
        print(f"{consumer:15}{source.rsplit('/', 1)[-1]:15}{numbers}")
    print(f"{'all':30}" + "".join(f"{getattr(report.total, word):12}" for word in words))


if __name__ == "__main__":
    sys.exit(main())
