"""How the partners' service follows the others: it learns what decides who hears of a case, and tells those who do."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from services.partners import milestones, offers
from services.partners.domain.fact import Case, Fact, Flight
from services.partners.domain.figures import cells
from services.partners.domain.vocabulary import AgeGroup
from services.partners.kept import Gone
from services.partners.repository import Unit
from shared.contracts import screening, travel, versions
from shared.contracts.envelope import REGISTRY, Contract
from shared.messaging.handlers import Handler, Handlers, NotYet, Received, handlers, on

Learn = Callable[[Received[Any], Case, Unit], None]


def _registered(received: Received[screening.CaseRegistered], case: Case, _: Unit) -> None:
    case.office, case.country_of_origin = received.data.office, received.data.country_of_origin
    case.age_group = AgeGroup(received.data.age_group)


def _corrected(received: Received[screening.IdentityCorrected], case: Case, uow: Unit) -> None:
    before, case.country_of_origin = case.country_of_origin, received.data.country_of_origin
    case.age_group = AgeGroup(received.data.age_group)
    if case.country_of_origin != before:
        uow.bury(case, Gone.OF_ANOTHER_COUNTRY, outside=True)


def _merged(received: Received[screening.CaseMerged], case: Case, uow: Unit) -> None:
    case.merged_into = received.data.into_case_id
    uow.bury(case, Gone.DUPLICATE)
    case.end_referrals(received.event.time)


def _declared(received: Received[screening.DeclarationSigned], case: Case, _: Unit) -> None:
    case.declared, case.recipients = True, set(received.data.recipients)


def _withdrawn(received: Received[Any], case: Case, uow: Unit) -> None:
    if case.declared:
        case.declared = False
        uow.bury(case, Gone.CONSENT_WITHDRAWN)
        case.end_referrals(received.event.time)


def _consented(received: Received[screening.RecipientsChanged], case: Case, uow: Unit) -> None:
    before, case.recipients = case.recipients, set(received.data.recipients)
    for recipient in sorted(before - case.recipients):
        uow.bury(case, Gone.CONSENT_WITHDRAWN, of=recipient)
        case.end_referrals(received.event.time, recipient)


def _erased(received: Received[screening.PersonErased], case: Case, uow: Unit) -> None:
    uow.bury(case, Gone.ERASED)
    case.erase(received.data.erased_on)
    uow.forget(case.id)


def _booked(received: Received[travel.SeatBooked], case: Case, uow: Unit) -> None:
    flight = _flight(received.data.flight_id, uow)
    case.flight_id, case.carrier = flight.id, flight.carrier


def _released(_: Received[travel.SeatReleased], case: Case, __: Unit) -> None:
    case.flight_id = case.carrier = None


#: What is learnt of a case, before it is told.
_LEARNT: dict[type[Contract], Learn] = {
    screening.CaseRegistered: _registered,
    screening.IdentityCorrected: _corrected,
    screening.CaseMerged: _merged,
    screening.DeclarationSigned: _declared,
    screening.ConsentWithdrawn: _withdrawn,
    screening.RecipientsChanged: _consented,
    screening.PersonErased: _erased,
    travel.SeatBooked: _booked,
    travel.WithdrawnAtGate: _withdrawn,
}
#: The same after it was told: who flew the person hears that it no longer does.
_LEARNT_AFTERWARDS: dict[type[Contract], Learn] = {travel.SeatReleased: _released}
#: What brings a flight with it.
_WITH_FLIGHT = {travel.SeatBooked}


def _of_case(contract: type[Contract]) -> Handler:
    before, after = _LEARNT.get(contract), _LEARNT_AFTERWARDS.get(contract)
    offered, counts = offers.told_as(contract) in offers.CASES, contract in milestones.COUNTED

    def hear(received: Received[Any], uow: Unit) -> None:
        case = uow.cases.find(received.subject)
        if case is None:
            case = Case(received.subject)
            uow.cases.add(case)
        if received.event.source != screening.SOURCE and case.unheard_of:
            raise NotYet(f"screening has not told yet what becomes of case {case.id}")
        counted = cells(case) if counts else frozenset()
        if before:
            before(received, case, uow)
        if counts and not case.erased_on:
            milestones.note(received, case)
            uow.count(counted, cells(case))
        if offered:
            uow.tell(_fact(received), case)
        if after:
            after(received, case, uow)

    touches: dict[str, Callable[[Received[Any]], list[UUID]]] = {"cases": lambda received: [received.subject]}
    if contract in _WITH_FLIGHT:
        touches["flights"] = lambda received: [received.data.flight_id]
    return on(contract, hear, **touches)


def _of_flight(contract: type[Contract]) -> Handler:
    def hear(received: Received[Any], uow: Unit) -> None:
        flight = uow.flights.find(received.subject)
        if flight is None:
            flight = Flight(received.subject)
            uow.flights.add(flight)
        if isinstance(received.data, travel.FlightScheduled):
            flight.schedule(received.data.carrier, received.data.office, received.data.country_of_origin)
        uow.tell(_fact(received), flight)

    return on(contract, hear, flights=lambda received: [received.subject])


def _flight(id: UUID, uow: Unit) -> Flight:
    flight = uow.flights.find(id)
    if flight is None:
        raise NotYet(f"flight {id} is not known here yet")
    return flight


def _fact(received: Received[Any]) -> Fact:
    event = received.event
    told = versions.downcast(event.contract)
    correcting = told.type in offers.CORRECTING
    return Fact(event.id, event.source, told.type, received.subject, event.time, told.model_dump(), correcting)


_HEARD: set[type[Contract]] = {
    *(*_LEARNT, *_LEARNT_AFTERWARDS, *milestones.COUNTED),
    *(versions.newest(REGISTRY[type]) for type in offers.HEARD),
}
HANDLERS: Handlers = handlers(
    *(_of_case(contract) for contract in sorted(_HEARD, key=lambda each: each.type)),
    *(_of_flight(versions.newest(REGISTRY[type])) for type in sorted(offers.FLIGHTS)),
)
FOLLOWS = tuple(f"/homeward/{name}" for name in ("screening", "travel", "reintegration", "monitoring"))
