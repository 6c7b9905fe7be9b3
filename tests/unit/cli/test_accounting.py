"""The account of a demo: what is lost, doubled or different is found, whoever says that all is well."""

from typing import Any

import pytest

from services.cli.accounting import account, missing_cases
from services.simulator.report import Report

FOLLOWS = {"travel": ("screening",), "gateway": ("screening", "travel")}


def row(**more: int) -> dict[str, int]:
    return {"events": 10, "handled": 10, "missing": 0, "ahead": 0, "differing": 0} | more


def accounting() -> dict[str, Any]:
    return {
        "producers": {"/homeward/screening": {"events": 10}, "/homeward/travel": {"events": 10}},
        "consumers": {
            "travel": {"/homeward/screening": row()},
            "gateway": {"/homeward/screening": row(), "/homeward/travel": row()},
        },
        "timeline": {"/homeward/screening": 10, "/homeward/travel": 10},
    }


def report(**more: Any) -> Report:
    values: dict[str, Any] = {
        "cases": {"A-1": "closed", "A-2": "withdrawn"},
        "case_count": 2,
        "stages": {},
        "exceptions": {},
        "rejected": [],
        "manifest": {},
        "funds": [],
        "visits": {},
        "accounting": {},
    }
    return Report(**values | more)


def test_a_suite_that_has_handled_everything_once_is_in_order() -> None:
    found = account(accounting(), FOLLOWS)
    assert (found.published, found.handled, found.duplicates, found.unaccounted) == (20, 30, 0, 0)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("position", "lost", "doubled"),
    [
        (row(events=8, handled=8, missing=2), 2, 0),
        (row(handled=9), 1, 0),
        (row(handled=12), 0, 2),
        (row(differing=1), 1, 0),
        ({}, 10, 0),
    ],
    ids=["behind", "skipped", "doubled", "different", "never heard of it"],
)
def test_what_a_consumer_has_not_done_once_is_found(position: dict[str, int], lost: int, doubled: int) -> None:
    figures = accounting()
    figures["consumers"]["travel"]["/homeward/screening"] = position
    found = account(figures, FOLLOWS)
    assert (found.unaccounted, found.duplicates) == (lost, doubled)
    assert found.problems == (f"travel has lost {lost} and doubled {doubled} events of screening",)


@pytest.mark.parametrize(("rows", "lost", "doubled"), [(9, 1, 0), (12, 0, 2)])
def test_the_timeline_counts_whatever_the_positions_say(rows: int, lost: int, doubled: int) -> None:
    figures = accounting()
    figures["timeline"]["/homeward/travel"] = rows
    found = account(figures, FOLLOWS)
    assert (found.unaccounted, found.duplicates) == (lost, doubled)


def test_a_consumer_ahead_of_the_log_is_found() -> None:
    figures = accounting()
    figures["consumers"]["travel"]["/homeward/screening"] = row(events=12, handled=12, ahead=2)
    assert account(figures, FOLLOWS).unaccounted == 2


def test_a_consumer_that_does_not_answer_has_lost_everything() -> None:
    figures = accounting()
    del figures["consumers"]["travel"]
    assert account(figures, FOLLOWS).unaccounted == 10


def test_every_row_has_one_case_in_a_known_stage() -> None:
    assert missing_cases(report(), ["A-1", "A-2"]) == []
    assert missing_cases(report(), ["A-1", "A-2", "A-3"]) == ["A-3 has no case"]
    assert missing_cases(report(), ["A-1"]) == ["A-2 is on no list"]
    assert missing_cases(report(case_count=3), ["A-1", "A-2"]) == ["3 cases for 2 rows"]
    assert missing_cases(report(cases={"A-1": "closed", "A-2": "nowhere"}), ["A-1", "A-2"]) == ["A-2 has no case"]


def test_a_row_that_was_rejected_needs_no_case() -> None:
    rejected = [{"row": 4, "reasons": ["sex is missing"]}]
    assert missing_cases(report(rejected=rejected), ["A-1", "A-2", "A-3"]) == []
