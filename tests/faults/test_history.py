"""The number of events of every type is what the commands have caused; one more or one less is told."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from shared.contracts import screening, travel
from shared.contracts.envelope import GENESIS, REGISTRY, Event
from shared.ids import new_id
from tests.faults.gates import wrong_gates
from tests.faults.history import GATES, Told, expected, ghosts
from tests.faults.model import Executed, world
from tests.faults.suite import START

OMAR, AMINA = "omar", "amina"


def of(kind: str, case_id: str = OMAR, answer: Any = None, **about: Any) -> Executed:
    return Executed(kind, {"case_id": case_id, **about}, answer)


def registered(case_id: str, *like: str) -> Executed:
    return Executed("register", {}, {"case_id": case_id, "suspected_duplicates": list(like)})


FLIGHT = Executed("flight", {}, {"flight_id": "uz1"})
SEATS = Executed("seats", {"flight_id": "uz1"}, {"booked": [OMAR, AMINA]})
MEMBERS = [{"case_id": each, "suspected_duplicates": []} for each in (OMAR, AMINA)]
FAMILY = [Executed("household", {}, {"household_id": "home", "cases": MEMBERS}), of("clear"), of("clear", AMINA)]
BOARDED = [*FAMILY, FLIGHT, SEATS, of("board"), of("board", AMINA)]


def named(told: Told, case_id: str = OMAR) -> dict[str, int]:
    return {type.split(".")[-2]: number for (type, subject), number in told.items() if subject == case_id}


def caused(before: list[Executed], *then: Executed) -> dict[str, int]:
    """What the last commands have caused of the first case."""
    return named(expected([*before, *then]) - expected(before))


@pytest.mark.parametrize(
    ("before", "then", "events"),
    [
        ([*FAMILY, FLIGHT], SEATS, {"seat-booked": 1}),
        ([*FAMILY, FLIGHT, SEATS], SEATS, {}),
        ([*FAMILY, FLIGHT, SEATS], of("hold", AMINA, {"hold_id": "h"}), {"seat-released": 1}),
        (FAMILY, of("hold", answer={"hold_id": "h"}), {"hold-placed": 1, "clearance-revoked": 1}),
        (FAMILY, of("withdraw"), {"consent-withdrawn": 1, "withdrawn": 1, "clearance-revoked": 1}),
        (BOARDED, of("no-show", AMINA), {"seat-released": 1, "boarding-corrected": 1}),
        (BOARDED, Executed("departure", {"flight_id": "uz1"}, None), {"departed": 1}),
        (BOARDED, of("desk-withdrawal", answer={"effective": False}), {"withdrawal-too-late": 1}),
        (BOARDED, of("arrive"), {"arrival-confirmed": 1, "opened": 1, "follow-ups-scheduled": 1}),
        ([registered(OMAR)], registered(AMINA, OMAR), {"duplicate-suspected": 1}),
        ([registered(OMAR)], of("assess"), {"assessed": 1}),
    ],
)
def test_what_a_command_causes_in_other_services_is_counted(
    before: list[Executed], then: Executed, events: dict[str, int]
) -> None:
    assert caused(before, then) == events


def test_a_cancelled_plan_ends_the_visits_and_a_merged_case_is_decided_on_both_sides() -> None:
    fund = Executed("fund", {"amount": 90}, {"fund_id": "eu"})
    before = [registered(OMAR), fund, of("arrive"), of("plan", fund_id="eu", amount=50), of("approve")]
    assert caused(before, of("cancel")) == {"cancelled": 1, "follow-ups-cancelled": 1}
    merged = of("same-person", AMINA, {"merged_into": OMAR}, other=OMAR)
    told = expected([registered(OMAR), registered(AMINA, OMAR), merged])
    assert named(told) == {"registered": 1, "duplicate-suspected": 1, "duplicate-decided": 1}
    assert named(told, AMINA) == {**named(told), "merged": 1}


def event(type: str, subject: str = OMAR, **data: Any) -> Event:
    return Event(
        id=new_id(),
        source=f"/homeward/{type.split('.')[2]}",
        type=type,
        subject=subject,
        sequence=1,
        time=START,
        prevhash=GENESIS,
        data=json.dumps(data).encode(),
    )


def log(told: Told) -> Iterable[Event]:
    return (event(*each) for each in told.elements())


def test_logs_with_what_was_caused_are_right_and_a_missing_event_is_told() -> None:
    told = expected(BOARDED)
    assert list(ghosts(told, log(told))) == []
    [missing] = ghosts(told, log(told - Told({(travel.Boarded.type, OMAR): 1})))
    assert "missing" in missing


@pytest.mark.parametrize("type", sorted(REGISTRY.keys() - {GATES}))
def test_a_ghost_of_any_type_is_told_also_when_no_such_command_was_given(type: str) -> None:
    told = expected([registered(OMAR)])
    [ghost] = ghosts(told, [*log(told), event(type)])
    assert "nobody has commanded" in ghost


MET = {"on": "2026-01-05", "met": ["consent"], "missing": ["clearance"], "lapsing": []}
UNMET = {**MET, "met": []}


def gates(evaluations: list[dict[str, Any]], known: dict[str, Any] | None = MET) -> list[str]:
    """What is told of a case that was registered and declared."""
    made = world([registered(OMAR), of("declare")])
    heard = [event(screening.CaseRegistered.type), event(screening.DeclarationSigned.type)]
    told = {screening.SOURCE: heard, travel.SOURCE: [event(GATES, **each) for each in evaluations]}
    return list(wrong_gates(made, told, {OMAR: {"gates": known}}))


def test_gates_are_evaluated_as_often_as_there_is_cause_and_the_last_evaluation_is_what_travel_knows() -> None:
    assert gates([UNMET, MET]) == gates([MET]) == []
    [never], [too_often], [stale] = gates([]), gates([UNMET, UNMET, MET]), gates([MET, UNMET])
    assert "0 times" in never and "3 times, with 2 causes" in too_often and "last told" in stale
    assert gates([MET, UNMET], None) == []


def test_gates_of_a_case_of_nobody_are_told() -> None:
    made = world([])
    [told] = wrong_gates(made, {travel.SOURCE: [event(GATES, "nobody", **MET)]}, {})
    assert "nobody's" in told
