"""The gates as a case's page lists them."""

from collections.abc import Sequence
from datetime import date

from services.gateway.answers import case_status
from services.gateway.console.gates import GateState, gates_of
from services.gateway.projection import CaseView
from shared.contracts.vocabulary import Gate
from shared.ids import new_id


def _states(case: CaseView) -> dict[Gate, GateState]:
    return {line.gate: line.state for line in gates_of(case_status(case, (None, []), None, []))}


def _evaluated(*, missing: Sequence[Gate] = (), lapsing: Sequence[Gate] = (), seated: bool = True) -> CaseView:
    case = CaseView(new_id())
    known = case.travel
    known.gates_on, known.missing, known.lapsing = date(2026, 1, 26), list(missing), list(lapsing)
    known.met = [gate for gate in Gate if gate not in (*missing, *lapsing)]
    known.seated = seated
    return case


def test_every_gate_is_listed_in_its_order() -> None:
    assert list(_states(CaseView(new_id()))) == list(Gate)


def test_what_travel_alone_can_say_is_unchecked_until_it_has() -> None:
    states = _states(CaseView(new_id()))
    assert {gate for gate, state in states.items() if state is GateState.UNCHECKED} == {
        Gate.ESCORT,
        Gate.FAMILY,
        Gate.SEAT,
    }
    assert states[Gate.CONSENT] is states[Gate.DOCUMENT] is GateState.MISSING


def test_a_gate_that_will_lapse_is_told_as_such_also_when_it_counts_as_missing() -> None:
    states = _states(_evaluated(missing=[Gate.DOCUMENT, Gate.EXIT_VISA], lapsing=[Gate.DOCUMENT]))
    assert (states[Gate.DOCUMENT], states[Gate.EXIT_VISA]) == (GateState.LAPSING, GateState.MISSING)


def test_a_seat_that_was_released_after_the_last_evaluation_is_missing() -> None:
    assert _states(_evaluated())[Gate.SEAT] is GateState.MET
    assert _states(_evaluated(seated=False))[Gate.SEAT] is GateState.MISSING


def test_after_the_departure_no_gate_is_missing() -> None:
    case = _evaluated(seated=False)
    case.travel.departed = True
    assert set(_states(case).values()) == {GateState.MET}
