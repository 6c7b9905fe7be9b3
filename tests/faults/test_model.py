"""The model says what follows from commands, and the comparison is seen red where a service says something else."""

from typing import Any

import pytest

from tests.faults.comparison import broken_rules
from tests.faults.model import Executed, World, world

OMAR = "omar"
REGISTERED = Executed("register", {}, {"case_id": OMAR})
FLIGHT = Executed("flight", {}, {"flight_id": "uz1"})
FUND = Executed("fund", {"amount": 100}, {"fund_id": "eu"})


def of(kind: str, case_id: str = OMAR, answer: Any = None, **about: Any) -> Executed:
    return Executed(kind, {"case_id": case_id, **about}, answer)


def cleared(case_id: str = OMAR) -> list[Executed]:
    papers = ("ask-document", "document", "ask-visa", "visa")
    return [of(kind, case_id) for kind in ("assess", "declare", "examine", "clear", *papers)]


def booked(*case_ids: str) -> Executed:
    return Executed("seats", {"flight_id": "uz1"}, {"booked": list(case_ids)})


def family() -> list[Executed]:
    made = Executed("household", {}, {"cases": [{"case_id": OMAR}, {"case_id": "amina"}]})
    return [made, *cleared(), *cleared("amina"), FLIGHT, booked(OMAR, "amina")]


def statuses(made: World, case_id: str = OMAR) -> tuple[str, str, str, str]:
    case = made.cases[case_id]
    screened, travelled = made.screening_status(case), made.travel_status(case)
    return screened, travelled, made.reintegration_status(case), made.stage(case)


def test_whoever_is_cleared_with_papers_is_ready_and_then_booked() -> None:
    steps = [REGISTERED, *cleared(), FLIGHT]
    assert statuses(world(steps)) == ("cleared", "ready", "expected", "ready")
    assert statuses(world([*steps, booked(OMAR)])) == ("cleared", "booked", "expected", "booked")


def test_a_hold_takes_the_seat_of_the_whole_family() -> None:
    made = world([*family(), of("hold", answer={"hold_id": "h"})])
    assert statuses(made) == ("open", "preparing", "expected", "on_hold")
    assert statuses(made, "amina") == ("cleared", "preparing", "expected", "preparing")


def test_who_has_left_is_not_touched_by_what_the_family_does_later() -> None:
    left = [of("board"), of("board", "amina"), Executed("departure", {"flight_id": "uz1"}, None)]
    made = world([*family(), *left, of("arrive")])
    assert statuses(made) == ("cleared", "arrived", "open", "reintegrating")
    assert statuses(made, "amina") == ("cleared", "departed", "expected", "departed")


def test_a_plan_moves_money_and_ends_with_what_it_has_cost() -> None:
    arrived = [REGISTERED, *cleared(), FLIGHT, FUND, of("arrive")]
    plan = [of("plan", fund_id="eu", amount=80), of("approve"), of("deliver", amount=70, line=1), of("complete")]
    found = [vars(world([*arrived, *plan[:n]]).funds["eu"]) for n in range(1, 5)]
    assert [(each["reserved"], each["committed"], each["spent"]) for each in found] == [
        (80, 0, 0),
        (0, 80, 0),
        (0, 10, 70),
        (0, 0, 70),
    ]


def passengers(*case_ids: str) -> dict[str, Any]:
    return {case_id: {"outcome": "expected", "on_lap": False} for case_id in case_ids}


NOTHING: dict[str, dict[str, Any]] = {
    name: {} for name in ("travel_flight", "travel_household", "reintegration_fund", "reintegration_person")
}


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({"travel_flight": {"uz1": {"capacity": 1, "passengers": passengers("a", "b")}}}, "on 1 seats"),
        (
            {"travel_flight": {each: {"capacity": 1, "passengers": passengers("a")} for each in ("uz1", "uz2")}},
            "on 2 flights",
        ),
        (
            {
                "travel_flight": {"uz1": {"capacity": 1, "passengers": passengers("a")}},
                "travel_household": {"home": {"members": ["a", "b"]}},
            },
            "is split",
        ),
        ({"reintegration_fund": {"eu": {"amount": 10, "reserved": 6, "committed": 5, "spent": 0}}}, "overdrawn"),
        ({"reintegration_person": {"omar": {"shares": {"a": {"held": 6}, "b": {"held": 5}}}}}, "more than 10"),
    ],
)
def test_a_broken_rule_is_told(states: dict[str, Any], words: str) -> None:
    [told] = broken_rules(NOTHING | states, ceiling=10)
    assert words in told
