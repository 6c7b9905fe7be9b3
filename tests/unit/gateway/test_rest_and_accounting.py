"""When the suite is at rest, and how events are accounted for."""

from typing import Any

from services.gateway.accounting import Position, account
from services.gateway.rest import RestReport, unrest

SCREENING, TRAVEL = "/homeward/screening", "/homeward/travel"


def report(**values: Any) -> RestReport:
    return RestReport.model_validate({"unpublished": 0, "waiting": 0, "produced": 0, **values})


def test_a_suite_in_which_everything_is_handled_is_at_rest() -> None:
    suite = {
        "screening": report(produced=7, handled={TRAVEL: 3}),
        "travel": report(produced=3, handled={SCREENING: 7}),
        "gateway": report(handled={SCREENING: 5, TRAVEL: 3}, dead={SCREENING: 2}),
    }
    assert unrest(suite, suite) == []


def test_what_is_unpublished_waiting_or_not_handled_is_told() -> None:
    suite = {
        "screening": report(produced=7, unpublished=1),
        "travel": report(waiting=2, handled={SCREENING: 6}),
    }
    assert unrest(suite, suite) == [
        "screening has 1 unpublished events",
        "travel has 2 waiting events",
        "travel is 1 events behind /homeward/screening",
    ]


def test_what_is_produced_between_two_questions_is_not_taken_for_rest() -> None:
    """Travel was asked before screening's last event reached it, screening after it had published it."""
    first = {"screening": report(produced=7), "travel": report(handled={SCREENING: 7})}
    second = {"screening": report(produced=8), "travel": report(handled={SCREENING: 8})}
    assert unrest(first, second) == ["travel is 1 events behind /homeward/screening"]


def position(subject: str, sequence: int, hash: str = "aa", handled: int | None = None) -> Position:
    return Position(SCREENING, subject, sequence, hash, sequence if handled is None else handled)


def accounted(*positions: Position) -> dict[str, Any]:
    heads = {SCREENING: {"a": (3, "aa"), "b": (2, "aa")}}
    found: dict[str, Any] = account(heads, {"travel": positions})["consumers"]["travel"][SCREENING]
    return found


def test_an_account_that_adds_up() -> None:
    found = accounted(position("a", 3), position("b", 2))
    assert (found["events"], found["handled"], found["missing"], found["ahead"], found["differing"]) == (5, 5, 0, 0, 0)


def test_what_a_consumer_lacks_is_missing_and_named() -> None:
    found = accounted(position("a", 1))
    assert (found["missing"], found["subjects_behind"]) == (4, ["a", "b"])


def test_a_consumer_that_has_handled_nothing_lacks_everything() -> None:
    consumers = account({SCREENING: {"a": (3, "aa")}}, {"travel": []}, {"travel": [SCREENING]})["consumers"]
    assert consumers["travel"][SCREENING]["missing"] == 3


def test_a_doubled_effect_shows_as_more_handled_than_there_are_events() -> None:
    found = accounted(position("a", 3, handled=4), position("b", 2))
    assert found["handled"] - found["events"] == 1


def test_a_log_that_was_restored_to_an_earlier_state_shows_as_ahead() -> None:
    assert accounted(position("a", 5), position("b", 2), position("c", 1))["ahead"] == 3


def test_a_different_history_of_the_same_length_is_told() -> None:
    assert accounted(position("a", 3, "bb"), position("b", 2))["differing"] == 1
