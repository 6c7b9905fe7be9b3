"""Every event of every service, folded into the projection that it concerns, with one row in the timeline."""

from collections.abc import Iterable
from uuid import UUID

import orjson

from services.gateway.projection import CaseView, FlightView, HouseholdView
from services.gateway.repository import Unit
from shared.contracts import monitoring, reintegration, restoration, screening, travel
from shared.contracts.envelope import REGISTRY, Contract
from shared.messaging.handlers import Handler, Received, handlers, on

FOLLOWS = (screening.SOURCE, travel.SOURCE, reintegration.SOURCE, monitoring.SOURCE)

_OF_FLIGHTS: tuple[type[Contract], ...] = (
    travel.FlightScheduled,
    travel.FlightRescheduled,
    travel.FlightCancelled,
    travel.ManifestLocked,
    travel.ManifestValidated,
    travel.FlightDeparted,
)
_OF_HOUSEHOLDS: tuple[type[Contract], ...] = (screening.HouseholdChanged,)
_OF_FUNDS: tuple[type[Contract], ...] = (reintegration.FundOpened,)


#: To whom a person lets data go may tell of health or asylum: it is read in the person's file.
_UNTOLD = frozenset({"recipients"})


def case_changed(received: Received[Contract], uow: Unit) -> None:
    """Any source may be the first to tell of a case."""
    case = uow.cases.find(received.subject)
    if case is None:
        uow.cases.add(case := CaseView(received.subject))
    case.apply(received.event.source, received.data, received.time)
    if isinstance(received.data, screening.PersonErased):
        uow.destroy(received.subject)
    keep(received, uow)


def flight_changed(received: Received[Contract], uow: Unit) -> None:
    flight = uow.flights.find(received.subject)
    if flight is None:
        uow.flights.add(flight := FlightView(received.subject))
    flight.apply(received.data)
    keep(received, uow)


def household_changed(received: Received[Contract], uow: Unit) -> None:
    household = uow.households.find(received.subject)
    if household is None:
        uow.households.add(household := HouseholdView(received.subject))
    household.apply(received.data)
    keep(received, uow)


def keep(received: Received[Contract], uow: Unit) -> None:
    """The event's row in the timeline: one event, one row."""
    event = received.event
    # A log keeps what a contract had once: what no contract names any more is not shown again after a rebuild.
    known = REGISTRY[event.type].model_fields.keys()
    row = {
        "source": event.source,
        "subject": event.subject,
        "sequence": event.sequence,
        "type": event.type,
        "time": event.time,
        "data": {name: value for name, value in orjson.loads(event.data).items() if name in known - _UNTOLD},
        "trace_id": event.traceparent.split("-")[1] if event.traceparent else None,
    }
    uow.insert("timeline", row)


def _subject(received: Received[Contract]) -> Iterable[UUID]:
    return [received.subject]


def _handler(contract: type[Contract]) -> Handler:
    if contract in _OF_FLIGHTS:
        return on(contract, flight_changed, flights=_subject)
    if contract in _OF_FUNDS or contract.type in restoration.GOING_ON:
        return on(contract, keep)
    if contract in _OF_HOUSEHOLDS:
        return on(contract, household_changed, households=_subject)
    return on(contract, case_changed, cases=_subject)


def _is_followed(contract: type[Contract]) -> bool:
    """``org.homeward.travel.departed.v1`` comes from ``/homeward/travel``. A replaced type comes with its successor."""
    return f"/homeward/{contract.type.split('.')[2]}" in FOLLOWS and not contract.replaced_by


HANDLERS = handlers(
    *(_handler(contract) for contract in REGISTRY.values() if _is_followed(contract)),
    # Any service's, of whatever it tells.
    _handler(restoration.Restored),
    _handler(restoration.Lost),
)
