"""What the services know in the end, against the model and against the rules that hold under any concurrency. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.model import Case, World

States = Mapping[str, Mapping[str, Any]]


def compare(made: World, states: States) -> Iterator[str]:
    """Where a service's state is not the model's."""
    for case_id, case in made.cases.items():
        for what, expected, found in _case(made, case_id, case, states):
            if expected != found:
                yield f"case {case_id}: {what} is {found!r}, by the commands {expected!r}"
    for flight_id, status in made.flights.items():
        found = states["travel_flight"].get(flight_id, {}).get("status")
        if found != status:
            yield f"flight {flight_id}: status is {found!r}, by the commands {status!r}"
    for fund_id, fund in made.funds.items():
        state = states["reintegration_fund"].get(fund_id, {})
        for name, amount in vars(fund).items():
            if state.get(name) != amount:
                yield f"fund {fund_id}: {name} is {state.get(name)}, by the commands {amount}"


def _case(made: World, case_id: str, case: Case, states: States) -> Iterator[tuple[str, Any, Any]]:
    own = {table: states[table].get(case_id, {}) for table in _TABLES}
    yield "screening's status", made.screening_status(case), own["screening_case"].get("status")
    open_holds = {each["id"] for each in own["screening_case"].get("holds", []) if each["lifted_at"] is None}
    yield "screening's open holds", case.holds, open_holds
    yield "travel's status", made.travel_status(case), own["travel_case"].get("status")
    yield "travel's holds", case.holds, set(own["travel_case"].get("holds", []))
    yield "travel's consent", case.declared and not case.withdrawn, own["travel_case"].get("consent")
    if case.flight is not None or not case.no_show:
        yield "the flight", case.flight, own["travel_case"].get("flight_id")
    yield "reintegration's status", made.reintegration_status(case), own["reintegration_case"].get("status")
    yield "what was spent", case.spent, _spent(own["reintegration_case"])
    visits = {each["planned"]["code"] for each in own["monitoring_case"].get("visits", []) if each["completed_on"]}
    yield "visits made", case.visits, visits
    yield "followed up", case.arrived, bool(own["monitoring_case"])
    yield "the stage", made.stage(case), own["case_view"].get("stage")
    yield "holds at the gateway", len(case.holds), own["case_view"].get("holds")


_TABLES = ("screening_case", "travel_case", "reintegration_case", "monitoring_case", "case_view")


def _spent(state: Mapping[str, Any]) -> int:
    lines = [line for plan in state.get("plans", []) for line in plan["lines"] if line["delivery"]]
    return sum(line["delivery"]["amount"] for line in lines)


def broken_rules(states: States, ceiling: int) -> Iterator[str]:
    """Seats, families and money, whatever the commands were."""
    yield from _seats(states)
    for fund_id, fund in states["reintegration_fund"].items():
        used = fund["reserved"] + fund["committed"] + fund["spent"]
        if min(fund["reserved"], fund["committed"], fund["spent"], fund["amount"] - used) < 0:
            yield f"fund {fund_id} is overdrawn: {fund}"
    for person_id, person in states["reintegration_person"].items():
        held = sum(share["held"] for share in person["shares"].values())
        if held > ceiling:
            yield f"person {person_id} holds {held}, more than {ceiling}"


def _seats(states: States) -> Iterator[str]:
    on: dict[str, set[str]] = {}
    for flight_id, flight in states["travel_flight"].items():
        seated = {id for id, each in flight["passengers"].items() if each["outcome"] in ("expected", "boarded")}
        taken = sum(not flight["passengers"][id]["on_lap"] for id in seated)
        if taken > flight["capacity"]:
            yield f"flight {flight_id} has {taken} passengers on {flight['capacity']} seats"
        for case_id in seated:
            on.setdefault(case_id, set()).add(flight_id)
    for case_id, flights in on.items():
        if len(flights) > 1:
            yield f"case {case_id} is on {len(flights)} flights"
    for household_id, household in states["travel_household"].items():
        homes = {frozenset(on.get(member, ())) for member in household["members"]}
        if len(homes) > 1:
            yield f"the family {household_id} is split"
