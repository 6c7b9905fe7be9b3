"""The charter of 133 people, from the registration list to the last visit, on both stacks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.homeward import Homeward


def _play(tmp_path: Path, *options: str) -> dict[str, Any]:
    demo = Homeward(tmp_path / "demo", "demo", "--json", *options)
    assert demo.process.wait(300) == 0, demo.text()[-2000:]
    found: dict[str, Any] = json.loads(demo.text())
    return found


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The account of the charter in one process."""
    return _play(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="module")
def distributed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The account of the charter with a process for each service, over RabbitMQ."""
    return _play(tmp_path_factory.mktemp("distributed"), "--distributed")


def test_every_event_is_published_and_takes_effect_once(embedded: dict[str, Any]) -> None:
    assert embedded["events"]["published"] > 4000
    assert embedded["events"]["handled"] > embedded["events"]["published"]
    assert (embedded["events"]["unaccounted"], embedded["events"]["duplicates"]) == (0, 0)
    assert embedded["problems"] == []


def test_every_person_ends_where_the_story_leads(embedded: dict[str, Any]) -> None:
    assert len(embedded["cases"]) == 134
    assert sum(embedded["stages"].values()) == 134
    # The family whose father withdraws at the desk, who did not come, and who was on two lists.
    assert embedded["stages"]["withdrawn"] == 4
    assert embedded["stages"]["no_show"] == 1
    assert embedded["stages"]["merged"] == 1
    assert embedded["cases"]["JNZ-001"] == "withdrawn"
    assert embedded["cases"]["GRJ-004"] == "no_show"


def test_no_fund_is_overdrawn_and_the_sums_agree(embedded: dict[str, Any]) -> None:
    for fund in embedded["funds"]:
        assert fund["available"] >= 0
        assert fund["reserved"] + fund["committed"] + fund["spent"] + fund["available"] == fund["amount"]


def test_both_stacks_bring_every_case_to_the_same_stage(embedded: dict[str, Any], distributed: dict[str, Any]) -> None:
    assert distributed["cases"] == embedded["cases"]
    assert distributed["stages"] == embedded["stages"]
    assert _without_ids(distributed["funds"]) == _without_ids(embedded["funds"])
    assert distributed["visits"] == embedded["visits"]
    assert distributed["manifest"] == embedded["manifest"]
    assert (distributed["events"]["unaccounted"], distributed["events"]["duplicates"]) == (0, 0)


def _without_ids(funds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in fund.items() if name != "fund_id"} for fund in funds]
