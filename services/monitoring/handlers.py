"""How monitoring reacts to what reintegration and screening tell."""

from services.monitoring.domain.case import Case
from services.monitoring.domain.visit import Planned
from services.monitoring.domain.vocabulary import Method
from services.monitoring.repository import CASES, Unit
from shared.contracts.reintegration import (
    DeliveryCorrected,
    ReintegrationCancelled,
    ReintegrationCompleted,
    ReintegrationOpened,
)
from shared.contracts.screening import CaseRegistered, IdentityCorrected, PersonErased
from shared.messaging.handlers import Received, handlers, on
from shared.messaging.learning import Learning
from shared.programme import Programme


def opened(received: Received[ReintegrationOpened], uow: Unit) -> None:
    """Begin follow-up, or begin it anew."""
    case = uow.cases.find(received.subject)
    if case is None:
        case, scheduled = Case.schedule(received.subject, received.data.inception_on, planned(uow.programme))
        uow.cases.add(case)
        uow.record(scheduled)
    elif rescheduled := case.reintegration_reopened(received.data.inception_on):
        uow.record(rescheduled)
    begun(received, uow)


def begun(received: Received[ReintegrationOpened], uow: Unit) -> None:
    """Whose case it is."""
    uow.cases.get(received.subject).belongs_to(received.data.office, received.data.country_of_origin)


def registered(received: Received[CaseRegistered], uow: Unit) -> None:
    """The same, of cases whose opening didn't tell it."""
    case = uow.cases.get(received.subject)
    case.office, case.country_of_origin = received.data.office, received.data.country_of_origin


def identity_corrected(received: Received[IdentityCorrected], uow: Unit) -> None:
    """The person has returned to another country than was registered."""
    if case := uow.cases.find(received.subject):
        case.country_of_origin = received.data.country_of_origin


def completed(received: Received[ReintegrationCompleted], uow: Unit) -> None:
    """Everything was delivered."""
    uow.cases.get(received.subject).reintegration_completed()


def delivery_corrected(received: Received[DeliveryCorrected], uow: Unit) -> None:
    """What was complete no longer is."""
    uow.cases.get(received.subject).reintegration_resumed()


def cancelled(received: Received[ReintegrationCancelled], uow: Unit) -> None:
    """No more visits are made."""
    ended_early(received, uow)
    if ended := uow.cases.get(received.subject).reintegration_cancelled(received.time.date()):
        uow.record(ended)


def ended_early(received: Received[ReintegrationCancelled], uow: Unit) -> None:
    """Whether the country of origin still has to do with it."""
    case = uow.cases.get(received.subject)
    # Travel alone knows whether the person is missing or never left: without an arrival the country hears nothing.
    case.travelling = case.travelling and received.data.reason not in ("arrival_corrected", "withdrawn")


def planned(programme: Programme) -> list[Planned]:
    """The programme's schedule of follow-ups."""
    policy = programme.monitoring
    return [
        Planned(each.code, Method(each.method), each.after_months, policy.overdue_after_days, Method(each.method))
        for each in policy.follow_ups
    ]


def erased(received: Received[PersonErased], uow: Unit) -> None:
    """Destroy what is held of the person, and every chance to seal anything more."""
    case = uow.cases.find(received.subject)
    if case is not None:
        case.erase()
    uow.destroy(received.subject)


HANDLERS = handlers(
    on(ReintegrationOpened, opened, cases=lambda received: [received.subject]),
    on(ReintegrationCompleted, completed, cases=lambda received: [received.subject]),
    on(DeliveryCorrected, delivery_corrected, cases=lambda received: [received.subject]),
    on(ReintegrationCancelled, cancelled, cases=lambda received: [received.subject]),
    on(IdentityCorrected, identity_corrected, cases=lambda received: [received.subject]),
    on(PersonErased, erased, cases=lambda received: [received.subject]),
)

#: Of cases whose follow-up began before monitoring kept whose they are.
LEARNING = Learning(
    CASES,
    handlers(
        on(CaseRegistered, registered),
        on(IdentityCorrected, identity_corrected),
        on(ReintegrationOpened, begun),
        on(ReintegrationCancelled, ended_early),
    ),
)
