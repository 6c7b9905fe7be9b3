"""Whether every event and every row of the list is accounted for, from the logs and what consumers did with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.gateway.stages import Stage
from services.simulator.report import Report

#: Who must have handled all that whom has published.
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "screening": ("travel", "monitoring"),
    "travel": ("screening",),
    "reintegration": ("screening", "travel"),
    "monitoring": ("reintegration", "screening"),
    "partners": ("screening", "travel", "reintegration", "monitoring"),
    "gateway": ("screening", "travel", "reintegration", "monitoring"),
}
STAGES = frozenset(each.value for each in Stage)


@dataclass(frozen=True)
class Account:
    """Events over the whole suite."""

    #: In the producers' logs.
    published: int
    #: Events times consumers, as far as they took effect once.
    handled: int
    #: Effects beyond the first.
    duplicates: int
    #: Events times consumers that should have taken effect and have not, or that took effect differently.
    unaccounted: int
    #: What is wrong, as sentences; empty when all is accounted for.
    problems: tuple[str, ...]


def account(accounting: Mapping[str, Any], follows: Mapping[str, tuple[str, ...]] = FOLLOWS) -> Account:
    """Compare what was published with what each consumer has handled."""
    published = {source.rsplit("/", 1)[-1]: each["events"] for source, each in accounting["producers"].items()}
    handled = duplicates = unaccounted = 0
    problems = []
    for consumer, sources in follows.items():
        for source in sources:
            found = accounting["consumers"].get(consumer, {}).get(f"/homeward/{source}", {})
            effects = [found.get("handled", 0)]
            if consumer == "gateway":
                # Each event leaves one row in the timeline: an effect that can be counted, whatever a position says.
                effects.append(accounting["timeline"].get(f"/homeward/{source}", 0))
            good = min(found.get("events", 0), *effects) - found.get("ahead", 0)
            again = max(0, max(effects) - found.get("events", 0))
            lost = max(0, published.get(source, 0) - good) + found.get("ahead", 0) + found.get("differing", 0)
            handled, duplicates, unaccounted = handled + good, duplicates + again, unaccounted + lost
            if lost or again:
                problems.append(f"{consumer} has lost {lost} and doubled {again} events of {source}")
    return Account(sum(published.values()), handled, duplicates, unaccounted, tuple(problems))


def missing_cases(report: Report, references: list[str]) -> list[str]:
    """Rows of the list that neither were rejected nor have exactly one case in a known stage."""
    lost = [each for each in references if report.cases.get(each) not in STAGES]
    rejected = len(report.rejected)
    unexplained = lost if len(lost) != rejected else []
    strangers = sorted(report.cases.keys() - set(references))
    return [
        *(f"{each} has no case" for each in unexplained),
        *(f"{each} is on no list" for each in strangers),
        *(
            [f"{report.case_count} cases for {len(report.cases)} rows"]
            if report.case_count != len(report.cases)
            else []
        ),
    ]
