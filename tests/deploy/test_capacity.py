"""The capacity table of docs/deploy.md is what the benchmark's figures give."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT

#: Of a year's seconds those in which people work, and how much more than usual happens on a busy day.
_WORKING, _BUSY = 250 * 8 * 3600, 3
_YEAR, _DAY = 365 * 24 * 3600, 365
#: What documents round away.
_ROUNDED = 0.1


def figures(cases: int) -> dict[str, float]:
    """What so many cases a year come to."""
    measured = json.loads((ROOT / "docs/benchmark.json").read_text())
    run = measured["inprocess"]["runs"][0]
    handled = cases * run["events_handled"] / run["persons"]
    step = measured["growth"]["steps"][-1]
    return {
        "mean": handled / _YEAR,
        "peak": handled / _WORKING * _BUSY,
        "stored": handled * step["stored_bytes_per_event"] / 1e9,
        "written": handled * max(each["wal_bytes_per_event"] for each in measured["growth"]["steps"]) / 1e9 / _DAY,
    }


def rows() -> Iterator[tuple[int, list[str]]]:
    """Cases a year, and the other cells of each line."""
    for line in (ROOT / "docs/deploy.md").read_text("utf-8").splitlines():
        if found := re.match(r"\| ([\d,]+) cases \| (.*) \|$", line):
            yield int(found[1].replace(",", "")), found[2].split(" | ")


def test_the_table_goes_up_to_ten_million_cases() -> None:
    assert [cases for cases, _ in rows()] == [1_000, 10_000, 100_000, 1_000_000, 10_000_000]


@pytest.mark.parametrize("cases", [1_000, 10_000, 100_000, 1_000_000, 10_000_000])
def test_a_line_says_what_was_measured(cases: int) -> None:
    cells = dict(rows())[cases]
    for cell, (what, value) in zip(cells, figures(cases).items(), strict=False):
        told = float(cell.replace(",", ""))
        assert told == pytest.approx(value, rel=_ROUNDED), f"{what}: {told}, and {value:.4g} by the benchmark"


def test_what_agencies_are_told_is_as_was_measured() -> None:
    measured = json.loads((ROOT / "docs/benchmark.json").read_text())["agencies"]
    pattern = r"([\d,]+) events a second to (\d+) agencies, half of them in ([\d.]+) s"
    told = re.search(pattern, " ".join((ROOT / "docs/deploy.md").read_text("utf-8").split()))
    assert told
    rate, agencies, seconds = (float(each.replace(",", "")) for each in told.groups())
    assert (rate, agencies) == (measured["delivered_per_second"], measured["agencies"])
    assert seconds == round(measured["dead"][1]["p50_ms"] / 1000, 1)
