"""What leaves reintegration, field by field: amounts and dates; never what is bought, from whom, or why."""

from typing import assert_never

from services.reintegration.domain import events as domain
from shared.contracts import reintegration as contracts
from shared.contracts.envelope import Contract
from shared.messaging.outbox import Outgoing


def publish(event: domain.Event) -> Outgoing:
    """The published form of a domain event; its subject is the case, or the fund."""
    subject = event.fund_id if isinstance(event, domain.FundOpened) else event.case_id
    return Outgoing(subject, _contract(event))


def _contract(event: domain.Event) -> Contract:
    match event:
        case domain.FundOpened(code=code, currency=currency, amount=amount):
            return contracts.FundOpened(code=code, currency=currency, amount=amount)
        case domain.Opened():
            return contracts.ReintegrationOpened(
                inception_on=event.inception_on, office=event.office, country_of_origin=event.country_of_origin
            )
        case domain.PlanSubmitted(fund_id=fund_id, amount=amount, currency=currency, lines=lines):
            return contracts.PlanSubmitted(fund_id=fund_id, amount=amount, currency=currency, lines=lines)
        case domain.PlanApproved(fund_id=fund_id, amount=amount, currency=currency):
            return contracts.PlanApproved(fund_id=fund_id, amount=amount, currency=currency)
        case domain.PlanRejected(fund_id=fund_id, amount=amount, currency=currency):
            return contracts.PlanRejected(fund_id=fund_id, amount=amount, currency=currency)
        case domain.LineDelivered(line=line, amount=amount, currency=currency):
            return contracts.LineDelivered(line=line, amount=amount, currency=currency)
        case domain.DeliveryCorrected(line=line, amount=amount, currency=currency):
            return contracts.DeliveryCorrected(line=line, amount=amount, currency=currency)
        case domain.Completed(spent=spent, currency=currency, completed_on=completed_on):
            return contracts.ReintegrationCompleted(spent=spent, currency=currency, completed_on=completed_on)
        case domain.Cancelled(ending=ending, spent=spent, currency=currency):
            return contracts.ReintegrationCancelled(reason=ending.value, spent=spent, currency=currency)
        case _:
            assert_never(event)
