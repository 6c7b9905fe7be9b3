"""What leaves monitoring, field by field."""

from typing import assert_never

from services.monitoring.domain import events as domain
from shared.contracts import monitoring as contracts
from shared.contracts.envelope import Contract
from shared.messaging.outbox import Outgoing


def publish(event: domain.Event) -> Outgoing:
    """The published form of a domain event; its subject is the case."""
    return Outgoing(event.case_id, _contract(event))


def _contract(event: domain.Event) -> Contract:
    match event:
        case domain.FollowUpsScheduled(inception_on=inception_on, visits=visits):
            planned = [contracts.Visit(code=code, method=method.value, due_on=due) for code, method, due in visits]
            return contracts.FollowUpsScheduled(inception_on=inception_on, visits=planned)
        case domain.AttemptRecorded(code=code, outcome=outcome):
            return contracts.AttemptRecorded(code=code, outcome=outcome.value)
        case domain.FollowUpCompleted(code=code, completed_on=completed_on, late=late):
            return contracts.FollowUpCompleted(code=code, completed_on=completed_on, late=late)
        case domain.FollowUpOverdue(code=code, due_on=due_on):
            return contracts.FollowUpOverdue(code=code, due_on=due_on)
        case domain.FollowUpsCancelled(cancelled_on=cancelled_on):
            return contracts.FollowUpsCancelled(cancelled_on=cancelled_on)
        case domain.ContactLost(lost_on=lost_on):
            return contracts.ContactLost(lost_on=lost_on)
        case domain.ContactRegained(regained_on=regained_on):
            return contracts.ContactRegained(regained_on=regained_on)
        case domain.CaseClosed(reason=reason, closed_on=closed_on):
            return contracts.CaseClosed(reason=reason.value, closed_on=closed_on)
        case _:
            assert_never(event)
