"""A case's gates as its page lists them: each with its state, in the gates' own order."""

from dataclasses import dataclass
from enum import StrEnum

from services.gateway.answers import CaseStatus
from shared.contracts.vocabulary import Gate


class GateState(StrEnum):
    """How it stands with a gate."""

    #: It holds.
    MET = "met"
    #: It does not hold.
    MISSING = "missing"
    #: It holds now and will not on the flight's date.
    LAPSING = "lapsing"
    #: Travel has not looked at it yet.
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class GateLine:
    """One line of the list."""

    gate: Gate
    state: GateState


#: Travel alone can say, and does so when there are papers or a flight.
_ONLY_TRAVEL = frozenset({Gate.ESCORT, Gate.FAMILY, Gate.SEAT})


def gates_of(case: CaseStatus) -> list[GateLine]:
    """Every gate of a case; after the departure those that were evaluated last."""
    return [GateLine(gate, _state(case, gate)) for gate in Gate]


def _state(case: CaseStatus, gate: Gate) -> GateState:
    if gate in case.gates.lapsing:
        return GateState.LAPSING
    if gate in case.missing_gates or _seat_is_lost(case, gate):
        return GateState.MISSING
    if gate in _ONLY_TRAVEL and gate not in case.gates.met and not case.seat.departed:
        return GateState.UNCHECKED
    return GateState.MET


def _seat_is_lost(case: CaseStatus, gate: Gate) -> bool:
    # Travel looks at nobody's gates any more who has withdrawn: the last it found was a seat.
    return gate is Gate.SEAT and gate in case.gates.met and not (case.seat.seated or case.seat.departed)
