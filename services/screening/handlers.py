"""How screening reacts to what travel and monitoring publish."""

from services.screening.domain.records import Withdrawal
from services.screening.repository import Unit
from shared.contracts.monitoring import CaseClosed
from shared.contracts.travel import Boarded, BoardingCorrected, Departed, WithdrawalTooLate, WithdrawnAtGate
from shared.messaging.handlers import Received, handlers, on


def boarded(received: Received[Boarded], uow: Unit) -> None:
    """From now on a withdrawal comes too late."""
    uow.cases.get(received.subject).boarded = True


def boarding_corrected(received: Received[BoardingCorrected], uow: Unit) -> None:
    """Whoever was not on board after all can still withdraw."""
    case = uow.cases.get(received.subject)
    uow.record(*case.correct_boarding(received.data.boarded, uow.clock.now()))


def departed(received: Received[Departed], uow: Unit) -> None:
    """Whoever has left was on board."""
    uow.cases.get(received.subject).boarded = True


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
    on(Boarded, boarded, cases=lambda received: [received.subject]),
    on(BoardingCorrected, boarding_corrected, cases=lambda received: [received.subject]),
    on(Departed, departed, cases=lambda received: [received.subject]),
    on(WithdrawnAtGate, withdrawn, cases=lambda received: [received.subject]),
    on(CaseClosed, closed, cases=lambda received: [received.subject]),
    on(WithdrawalTooLate, withdrawal_too_late, cases=lambda received: [received.subject]),
)
