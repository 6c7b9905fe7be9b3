"""How screening reacts to what travel and monitoring publish."""

from services.screening.domain.records import Withdrawal
from services.screening.repository import CASES, Unit
from shared.contracts.monitoring import CaseClosed
from shared.contracts.travel import (
    Boarded,
    BoardingCorrected,
    Departed,
    SeatBooked,
    SeatReleased,
    WithdrawalTooLate,
    WithdrawnAtGate,
)
from shared.messaging.handlers import Received, handlers, on
from shared.messaging.learning import Learning


def seat_booked(received: Received[SeatBooked], uow: Unit) -> None:
    """From now on the country of origin's offices have to do with the case."""
    uow.cases.get(received.subject).travelling = True


def seat_released(received: Received[SeatReleased], uow: Unit) -> None:
    """They no longer do, wherever the seat was lost; also of a seat on a flight that left without the person."""
    uow.cases.get(received.subject).travelling = False


def boarded(received: Received[Boarded], uow: Unit) -> None:
    """From now on a withdrawal comes too late."""
    case = uow.cases.get(received.subject)
    case.boarded = case.travelling = True


def on_board_after_all(received: Received[BoardingCorrected], uow: Unit) -> None:
    """Who had lost the seat travels; who comes off the flight keeps the seat, or a release tells more."""
    if received.data.boarded:
        uow.cases.get(received.subject).travelling = True


def boarding_corrected(received: Received[BoardingCorrected], uow: Unit) -> None:
    """Whoever was not on board after all can still withdraw."""
    on_board_after_all(received, uow)
    case = uow.cases.get(received.subject)
    uow.record(*case.correct_boarding(received.data.boarded, uow.clock.now()))


def departed(received: Received[Departed], uow: Unit) -> None:
    """Whoever has left was on board."""
    case = uow.cases.get(received.subject)
    case.boarded = case.travelling = True


def withdrawn(received: Received[WithdrawnAtGate], uow: Unit) -> None:
    """Consent ended at the airport desk, unless this only answers a withdrawal that was made here."""
    case = uow.cases.get(received.subject)
    on_day = received.data.withdrawn_on
    uow.record(*case.hear_withdrawal(Withdrawal(on_day, "airport", "at the airport desk", received.time, uow.actor)))


def withdrawal_too_late(received: Received[WithdrawalTooLate], uow: Unit) -> None:
    """Travel's answer to a withdrawal made here when the person had boarded: the journey stands."""
    uow.cases.get(received.subject).hear_answer(received.data.withdrawn_on)


def closed(received: Received[CaseClosed], uow: Unit) -> None:
    """Monitoring has ended the case: from now on it counts towards the end of what is kept."""
    uow.cases.get(received.subject).close(received.data.closed_on)


HANDLERS = handlers(
    on(SeatBooked, seat_booked, cases=lambda received: [received.subject]),
    on(SeatReleased, seat_released, cases=lambda received: [received.subject]),
    on(Boarded, boarded, cases=lambda received: [received.subject]),
    on(BoardingCorrected, boarding_corrected, cases=lambda received: [received.subject]),
    on(Departed, departed, cases=lambda received: [received.subject]),
    on(WithdrawnAtGate, withdrawn, cases=lambda received: [received.subject]),
    on(CaseClosed, closed, cases=lambda received: [received.subject]),
    on(WithdrawalTooLate, withdrawal_too_late, cases=lambda received: [received.subject]),
)

#: Of cases that were registered before screening kept who travels.
LEARNING = Learning(
    CASES,
    handlers(on(SeatBooked, seat_booked), on(SeatReleased, seat_released), on(BoardingCorrected, on_board_after_all)),
)
