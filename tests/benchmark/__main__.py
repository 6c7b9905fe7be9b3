"""Measures everything: ``python -m tests.benchmark``. Writes docs/benchmark.json, its page and its plots."""

import argparse
import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.status import Status
from rich.table import Table

from tests.benchmark import agencies, catch_up, exactly_once, growth, inprocess, latency, scale_out
from tests.benchmark.consuming import Figures
from tests.benchmark.contest import ENVIRONMENT
from tests.benchmark.lab import Lab
from tests.benchmark.machine import machine, stamp, versions
from tests.benchmark.plots import PLOTS
from tests.benchmark.report import document, verdicts
from tests.benchmark.session import Measure, Session

GROUPS: dict[str, Measure] = {
    "exactly_once": exactly_once.run,
    "latency": latency.run,
    "scale_out": scale_out.run,
    "growth": growth.run,
    "catch_up": catch_up.run,
    "inprocess": inprocess.run,
    "agencies": agencies.run,
}
#: What is measured in the quick form, unless groups are named.
QUICK = ("exactly_once", "latency")
_DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Measure the chosen groups, one after the other."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events and runs")
    parser.add_argument("--only", action="append", choices=GROUPS, default=[], help="this group; may be repeated")
    parser.add_argument("--docs", type=Path, default=_DOCS, help="where to write")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    if not (ENVIRONMENT / "python").exists():
        sys.exit("The contestants' environment is missing: run make bench.")
    names = chosen.only or (QUICK if chosen.quick else tuple(GROUPS))
    figures = _kept(chosen.docs)
    begun = monotonic()
    with console.status("starting PostgreSQL and RabbitMQ") as status, Lab() as lab:
        figures |= {"machine": machine(), "versions": asyncio.run(versions(lab))}
        for name in names:
            tell = partial(_tell, console, status, name, begun)
            figures[name] = asyncio.run(GROUPS[name](Session(lab, chosen.quick, tell, figures)))
            figures.setdefault("runs", {})[name] = stamp(chosen.quick)
            write(figures, chosen.docs)
    _conclude(console, figures, names)


def _tell(console: Console, status: Status, name: str, begun: float, line: str) -> None:
    words = f"{monotonic() - begun:5.0f} s  {name}  {line}"
    # What passes stays in one line; what was found, and where nobody watches all but the counting, is kept.
    status.update(words)
    if "/s" in line or (not console.is_terminal and "handled," not in line and "behind" not in line):
        console.print(words)


def _kept(docs: Path) -> Figures:
    file = docs / "benchmark.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def write(figures: Figures, docs: Path) -> None:
    """The figures, their page and their plots."""
    (docs / "images").mkdir(parents=True, exist_ok=True)
    (docs / "benchmark.json").write_text(json.dumps(figures, indent=1) + "\n")
    (docs / "benchmark.md").write_text(document(figures))
    for name, (group, draw) in PLOTS.items():
        if group in figures:
            (docs / "images" / f"benchmark-{name}.svg").write_text(draw(figures[group]))


def _conclude(console: Console, figures: Figures, names: tuple[str, ...] | list[str]) -> None:
    table = Table("promised", "target", "measured", "")
    for row in verdicts({name: figures[name] for name in names}):
        table.add_row(*row[:3], row[3].strip("*"), style="green" if row[3] == "met" else "red")
    console.print(table)


if __name__ == "__main__":
    main()
