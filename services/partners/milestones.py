"""Which events say that a person has reached something that is counted, and which take it back."""

from collections.abc import Callable, Mapping
from datetime import UTC, date
from typing import Any

from services.partners.domain.fact import Case
from services.partners.domain.vocabulary import Measure
from shared.contracts import monitoring, reintegration, screening, travel
from shared.contracts.envelope import Contract
from shared.messaging.handlers import Received

#: On which day, as the programme's records have it; the moment of the event where they name none.
_Day = Callable[[Received[Any]], date]


def _moment(received: Received[Any]) -> date:
    return received.time.astimezone(UTC).date()


_REACHED: Mapping[type[Contract], tuple[Measure, _Day]] = {
    screening.CaseRegistered: (Measure.REGISTERED, lambda received: received.data.registered_on),
    screening.CaseCleared: (Measure.CLEARED, lambda received: received.data.cleared_on),
    screening.ConsentWithdrawn: (Measure.WITHDRAWN, lambda received: received.data.withdrawn_on),
    travel.WithdrawnAtGate: (Measure.WITHDRAWN, lambda received: received.data.withdrawn_on),
    travel.DocumentIssued: (Measure.DOCUMENT, lambda received: received.data.issued_on),
    travel.Departed: (Measure.DEPARTED, lambda received: received.data.departed_at.astimezone(UTC).date()),
    travel.ArrivalConfirmed: (Measure.ARRIVED, lambda received: received.data.arrived_on),
    reintegration.PlanApproved: (Measure.PLANNED, _moment),
    reintegration.ReintegrationCompleted: (Measure.REINTEGRATED, lambda received: received.data.completed_on),
    monitoring.FollowUpCompleted: (Measure.FOLLOWED_UP, lambda received: received.data.completed_on),
    monitoring.CaseClosed: (Measure.CLOSED, lambda received: received.data.closed_on),
}


def _boarding(received: Received[travel.BoardingCorrected], case: Case) -> None:
    # Who was on board after all has departed by an event of its own.
    if not received.data.boarded:
        case.take_back(Measure.DEPARTED, Measure.ARRIVED)


def _arrival(received: Received[travel.ArrivalCorrected], case: Case) -> None:
    if received.data.arrived:
        # The correction says when it was made; the person arrived with the flight.
        case.reach(Measure.ARRIVED, case.reached.get(Measure.DEPARTED, received.data.corrected_on))
    else:
        case.take_back(Measure.ARRIVED)


def _delivery(_: Received[Any], case: Case) -> None:
    case.take_back(Measure.REINTEGRATED)


def _cancelled(received: Received[reintegration.ReintegrationCancelled], case: Case) -> None:
    if received.data.reason == "arrival_corrected":
        case.take_back(Measure.PLANNED, Measure.REINTEGRATED)


_CORRECTED: Mapping[type[Contract], Callable[[Received[Any], Case], None]] = {
    travel.BoardingCorrected: _boarding,
    travel.ArrivalCorrected: _arrival,
    reintegration.DeliveryCorrected: _delivery,
    reintegration.ReintegrationCancelled: _cancelled,
}
#: After these a case may count elsewhere than before.
COUNTED: frozenset[type[Contract]] = frozenset(
    {*_REACHED, *_CORRECTED, screening.IdentityCorrected, screening.CaseMerged}
)


def note(received: Received[Any], case: Case) -> None:
    """Keep with the case what it has reached."""
    contract = type(received.data)
    if found := _REACHED.get(contract):
        measure, day = found
        case.reach(measure, day(received))
    elif correct := _CORRECTED.get(contract):
        correct(received, case)
