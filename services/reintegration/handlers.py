"""How reintegration reacts to what screening and travel tell, whichever of them is heard first."""

from uuid import UUID

from services.reintegration.domain.case import Case
from services.reintegration.repository import CASES, Unit
from shared.contracts.screening import CaseMerged, CaseRegistered, DuplicateDecided, IdentityCorrected, PersonErased
from shared.contracts.travel import (
    ArrivalConfirmed,
    ArrivalCorrected,
    BoardingCorrected,
    SeatBooked,
    SeatReleased,
    WithdrawnAtGate,
)
from shared.messaging.handlers import Received, handlers, on
from shared.messaging.learning import Learning


def registered(received: Received[CaseRegistered], uow: Unit) -> None:
    """Learn whose case it is, and which offices'."""
    data = received.data
    _record(uow, _case(received.subject, uow).register(data.person_id, data.office, data.country_of_origin))


def identity_corrected(received: Received[IdentityCorrected], uow: Unit) -> None:
    """Learn that the person returns to another country."""
    _case(received.subject, uow).country_of_origin = received.data.country_of_origin


def duplicate_decided(received: Received[DuplicateDecided], uow: Unit) -> None:
    """The case may be another person's from now on; what it takes counts for that person."""
    case = _case(received.subject, uow)
    _, ledger = uow.purse(case)
    case.move_to(received.data.person_id, ledger, uow.ledger(received.data.person_id))


def merged(received: Received[CaseMerged], uow: Unit) -> None:
    """The case has ended as a duplicate."""
    case = _case(received.subject, uow)
    _record(uow, case.merge(received.data.into_case_id, *uow.purse(case), _currency(uow)))


def seat_booked(received: Received[SeatBooked], uow: Unit) -> None:
    """From now on the country of origin's offices have to do with the case."""
    _case(received.subject, uow).travelling = True


def seat_released(received: Received[SeatReleased], uow: Unit) -> None:
    """They no longer do."""
    _case(received.subject, uow).travelling = False


def boarding_corrected(received: Received[BoardingCorrected], uow: Unit) -> None:
    """Who had lost the seat is on board after all; who comes off it keeps the seat, or a release tells more."""
    if received.data.boarded:
        _case(received.subject, uow).travelling = True


def arrival_confirmed(received: Received[ArrivalConfirmed], uow: Unit) -> None:
    """Open reintegration on the day of arrival."""
    _record(uow, _case(received.subject, uow).arrive(received.data.arrived_on))


def arrival_corrected(received: Received[ArrivalCorrected], uow: Unit) -> None:
    """Open reintegration after all, or end it."""
    case = _case(received.subject, uow)
    if received.data.arrived:
        _record(uow, case.arrive(received.data.corrected_on))
    else:
        _record(uow, case.undo_arrival(*uow.purse(case), _currency(uow)))


def withdrawn(received: Received[WithdrawnAtGate], uow: Unit) -> None:
    """The person stays: nothing is held for them."""
    case = _case(received.subject, uow)
    _record(uow, case.withdraw(received.data.withdrawn_on, *uow.purse(case), _currency(uow)))


def _case(case_id: UUID, uow: Unit) -> Case:
    case = uow.cases.find(case_id)
    if case is None:
        case = Case(case_id)
        uow.cases.add(case)
    return case


def _record(uow: Unit, event: object | None) -> None:
    if event is not None:
        uow.record(event)


def _currency(uow: Unit) -> str:
    return uow.programme.reintegration.currency


def erased(received: Received[PersonErased], uow: Unit) -> None:
    """Destroy what is held of the person, and every chance to seal anything more."""
    case = uow.cases.find(received.subject)
    if case is not None:
        case.erase()
    uow.destroy(received.subject)


HANDLERS = handlers(
    on(CaseRegistered, registered, cases=lambda received: [received.subject]),
    on(
        DuplicateDecided,
        duplicate_decided,
        cases=lambda received: [received.subject],
        persons=lambda received: [received.data.person_id],
    ),
    on(CaseMerged, merged, cases=lambda received: [received.subject]),
    on(SeatBooked, seat_booked, cases=lambda received: [received.subject]),
    on(SeatReleased, seat_released, cases=lambda received: [received.subject]),
    on(BoardingCorrected, boarding_corrected, cases=lambda received: [received.subject]),
    on(ArrivalConfirmed, arrival_confirmed, cases=lambda received: [received.subject]),
    on(ArrivalCorrected, arrival_corrected, cases=lambda received: [received.subject]),
    on(WithdrawnAtGate, withdrawn, cases=lambda received: [received.subject]),
    on(IdentityCorrected, identity_corrected, cases=lambda received: [received.subject]),
    on(PersonErased, erased, cases=lambda received: [received.subject]),
)

#: Of cases that were registered before reintegration kept whose they are and who travels.
LEARNING = Learning(
    CASES,
    handlers(
        on(CaseRegistered, registered),
        on(IdentityCorrected, identity_corrected),
        on(SeatBooked, seat_booked),
        on(SeatReleased, seat_released),
        on(BoardingCorrected, boarding_corrected),
    ),
)
